import numpy as np
import pytest
from skimage.color import deltaE_cie76, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from cinegan_jax.evaluation import compare as module
from cinegan_jax.evaluation.compare import compare


def _expected(picture, reference):
    ssim = structural_similarity(
        picture / 255,
        reference / 255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1,
        channel_axis=-1,
    )
    delta_e = deltaE_cie76(rgb2lab(picture), rgb2lab(reference)).mean()
    return [peak_signal_noise_ratio(reference, picture), ssim, delta_e]


@pytest.mark.parametrize("shape", [(64, 64), (23, 41), (11, 90)])
def test_agrees_with_scikit_image_at_every_size(rng, shape):
    reference = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    pictures = [
        np.clip(reference + rng.integers(-amount, amount, reference.shape), 0, 255).astype(np.uint8)
        for amount in (5, 20, 90)
    ]
    expected = [_expected(picture, reference) for picture in pictures]
    actual = compare(pictures, reference)
    np.testing.assert_allclose(actual[:, :2], np.array(expected)[:, :2], atol=1e-3)
    np.testing.assert_allclose(actual[:, 2], np.array(expected)[:, 2], rtol=1e-3)


def test_sizes_of_one_bucket_share_one_program(rng):
    module._compare.clear_cache()
    for shape in [(20, 30), (64, 64), (33, 11)]:
        compare([np.zeros((*shape, 3), np.uint8)], np.ones((*shape, 3), np.uint8))
    assert module._compare._cache_size() == 1
