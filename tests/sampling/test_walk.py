import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import geometric_slerp

from cinegan_jax.core.errors import UserError
from cinegan_jax.sampling.walk import closed_walk, slerp


def test_unit_vectors_are_interpolated_like_scipy(rng: np.random.Generator) -> None:
    ends = rng.normal(size=(2, 20))
    ends /= np.linalg.norm(ends, axis=1, keepdims=True)
    way = np.linspace(0, 1, 9)
    found = slerp(ends[:1], ends[1:], way)
    np.testing.assert_allclose(found, geometric_slerp(*ends, way), atol=1e-6)


@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_normal_latents_keep_their_usual_length(seed: int, way: float) -> None:
    """On a straight line the length would fall to 0.71 of the usual in the middle."""
    start, end = np.random.default_rng(seed).normal(size=(2, 100))
    lengths = [np.linalg.norm(latent) for latent in (start, end)]
    found = np.linalg.norm(slerp(start, end, np.array(way)))
    assert 0.9 * min(lengths) < found < 1.1 * max(lengths)


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0])
def test_parallel_latents_are_joined_by_a_straight_line(
    rng: np.random.Generator, factor: float
) -> None:
    start = rng.normal(size=12)
    found = slerp(start, factor * start, np.array(0.25))
    np.testing.assert_allclose(found, (0.75 + 0.25 * factor) * start, rtol=1e-5, atol=1e-6)


def test_a_walk_passes_its_stations_and_is_closed(rng: np.random.Generator) -> None:
    stations = rng.normal(size=(4, 10)).astype(np.float32)
    walk = closed_walk(stations, 40)
    assert walk.shape == (40, 10)
    assert walk.dtype == np.float32
    np.testing.assert_allclose(walk[::10], stations, atol=1e-6)
    np.testing.assert_allclose(walk[35], slerp(stations[3], stations[0], np.array(0.5)), atol=1e-6)
    ring = np.concatenate([walk, walk[:1]])
    longest = np.linalg.norm(stations, axis=1).max()
    assert np.linalg.norm(np.diff(ring, axis=0), axis=1).max() < np.pi * longest / 10


def test_frames_may_be_any_number(rng: np.random.Generator) -> None:
    stations = rng.normal(size=(3, 10)).astype(np.float32)
    np.testing.assert_allclose(closed_walk(stations, 7)[0], stations[0], atol=1e-6)
    assert len(closed_walk(stations, 7)) == 7


def test_impossible_walks_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(UserError, match="two latents or more, not 1"):
        closed_walk(rng.normal(size=(1, 4)), 10)
    with pytest.raises(UserError, match="5 latents needs 5 frames or more, not 4"):
        closed_walk(rng.normal(size=(5, 4)), 4)
