from functools import partial

import numpy as np
import pytest
from listed_pairs import ListedPairs

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.examples import BrokenExample
from cinegan_jax.data.pairs import Pair
from cinegan_jax.evaluation import methods
from cinegan_jax.evaluation.methods import fit_lut_baseline, lut_generate
from cinegan_jax.ops.lut import fit_lut


def _look(photo: np.ndarray) -> np.ndarray:
    """A smooth colour operator that mixes channels."""
    unit = photo / 255
    mixed = unit @ np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.0, 0.2, 0.8]]).T
    return np.rint(255 * (0.05 + 0.9 * mixed**1.2)).astype(np.uint8)


@pytest.fixture(autouse=True)
def coarse_lut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A LUT of few nodes, which is quick to fit."""
    monkeypatch.setattr(methods, "fit_lut", partial(fit_lut, size=9))


@pytest.fixture
def pairs(rng: np.random.Generator, listed_pairs: type[ListedPairs]) -> ListedPairs:
    photos = [rng.integers(0, 256, (40 + i, 50, 3), dtype=np.uint8) for i in range(4)]
    return listed_pairs([Pair(str(i), photo, _look(photo)) for i, photo in enumerate(photos)])


@pytest.fixture
def lut(pairs: ListedPairs) -> np.ndarray:
    return fit_lut_baseline(pairs, pixels=5_000)


def test_recovers_a_smooth_colour_operator(rng: np.random.Generator, lut: np.ndarray) -> None:
    photo = rng.integers(0, 256, (30, 30, 3), dtype=np.uint8)
    error = lut_generate(lut)(photo).astype(int) - _look(photo)
    assert np.sqrt(np.mean(error**2)) < 2


def test_is_the_same_for_the_same_seed_and_not_for_another(
    pairs: ListedPairs, lut: np.ndarray
) -> None:
    np.testing.assert_array_equal(fit_lut_baseline(pairs, pixels=5_000), lut)
    assert np.any(fit_lut_baseline(pairs, pixels=5_000, seed=1) != lut)


def test_broken_pairs_are_passed_over(
    rng: np.random.Generator, listed_pairs: type[ListedPairs]
) -> None:
    photo = rng.integers(0, 256, (80, 80, 3), dtype=np.uint8)
    source = listed_pairs([BrokenExample("torn", "truncated"), Pair("whole", photo, 255 - photo)])
    negative = lut_generate(fit_lut_baseline(source, pixels=5_000))
    error = negative(photo).astype(int) - (255 - photo)
    assert np.sqrt(np.mean(error**2)) < 2


def test_nothing_but_broken_pairs_is_an_error(listed_pairs: type[ListedPairs]) -> None:
    with pytest.raises(UserError, match="none of 1 training pairs can be read"):
        fit_lut_baseline(listed_pairs([BrokenExample("torn", "truncated")]))
