"""AVIF and HEIC of 10 and 12 bits, animations and code points, against libavif and libheif."""

import io
import subprocess
import sys
from dataclasses import replace
from typing import Any

import colour
import imagecodecs
import numpy as np
import pytest
import tifffile
from colour import RGB_COLOURSPACES
from image_files import XMP, exif_of, reread, saved
from PIL import Image

from cinegan_jax.photos.decode import decode
from cinegan_jax.photos.encode import EncodeOptions, encode_photo, encode_with_notes
from cinegan_jax.photos.isobmff import box, boxes, code_points
from cinegan_jax.photos.kinds import is_photo, kind_of
from cinegan_jax.photos.metadata import Metadata
from cinegan_jax.photos.photo import Photo, UnreadablePhoto
from cinegan_jax.photos.profile_builders import adobe_rgb_profile
from cinegan_jax.photos.read import read_photo


def _read(data: bytes) -> Photo:
    return read_photo(data, name="photo", max_pixels=10**6)


def _avif(levels: np.ndarray, bits: int, **options: Any) -> bytes:
    form = "400" if levels.ndim == 2 or levels.shape[-1] < 3 else "444"
    options = {"bitspersample": bits, "pixelformat": form} | options
    return bytes(imagecodecs.avif_encode(levels, 98, speed=8, **options))


@pytest.fixture
def deep(blocks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """uint16 [h, w, 4] in blocks, over the whole range."""
    alpha = np.kron(rng.integers(30, 226, (4, 6, 1), np.uint8), np.ones((8, 8, 1), np.uint8))
    fine = np.kron(rng.integers(0, 257, (4, 6, 4), np.uint16), np.ones((8, 8, 1), np.uint16))
    return np.concatenate([blocks, alpha], axis=-1).astype(np.uint16) * np.uint16(257) + fine


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_avif_keeps_its_bits(deep: np.ndarray, bits: int, channels: int) -> None:
    levels = deep[..., :channels] >> (16 - bits)
    photo = _read(_avif(levels[..., 0] if channels == 1 else levels, bits))
    near = 10 * 2 ** (16 - bits)
    expected = np.broadcast_to(deep[..., : min(channels, 3)], photo.pixels.shape)
    assert np.abs(photo.pixels.astype(int) - expected).mean() < near
    written = encode_photo(photo, photo.pixels, EncodeOptions(quality=98))
    assert reread(written).size == (48, 32)  # Pillow has a libavif of its own
    samples = imagecodecs.avif_decode(written)
    assert 2 ** (bits - 1) < samples.max() < 2**bits
    assert np.abs(_read(written).pixels.astype(int) - photo.pixels).mean() < near
    if channels == 4:
        assert np.abs(_read(written).alpha.astype(int) - deep[..., 3]).mean() < near


@pytest.mark.parametrize("bits", [10, 12])
def test_heic_keeps_its_bits(deep: np.ndarray, bits: int) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    pixels = np.ascontiguousarray(deep[..., :3])
    options = {"quality": 98, "chroma": 444, "bit_depth": bits}
    pillow_heif.encode("RGB;16", (48, 32), pixels.tobytes(), file, **options)
    photo = _read(file.getvalue())
    assert np.abs(photo.pixels.astype(int) - pixels).mean() < 300
    for format in ("heic", "avif"):
        written = encode_photo(photo, photo.pixels, EncodeOptions(format, quality=98))
        seen = pillow_heif.open_heif(io.BytesIO(written), convert_hdr_to_8bit=False)
        assert seen.info["bit_depth"] == bits
        assert np.abs(_read(written).pixels.astype(int) - photo.pixels).mean() < 300


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("profile", [None, adobe_rgb_profile()], ids=["srgb", "adobe"])
def test_avif_keeps_profile_and_metadata(
    deep: np.ndarray, dtype: Any, profile: bytes | None
) -> None:
    """Pillow reads what was written, with a libavif of its own."""
    pixels = deep[..., :3] if dtype == np.uint16 else (deep[..., :3] >> 8).astype(np.uint8)
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, photometric="rgb", iccprofile=profile, metadata=None)
    photo = _read(file.getvalue())
    metadata = Metadata(
        exif_of(1).tobytes().removeprefix(b"Exif\0\0"), XMP.replace(b"ORIENTATION", b"1")
    )
    photo = replace(photo, source=replace(photo.source, metadata=metadata))
    written = encode_photo(photo, photo.pixels, EncodeOptions("avif", quality=98))
    seen = reread(written)
    assert seen.info.get("icc_profile") == profile
    assert seen.info["xmp"] == metadata.xmp
    assert seen.getexif()[0x010F] == "Camera"
    again = _read(written)
    assert (again.source.bits, again.source.profile) == (8 * pixels.itemsize, profile)
    full = np.iinfo(photo.pixels.dtype).max
    assert np.abs(again.pixels / full - photo.pixels / full).mean() < 2 / 255
    if profile is None:
        assert code_points(written) == (1, 13)


def test_the_first_frame_of_an_animated_avif(blocks: np.ndarray) -> None:
    frames = [Image.fromarray(frame) for frame in (255 - blocks, blocks[::-1])]
    first = Image.fromarray(blocks)
    data = saved(first, "avif", save_all=True, append_images=frames, quality=95)
    photo = _read(data)
    assert photo.source.notes == ("has 3 frames; the first is used",)
    assert np.abs(photo.pixels.astype(int) - blocks).mean() < 10


def test_animated_avifs_do_not_corrupt_memory(blocks: np.ndarray, tmp_path: Any) -> None:
    """Decode in a process whose allocator checks itself."""
    frames = [Image.fromarray(np.roll(blocks, shift, axis=1)) for shift in range(1, 6)]
    for index in range(6):
        data = saved(Image.fromarray(blocks), "avif", save_all=True, append_images=frames)
        (tmp_path / f"{index}.avif").write_bytes(data)
    program = (
        "import sys, pathlib; from cinegan_jax.photos.read import read_photo\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).iterdir()) * 3:\n"
        "    print(read_photo(path, max_pixels=10**6).pixels.shape)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        env={"MALLOC_CHECK_": "3", "MALLOC_PERTURB_": "7", "PYTHONPATH": ":".join(sys.path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert done.stdout.count("(32, 48, 3)") == 18


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
@pytest.mark.parametrize("bits", [8, 10])
def test_hdr_avif_is_refused_by_name(
    deep: np.ndarray, tmp_path: Any, transfer: int, name: str, bits: int
) -> None:
    levels = deep[..., :3] >> (16 - bits)
    levels = levels.astype(np.uint8) if bits == 8 else levels
    data = _avif(levels, bits, primaries=9, transfer=transfer)
    with pytest.raises(UnreadablePhoto, match=rf"an HDR image \({name}\)"):
        _read(data)
    (tmp_path / "a.avif").write_bytes(data)
    with pytest.raises(UnreadablePhoto, match=name):
        decode(tmp_path / "a.avif")


def _with_nclx(heic: bytes, primaries: int, transfer: int) -> bytes:
    """Replace the code points of a HEIC in place."""
    at = heic.index(b"colrnclx") + 8
    return heic[:at] + bytes((0, primaries, 0, transfer)) + heic[at + 4 :]


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_heic_is_refused_by_name(blocks: np.ndarray, transfer: int, name: str) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    pillow_heif.encode("RGB", (48, 32), blocks.tobytes(), file, quality=90)
    with pytest.raises(UnreadablePhoto, match=rf"an HDR image \({name}\)"):
        _read(_with_nclx(file.getvalue(), 9, transfer))


def test_code_points_of_avif_are_converted(deep: np.ndarray) -> None:
    space = RGB_COLOURSPACES["Display P3"]
    data = _avif(deep[..., :3] >> 6, 10, primaries=12, transfer=13)
    levels = imagecodecs.avif_decode(data) / 1023
    srgb = RGB_COLOURSPACES["sRGB"]
    options = {"apply_cctf_decoding": True, "apply_cctf_encoding": True}
    expected = colour.RGB_to_RGB(levels, space, srgb, **options)
    seen = _read(data).pixels / 65535
    np.testing.assert_allclose(seen, np.clip(expected, 0, 1), atol=2 / 255)
    for primaries, transfer in ((1, 1), (2, 2), (1, 6), (6, 6)):
        named = _read(_avif(deep[..., :3] >> 6, 10, primaries=primaries, transfer=transfer))
        assert named.source.profile is None


def test_code_points_of_another_item_are_not_those_of_the_image(deep: np.ndarray) -> None:
    """A thumbnail or gain map may have code points of its own."""
    data = _avif(deep[..., :3] >> 6, 10, primaries=12, transfer=13)
    meta = dict(boxes(dict(boxes(data))[b"meta"], 4))
    ipco = dict(boxes(meta[b"iprp"]))[b"ipco"]
    stray = box(b"colr", b"nclx" + bytes((0, 9, 0, 16, 0, 0, 0)))
    changed = data.replace(box(b"ipco", ipco), box(b"ipco", ipco + stray))
    sizes = {b"meta": len(stray), b"iprp": len(stray)}
    for name, more in sizes.items():
        at = changed.index(name) - 4
        size = int.from_bytes(changed[at : at + 4]) + more
        changed = changed[:at] + size.to_bytes(4) + changed[at + 4 :]
    assert code_points(changed) == (12, 13)


def test_kinds_by_content_and_ending(tmp_path: Any) -> None:
    def brands(*names: bytes) -> bytes:
        return box(b"ftyp", names[0] + bytes(4) + b"".join(names[1:])) + bytes(50)

    assert kind_of(brands(b"mif1", b"avif")) == "avif"
    assert kind_of(brands(b"avis", b"msf1")) == "avif"
    assert kind_of(brands(b"mif1", b"heic")) == "heic"
    assert kind_of(brands(b"mif1", b"miaf")) == "heic"
    assert kind_of(brands(b"isom", b"mp42")) is None
    names = ("a.HIF", "a.jfif", "a.JPE", "a.jxl", "a.heif")
    assert all(is_photo(tmp_path / name) for name in names)


@pytest.mark.parametrize(
    ("source", "target", "note"),
    [
        ("avif", "jpeg", "its 12 bits per channel become 8 in JPEG"),
        ("avif", "tiff", None),
        ("avif", "avif", None),
        ("tiff", "avif", "its 16 bits per channel become 10 in AVIF"),
        ("tiff", "heic", "its 16 bits per channel become 10 in HEIC"),
        ("tiff", "png", None),
    ],
)
def test_bits_that_a_format_lacks_are_named(source: str, target: str, note: str | None) -> None:
    if target == "heic":
        pytest.importorskip("pillow_heif")
    levels = np.random.default_rng(0).integers(0, 4096, (16, 24, 3), np.uint16)
    made = {
        "avif": lambda: imagecodecs.avif_encode(levels, bitspersample=12),
        "tiff": lambda: tiff_of(levels * 16),
    }
    photo = read_photo(bytes(made[source]()), max_pixels=1000)
    notes = encode_with_notes(photo, photo.pixels, EncodeOptions(target)).notes
    assert [each for each in notes if "bits" in each] == ([note] if note else [])


def tiff_of(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, samples, photometric="rgb")
    return file.getvalue()
