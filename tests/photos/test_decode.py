"""Reading image files, against numpy and the sRGB formula (IEC 61966-2-1)."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from cinegan_jax.photos.decode import decode
from cinegan_jax.photos.kinds import is_photo
from cinegan_jax.photos.photo import UnreadablePhoto


def _save(tmp_path, image, name="a.png", **options):
    path = tmp_path / name
    image.save(path, **options)
    return path


def _random(rng, shape):
    return rng.integers(0, 256, shape, np.uint8)


def test_rgb_is_read_as_stored(tmp_path: Path, rng: np.random.Generator) -> None:
    photo = _random(rng, (6, 9, 3))
    for name in ("a.png", "b.TIF", "c.tiff"):
        np.testing.assert_array_equal(decode(_save(tmp_path, Image.fromarray(photo), name)), photo)


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda p: p),
        (2, lambda p: p[:, ::-1]),
        (3, lambda p: p[::-1, ::-1]),
        (4, lambda p: p[::-1]),
        (5, lambda p: p.transpose(1, 0, 2)),
        (6, lambda p: np.rot90(p, -1)),
        (7, lambda p: np.rot90(p, 2).transpose(1, 0, 2)),
        (8, lambda p: np.rot90(p)),
    ],
)
def test_exif_orientation_is_applied(
    tmp_path: Path,
    rng: np.random.Generator,
    orientation: int,
    upright: Callable[[np.ndarray], np.ndarray],
) -> None:
    photo = _random(rng, (6, 9, 3))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = _save(tmp_path, Image.fromarray(photo), exif=exif)
    np.testing.assert_array_equal(decode(path), upright(photo))


def test_grey_and_palette_become_rgb(tmp_path: Path, rng: np.random.Generator) -> None:
    grey = _random(rng, (6, 9))
    expected = np.repeat(grey[..., None], 3, axis=-1)
    np.testing.assert_array_equal(decode(_save(tmp_path, Image.fromarray(grey))), expected)
    palette = Image.fromarray(grey).convert("P")
    np.testing.assert_array_equal(decode(_save(tmp_path, palette)), expected)


def test_sixteen_bit_grey_is_rounded(tmp_path: Path) -> None:
    grey = np.array([[0, 128, 129, 257, 65535]], np.uint16)
    decoded = decode(_save(tmp_path, Image.fromarray(grey)))
    np.testing.assert_array_equal(decoded[0, :, 0], [0, 0, 1, 1, 255])


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    rgba = np.array([[[10, 20, 30, 255], [10, 20, 30, 0]]], np.uint8)
    decoded = decode(_save(tmp_path, Image.fromarray(rgba)))
    np.testing.assert_array_equal(decoded, [[[10, 20, 30], [255, 255, 255]]])


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    cmyk = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    red = decode(_save(tmp_path, cmyk, "a.jpg", quality=100))
    assert red.shape == (8, 8, 3)
    np.testing.assert_allclose(red[4, 4], [255, 0, 0], atol=3)


def _linear_profile() -> bytes:
    """An sRGB-primaries profile whose tone curves are linear, from littleCMS' own sRGB."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132])
    for entry in range(count):
        start = 132 + 12 * entry
        signature, offset = profile[start : start + 4], int.from_bytes(profile[start + 4 :][:4])
        if signature in (b"rTRC", b"gTRC", b"bTRC"):
            profile[offset : offset + 12] = b"curv" + bytes(8)
        if signature == b"desc":
            profile[offset : offset + 60] = profile[offset : offset + 60].replace(b"s", b"x")
    return bytes(profile)


def test_embedded_profile_is_converted_to_srgb(tmp_path: Path, rng: np.random.Generator) -> None:
    linear = rng.integers(16, 256, (4, 4, 3), np.uint8)
    path = _save(tmp_path, Image.fromarray(linear), icc_profile=_linear_profile())
    expected = 255 * (1.055 * (linear / 255) ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(decode(path), expected, atol=2)


def test_srgb_profile_changes_nothing(tmp_path: Path, rng: np.random.Generator) -> None:
    photo = _random(rng, (6, 9, 3))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = _save(tmp_path, Image.fromarray(photo), icc_profile=profile)
    np.testing.assert_array_equal(decode(path), photo)


def test_damaged_profile_is_ignored(tmp_path: Path, rng: np.random.Generator) -> None:
    photo = _random(rng, (6, 9, 3))
    path = _save(tmp_path, Image.fromarray(photo), icc_profile=b"no profile")
    np.testing.assert_array_equal(decode(path), photo)


def test_reduced_decoding_keeps_twice_the_least_side(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 512).astype(np.uint8)
    photo = np.broadcast_to(ramp[None, :, None], (400, 512, 3))
    path = _save(tmp_path, Image.fromarray(photo.copy()), "a.jpg", quality=95)
    assert decode(path, least_side=100).shape == (200, 256, 3)
    assert decode(path, least_side=101).shape == (400, 512, 3)
    np.testing.assert_allclose(decode(path, least_side=50)[50, ::8, 0], ramp[2::32], atol=4)


def test_broken_files_are_named(tmp_path: Path, rng: np.random.Generator) -> None:
    buffer = io.BytesIO()
    Image.fromarray(_random(rng, (64, 64, 3))).save(buffer, "png")
    for name, content in {
        "empty.png": b"",
        "text.png": b"hello",
        "cut.png": buffer.getvalue()[:5000],
    }.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UnreadablePhoto, match=name):
            decode(path)
    with pytest.raises(UnreadablePhoto, match=r"none\.png"):
        decode(tmp_path / "none.png")


def test_floating_point_image_is_refused(tmp_path: Path) -> None:
    path = _save(tmp_path, Image.fromarray(np.zeros((4, 4), np.float32)), "a.tif")
    with pytest.raises(UnreadablePhoto, match="8 or 16 bits"):
        decode(path)


def test_image_files_are_known_by_their_ending(tmp_path: Path) -> None:
    names = ["a.PNG", "b c.jpeg", "._a.png", "a.txt", "a.tif", "a.WebP", ".jpg", "noending"]
    assert [n for n in names if is_photo(tmp_path / n)] == ["a.PNG", "b c.jpeg", "a.tif", "a.WebP"]
