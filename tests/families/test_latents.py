"""The latents that families draw by default."""

import jax
import numpy as np
import pytest
from scipy import stats

from cinegan_jax.core.errors import UserError
from cinegan_jax.families.api import LatentFamily, example_keys


class _Latents(LatentFamily):
    latent_size = 128


@pytest.fixture(scope="module")
def draw():
    family = _Latents()

    def latents(count: int, truncation: float = 0.0, seed: int = 2) -> np.ndarray:
        keys = example_keys(jax.random.key(seed), count)
        return np.asarray(jax.jit(lambda keys: family.latents(keys, truncation))(keys))

    return latents


def test_standard_normal_without_outliers(draw):
    """Among so many is the draw that a normal distribution truncated at infinity makes of -1."""
    latents = draw(2**15)
    assert latents.shape == (2**15, 128)
    assert latents.dtype == np.float32
    assert 4.5 < np.abs(latents).max() < 6
    assert stats.kstest(latents[:100].ravel(), "norm").pvalue > 0.01


@pytest.mark.parametrize("bound", [0.5, 2.0])
def test_truncated(draw, bound):
    latents = draw(200, bound)
    assert 0.99 * bound < np.abs(latents).max() <= bound
    assert stats.kstest(latents.ravel(), stats.truncnorm(-bound, bound).cdf).pvalue > 0.01


def test_each_key_has_its_own_whatever_is_drawn_beside_it(draw):
    np.testing.assert_array_equal(draw(3), draw(200)[:3])
    assert len(np.unique(draw(200)[:, 0])) == 200


@pytest.mark.parametrize("bound", [-1.0, np.nan, np.inf])
def test_a_bound_that_is_none(draw, bound):
    with pytest.raises(UserError, match=f"truncation={bound} must be a number, 0 or more"):
        draw(2, bound)
