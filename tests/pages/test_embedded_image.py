"""Images inside a page."""

import base64
import io

import numpy as np
from PIL import Image

from cinegan_jax.pages.page import data_uri, to_jpeg


def smooth(height: int, width: int) -> Image.Image:
    ramp = np.add.outer(np.linspace(0, 120, height), np.linspace(0, 120, width))
    return Image.fromarray(np.stack([ramp, ramp, 255 - ramp], axis=-1).astype(np.uint8))


def test_the_long_side_is_bounded_and_the_shape_kept() -> None:
    small = Image.open(io.BytesIO(to_jpeg(smooth(300, 900), 300)))
    assert (small.format, small.size) == ("JPEG", (300, 100))
    expected = smooth(300, 900).resize((300, 100), Image.Resampling.BOX)
    assert np.abs(np.asarray(small, int) - np.asarray(expected, int)).mean() < 2


def test_a_small_image_keeps_its_size_and_loses_its_alpha() -> None:
    with_alpha = smooth(40, 30).convert("RGBA")
    assert Image.open(io.BytesIO(to_jpeg(with_alpha, 300))).size == (30, 40)


def test_the_data_uri_holds_the_file() -> None:
    jpeg = to_jpeg(smooth(20, 20), 20)
    head, _, body = data_uri(jpeg).partition(",")
    assert head == "data:image/jpeg;base64"
    assert base64.b64decode(body) == jpeg
