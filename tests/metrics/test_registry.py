from pathlib import Path

import numpy as np
import pytest

from cinegan_jax.metrics.image_checks import checked_images
from cinegan_jax.metrics.registry import PAIRED_METRICS, PairedMetric, lpips_metric

NAMES = tuple(PAIRED_METRICS)


@pytest.fixture(params=NAMES)
def metric(request: pytest.FixtureRequest) -> PairedMetric:
    return PAIRED_METRICS[request.param]


@pytest.fixture
def image_pair(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Photo-like images with highlights, and noisy ones: unit [2, 64, 72, 3]."""
    rows, columns = np.mgrid[:64, :72] / 72
    waves = np.sin(9 * rows + 5 * columns + rng.uniform(0, 6, (2, 3, 1, 1)))
    references = np.moveaxis(0.5 + 0.45 * waves, 1, -1)
    images = np.clip(references + rng.normal(0, 0.05, references.shape), 0, 1)
    return images.astype(np.float32), references.astype(np.float32)


def test_names_are_the_keys() -> None:
    assert list(NAMES) == [metric.name for metric in PAIRED_METRICS.values()]
    assert len({metric.label for metric in PAIRED_METRICS.values()}) == len(NAMES)


def test_more_noise_is_worse_in_the_stated_direction(
    metric: PairedMetric, image_pair: tuple[np.ndarray, np.ndarray]
) -> None:
    images, references = image_pair
    near, far = (
        metric.function(references + (images - references) / 4, references),
        metric.function(images, references),
    )
    assert ((near > far) == metric.higher_is_better).all()


def test_each_image_has_its_own_score(
    metric: PairedMetric, image_pair: tuple[np.ndarray, np.ndarray]
) -> None:
    images, references = image_pair
    alone = [metric.function(images[i : i + 1], references[i : i + 1])[0] for i in range(2)]
    np.testing.assert_allclose(metric.function(images, references), alone, rtol=1e-5)
    assert alone[0] != alone[1]


def test_nan_scores_nan_and_padding_is_ignored(
    metric: PairedMetric, image_pair: tuple[np.ndarray, np.ndarray]
) -> None:
    width = [(0, 0), (0, 5), (0, 3), (0, 0)]
    padded = [np.pad(x, width, constant_values=np.nan) for x in image_pair]
    assert np.isnan(metric.function(*padded)).all()
    found = metric.function(*padded, ignore_nans=True)
    np.testing.assert_allclose(found, metric.function(*image_pair), rtol=1e-4)


def test_smallest_side(metric: PairedMetric, rng: np.random.Generator) -> None:
    side = metric.smallest_side
    images, references = rng.uniform(0.5, 1, (2, 1, side, side + 1, 3)).astype(np.float32)
    assert np.isfinite(metric.function(images, references)).all()
    if side > 1:
        with pytest.raises(ValueError, match=rf"{side}x{side} pixels, got {side - 1}x{side + 1}"):
            metric.function(images[:, 1:], references[:, 1:])


def test_only_metrics_of_parts_may_lack_a_score(metric: PairedMetric) -> None:
    black = np.zeros((1, metric.smallest_side, metric.smallest_side, 3), np.float32)
    assert np.isnan(metric.function(black, black)).all() == metric.may_lack


def test_images_that_cannot_be_compared_are_refused(metric: PairedMetric) -> None:
    image = np.zeros((1, 64, 64, 3), np.float32)
    for other, message in [
        (image[:, :-1], r"equal shapes, got \(1, 64, 64, 3\) and \(1, 63, 64, 3\)"),
        (image.astype(np.uint8), "floats in unit range, got uint8"),
    ]:
        with pytest.raises(ValueError, match=message):
            metric.function(image, other)


@pytest.mark.parametrize("shape", [(64, 64, 3), (1, 64, 64, 1)])
def test_only_batches_of_rgb_are_compared(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"images \[n, h, w, 3\], got"):
        checked_images("SSIM", np.zeros(shape), np.zeros(shape))


def test_lpips_is_named_after_its_backbone(tmp_path: Path, rng: np.random.Generator) -> None:
    from cinegan_jax.metrics.lpips import lpips_weight_shapes
    from cinegan_jax.nets.weights_file import WeightsFormat, write_weights

    arrays = {name: np.zeros(shape) for name, shape in lpips_weight_shapes("alex").items()}
    write_weights(tmp_path / "lpips", arrays, WeightsFormat("cinegan-lpips", "1"), {"net": "alex"})
    metric = lpips_metric(tmp_path / "lpips")
    assert (metric.name, metric.label, metric.smallest_side) == (
        "lpips_alex",
        "LPIPS (AlexNet)",
        31,
    )
    assert not metric.higher_is_better
