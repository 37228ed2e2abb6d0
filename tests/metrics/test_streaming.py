"""Running sums, against numpy on all images at once, on other devices, and in two processes."""

from collections.abc import Iterable

import jax
import numpy as np
import pytest
from several_processes import in_processes

from cinegan_jax.metrics import streaming
from cinegan_jax.metrics.devices import own_indices
from cinegan_jax.metrics.registry import PAIRED_METRICS
from cinegan_jax.metrics.streaming import Moments, RunningMeans, RunningMoments, mean_scores


def assert_moments_of(moments: Moments, vectors: np.ndarray) -> None:
    vectors = vectors.astype(np.float64)
    assert moments.count == len(vectors)
    np.testing.assert_allclose(moments.mean, vectors.mean(0), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(moments.covariance, np.cov(vectors.T), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("sizes", [[50], [1, 1, 1, 47], [0, 20, 0, 30], [13] * 4])
def test_moments_of_a_stream(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, sizes: list[int]
) -> None:
    monkeypatch.setattr(streaming, "BLOCK", 16)
    vectors = rng.normal(3, 1, (sum(sizes), 4)).astype(np.float32)
    running = RunningMoments(4)
    for part in np.split(vectors, np.cumsum(sizes)[:-1]):
        running.add(part)
        assert sum(map(len, running._waiting)) < 16
    assert_moments_of(running.moments(), vectors)
    assert_moments_of(running.moments(), vectors)  # asking changes nothing


def test_moments_far_from_zero_keep_their_precision(rng: np.random.Generator) -> None:
    """Sums of squares would lose all of a deviation of 1e-3 at 1e6."""
    vectors = 1e6 + 1e-3 * rng.normal(size=(4000, 2))
    parts = [Moments.of(part) for part in np.split(vectors, 40)]
    total = sum(parts[1:], parts[0])
    np.testing.assert_allclose(total.covariance, np.cov(vectors.T), rtol=1e-6, atol=1e-12)
    naive = (vectors**2).sum(0) / 4000 - vectors.mean(0) ** 2
    assert np.abs(naive / 1e-6 - 1).max() > 1


def test_moments_of_too_few_vectors(rng: np.random.Generator) -> None:
    empty = RunningMoments(3).moments()
    one = Moments.of(rng.normal(size=(1, 3)))
    for moments in (empty, empty + empty, one, one + empty):
        with pytest.raises(ValueError, match=r"two vectors or more, there is [01]"):
            _ = moments.covariance
    np.testing.assert_array_equal((empty + one).mean, one.mean)


def test_running_means_leave_out_nan_and_keep_infinity(rng: np.random.Generator) -> None:
    psnr, highlights = rng.normal(size=(2, 20))
    highlights[[0, 3, 19]] = np.nan
    running = RunningMeans(["psnr", "highlights", "none", "equal"])
    for part in (slice(0, 7), slice(7, 20)):
        running.add({"psnr": psnr[part], "highlights": highlights[part]})
    running.add({"none": np.array([np.nan]), "equal": np.array([np.inf, 3.0])})
    means = running.means()
    assert means["psnr"] == pytest.approx(psnr.mean(), rel=1e-14)
    assert means["highlights"] == pytest.approx(np.nanmean(highlights), rel=1e-14)
    assert np.isnan(means["none"])
    assert np.isinf(means["equal"])


def made_images(count: int, side: int = 24) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(8)
    references = rng.uniform(size=(count, side, side, 3)).astype(np.float32)
    noise = rng.normal(0, 0.1, references.shape).astype(np.float32)
    return np.clip(references + noise, 0, 1), references


def assert_devices_agree(names: Iterable[str], side: int) -> None:
    """Batches of unlike lengths over eight devices, one device, and the plain metric."""
    metrics = {name: PAIRED_METRICS[name].function for name in names}
    images, references = made_images(19, side)
    plain = {
        name: np.nanmean(np.asarray(metric(images, references), np.float64))
        for name, metric in metrics.items()
    }
    for devices in (jax.devices(), jax.devices()[:1]):
        batches = [(images[a:b], references[a:b]) for a, b in ((0, 3), (3, 14), (14, 19))]
        got = mean_scores(metrics, batches, per_device=1, devices=devices)
        assert got == pytest.approx(plain, rel=1e-5)


def test_means_do_not_depend_on_the_devices() -> None:
    assert_devices_agree(["psnr", "ssim", "delta_e_76"], 24)


@pytest.mark.slow
def test_means_of_all_metrics_do_not_depend_on_the_devices() -> None:
    assert_devices_agree(PAIRED_METRICS, 64)


def own_sums() -> tuple[int, int, np.ndarray, np.ndarray, dict[str, float]]:
    """Compute, in one process, moments and means of its own half of eleven images."""
    images, references = made_images(11)
    own = list(own_indices(11))
    vectors = images[own].reshape(len(own), -1)[:, :6]
    running = RunningMoments(6)
    running.add(vectors)
    moments = running.moments().gather()
    metrics = {"psnr": PAIRED_METRICS["psnr"].function}
    means = mean_scores(metrics, [(images[own], references[own])], per_device=2)
    return len(own), moments.count, moments.mean, moments.scatter, means


@pytest.mark.slow
def test_two_processes_find_what_one_finds() -> None:
    images, references = made_images(11)
    expected = np.mean(PAIRED_METRICS["psnr"].function(images, references))
    results = in_processes(own_sums)
    assert [own for own, *_ in results] == [6, 5]
    for _, *moments, means in results:
        assert_moments_of(Moments(*moments), images.reshape(11, -1)[:, :6])
        assert means["psnr"] == pytest.approx(float(expected), rel=1e-6)
    np.testing.assert_array_equal(results[0][3], results[1][3])
