"""Decoding to 8 bits for training, against Pillow, NumPy and the sRGB formula."""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from image_files import exif_of, saved
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from cinegan_jax.photos import decode as decoding
from cinegan_jax.photos.decode import decode
from cinegan_jax.photos.kinds import is_photo
from cinegan_jax.photos.photo import UnreadablePhoto


def _save(tmp_path: Path, image: Image.Image, name: str = "a.png", **options: Any) -> Path:
    path = tmp_path / name
    image.save(path, **options)
    return path


def _random(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
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


def _by_pillow(data: bytes) -> np.ndarray:
    """Decode by Pillow alone: upright, and composited over white."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "tiff", "bmp", "gif", "avif"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "CMYK"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_every_format_is_decoded_as_by_pillow(
    tmp_path: Path, rng: np.random.Generator, format: str, mode: str, orientation: int
) -> None:
    if (format, mode) in {("jpeg", "RGBA"), ("jpeg", "P")} or (
        mode == "CMYK" and format not in ("jpeg", "tiff")
    ):
        pytest.skip(f"{format} cannot hold {mode}")
    image = Image.fromarray(_random(rng, (24, 40, 4)), "RGBA" if mode == "RGBA" else "CMYK")
    if mode in ("L", "RGB"):
        image = Image.fromarray(_random(rng, (24, 40, 3))).convert(mode)
    elif mode == "P":
        image = Image.fromarray(_random(rng, (24, 40, 3))).quantize(32)
    exif = {} if format in ("bmp", "gif") else {"exif": exif_of(orientation).tobytes()}
    data = saved(image, format, **exif)
    path = tmp_path / f"a.{format}"
    path.write_bytes(data)
    np.testing.assert_array_equal(decode(path), _by_pillow(data))


def test_heic_is_decoded_upright_and_in_srgb(tmp_path: Path, blocks: np.ndarray) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    path = tmp_path / "IMG_1.HEIC"
    size = (blocks.shape[1], blocks.shape[0])
    with path.open("wb") as file:
        exif = exif_of(6).tobytes()
        pillow_heif.encode("RGB", size, blocks.tobytes(), file, exif=exif, quality=95, chroma=444)
    found = decode(path)
    assert np.abs(found.astype(int) - np.rot90(blocks, -1)).mean() < 4


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bit_png_and_tiff_agree(
    tmp_path: Path, rng: np.random.Generator, channels: int
) -> None:
    """Opaque grey is rounded; other samples keep their high byte, as Pillow does."""
    samples = rng.integers(0, 65536, (12, 10, channels), np.uint16)
    if channels in (2, 4):
        samples[..., -1] = 65535
    stored = samples[..., 0] if channels == 1 else samples
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(stored))
    tifffile.imwrite(
        tmp_path / "a.tif",
        stored,
        photometric="rgb" if channels > 2 else "minisblack",
        extrasamples=["unassalpha"] if channels in (2, 4) else None,
        planarconfig="contig" if channels > 1 else None,
    )
    colours = samples[..., : 3 if channels > 2 else 1]
    expected = np.rint(colours / 257) if channels == 1 else colours >> 8
    expected = np.broadcast_to(expected, (12, 10, 3))
    for name in ("a.png", "a.tif"):
        np.testing.assert_array_equal(decode(tmp_path / name), expected)


def test_associated_alpha_of_a_tiff_is_divided_out(tmp_path: Path) -> None:
    """Half transparent red over white is pink, whether alpha is associated or not."""
    for kind, red in (("assocalpha", 128), ("unassalpha", 255)):
        pixel = np.array([[[red, 0, 0, 128]]], np.uint8)
        path = tmp_path / f"{kind}.tif"
        tifffile.imwrite(path, pixel, photometric="rgb", extrasamples=[kind])
        np.testing.assert_array_equal(decode(path), [[[255, 127, 127]]])


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "jpeg"])
def test_ycbcr_tiff_has_the_colours_of_its_source(
    tmp_path: Path, blocks: np.ndarray, compression: str
) -> None:
    image = Image.fromarray(blocks).convert("YCbCr")
    path = _save(tmp_path, image, "a.tif", compression=compression)
    found = decode(path).astype(int)
    assert np.abs(found - np.asarray(image.convert("RGB"))).mean() < 3


@pytest.mark.parametrize("dtype", [np.int16, np.uint32, np.int32])
def test_wide_grey_tiff_of_small_levels_is_read_as_sixteen_bits(
    tmp_path: Path, dtype: type[np.integer[Any]]
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.array([[0, 257, 25700]], dtype), photometric="minisblack")
    np.testing.assert_array_equal(decode(path)[0, :, 0], [0, 1, 100])


def test_orientation_of_old_imagemagick_pngs(tmp_path: Path, rng: np.random.Generator) -> None:
    photo, exif = _random(rng, (6, 9, 3)), exif_of(6).tobytes()
    info = PngImagePlugin.PngInfo()
    info.add_text("Raw profile type exif", f"\nexif\n{len(exif):8}\n{exif.hex()}\n", zip=True)
    path = _save(tmp_path, Image.fromarray(photo), pnginfo=info)
    np.testing.assert_array_equal(decode(path), np.rot90(photo, -1))


def test_threads_decode_at_once(tmp_path: Path, rng: np.random.Generator) -> None:
    """Every format, with profiles, metadata and alpha, from eight threads."""
    exif = exif_of(6).tobytes()
    for name in ("a.jpg", "b.png", "c.tif", "d.webp", "e.avif"):
        image = Image.fromarray(_random(rng, (40, 56, 3)))
        _save(tmp_path, image, name, exif=exif, icc_profile=_linear_profile())
    _save(tmp_path, Image.fromarray(_random(rng, (40, 56, 4))), "f.png")
    paths = sorted(tmp_path.iterdir())
    expected = {path: decode(path) for path in paths}
    jobs = [paths[index] for index in rng.integers(0, len(paths), 400)]
    with ThreadPoolExecutor(8) as threads:
        for path, found in zip(jobs, threads.map(decode, jobs), strict=True):
            np.testing.assert_array_equal(found, expected[path])


def test_too_large_images_are_refused_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _save(tmp_path, Image.new("RGB", (200, 100)))
    monkeypatch.setattr(decoding, "MAX_DECODED_PIXELS", 19_999)
    with pytest.raises(UnreadablePhoto, match=r"a\.png: 200 x 100 pixels"):
        decode(path)


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


def test_floating_point_image_is_read(tmp_path: Path) -> None:
    levels = np.array([[0.0, 0.5, 1.0]], np.float32)
    path = _save(tmp_path, Image.fromarray(levels), "a.tif")
    np.testing.assert_array_equal(decode(path)[0, :, 0], [0, 128, 255])


def test_image_files_are_recognised_by_their_ending(tmp_path: Path) -> None:
    names = ["a.PNG", "b c.jpeg", "._a.png", "a.txt", "a.HEIC", "a.cr2", ".jpg", "noending"]
    assert [n for n in names if is_photo(tmp_path / n)] == ["a.PNG", "b c.jpeg", "a.HEIC", "a.cr2"]
