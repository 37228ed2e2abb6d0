"""The latents that families draw by default."""

from collections.abc import Callable

import jax
import numpy as np
import pytest
from scipy import stats

from cinegan_jax.core.errors import UserError
from cinegan_jax.families.api import LatentFamily, example_keys


class _Latents(LatentFamily):
    latent_size = 128


Draw = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def draw() -> Draw:
    family = _Latents()

    def latents(count: int, truncation: float = 0.0, seed: int = 2) -> np.ndarray:
        keys = example_keys(jax.random.key(seed), count)
        return np.asarray(jax.jit(lambda keys: family.latents(keys, truncation))(keys))

    return latents


def test_latents_are_standard_normal_without_outliers(draw: Draw) -> None:
    """This many draws include the one for which a truncated normal would return its bound."""
    latents = draw(2**15)
    assert latents.shape == (2**15, 128)
    assert latents.dtype == np.float32
    assert 4.5 < np.abs(latents).max() < 6
    assert stats.kstest(latents[:100].ravel(), "norm").pvalue > 0.01


@pytest.mark.parametrize("bound", [0.5, 2.0])
def test_truncated_latents(draw: Draw, bound: float) -> None:
    latents = draw(200, bound)
    assert 0.99 * bound < np.abs(latents).max() <= bound
    assert stats.kstest(latents.ravel(), stats.truncnorm(-bound, bound).cdf).pvalue > 0.01


def test_a_latent_depends_on_its_key_alone(draw: Draw) -> None:
    np.testing.assert_array_equal(draw(3), draw(200)[:3])
    assert len(np.unique(draw(200)[:, 0])) == 200


@pytest.mark.parametrize("bound", [-1.0, np.nan, np.inf])
def test_an_invalid_bound_is_refused(draw: Draw, bound: float) -> None:
    with pytest.raises(UserError, match=f"truncation={bound} must be a number, 0 or more"):
        draw(2, bound)
