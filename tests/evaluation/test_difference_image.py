import numpy as np
from skimage.color import deltaE_cie76, rgb2lab

from cinegan_jax.evaluation.paired_page import difference_image


def test_difference_images_show_delta_e_in_grey(rng: np.random.Generator) -> None:
    image, reference = rng.integers(0, 256, (2, 20, 30, 3), dtype=np.uint8)
    image[:10] = np.clip(reference[:10] + 3.0, 0, 255)
    shown = difference_image(image, reference)
    expected = 255 * np.minimum(deltaE_cie76(rgb2lab(image), rgb2lab(reference)) / 20, 1)
    assert shown.dtype == np.uint8
    np.testing.assert_allclose(shown, expected[..., None].repeat(3, -1), atol=0.6)
    assert not difference_image(image, image).any()
