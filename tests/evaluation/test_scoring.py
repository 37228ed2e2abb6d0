import dataclasses

import numpy as np
import pytest
from skimage.color import deltaE_cie76, deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from cinegan_jax.evaluation import scoring
from cinegan_jax.evaluation.scoring import score_images
from cinegan_jax.metrics.registry import PAIRED_METRICS
from cinegan_jax.ops.images import to_unit

METRICS = ("psnr", "ssim", "delta_e_76", "delta_e_2000")


def _expected(image: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    ssim = structural_similarity(
        image / 255,
        reference / 255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1,
        channel_axis=-1,
    )
    labs = rgb2lab(image), rgb2lab(reference)
    return {
        "psnr": peak_signal_noise_ratio(reference, image),
        "ssim": ssim,
        "delta_e_76": deltaE_cie76(*labs).mean(),
        "delta_e_2000": deltaE_ciede2000(*labs).mean(),
    }


@pytest.mark.parametrize("shape", [(64, 64), (23, 41), (11, 90)])
def test_agrees_with_scikit_image_at_every_size(
    rng: np.random.Generator, shape: tuple[int, int]
) -> None:
    reference = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    images = [
        np.clip(reference + rng.integers(-amount, amount, reference.shape), 0, 255).astype(np.uint8)
        for amount in (5, 20, 90)
    ]
    references = [reference, 255 - reference]
    for reference, found in zip(references, score_images(images, references, METRICS), strict=True):
        for scores, image in zip(found, images, strict=True):
            for metric, expected in _expected(image, reference).items():
                assert scores[metric] == pytest.approx(expected, rel=1e-3, abs=1e-3), metric


def test_sizes_of_one_bucket_share_one_program(rng: np.random.Generator) -> None:
    scoring._score.clear_cache()
    for shape in [(20, 30), (64, 64), (33, 11)]:
        image, reference = np.zeros((*shape, 3), np.uint8), np.ones((*shape, 3), np.uint8)
        score_images([image], [reference], METRICS)
    assert scoring._score._cache_size() == 1


def test_padding_changes_no_metric(rng: np.random.Generator) -> None:
    """Each metric of a image of 65 x 70 is what its own function says of it, unpadded."""
    images = rng.integers(0, 256, (2, 65, 70, 3), dtype=np.uint8)
    reference = rng.integers(0, 256, (65, 70, 3), dtype=np.uint8)
    [found] = score_images(images, [reference])
    for name, metric in PAIRED_METRICS.items():
        references = np.broadcast_to(to_unit(reference), images.shape)
        expected = metric.function(to_unit(images), references)
        actual = [scores[name] for scores in found]
        np.testing.assert_allclose(actual, expected, rtol=1e-4, err_msg=name)


def test_further_metrics_are_scored_beside(rng: np.random.Generator) -> None:
    metric = dataclasses.replace(PAIRED_METRICS["psnr"], name="other")
    images = rng.integers(0, 256, (2, 20, 30, 3), dtype=np.uint8)
    [found] = score_images(images, images[:1], ("psnr",), [metric])
    assert found[0]["other"] == np.inf
    assert found[1]["other"] == pytest.approx(found[1]["psnr"])
