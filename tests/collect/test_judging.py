"""Measured properties of images."""

import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from misbehaving_site import image_file
from PIL import Image
from scipy import fft

from cinegan_jax.collect.judging import Judgement, bits_between, chroma, judge


def saved(
    folder: Path, pixels: np.ndarray | Image.Image, name: str = "a.png", **options: object
) -> Path:
    path = folder / name
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(path, **options)
    return path


def noise(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.integers(0, 256, shape, np.uint8)


def test_size_is_measured_after_exif_rotation(tmp_path: Path, rng: np.random.Generator) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    judgement = judge(saved(tmp_path, noise(rng, 40, 60, 3), "a.jpg", exif=exif))
    assert (judgement.width, judgement.height, judgement.broken) == (40, 60, "")


def test_likeness_is_the_perceptual_hash(tmp_path: Path, rng: np.random.Generator) -> None:
    """Compare with the definition, computed with SciPy's cosine transform."""
    pixels = noise(rng, 32, 32, 3)
    grey = np.asarray(Image.fromarray(pixels).convert("L"), np.float64)
    low = fft.dctn(grey, type=2)[:8, :8]
    bits = (low > np.median(low)).ravel()
    expected = int("".join("01"[bit] for bit in bits.astype(int)), 2)
    assert judge(saved(tmp_path, pixels)).likeness == f"{expected:016x}"


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.resize((150, 100), Image.Resampling.LANCZOS),
        lambda image: image.point(lambda level: min(255, round(0.9 * level + 20))),
        lambda image: Image.blend(image, image.rotate(180), 0.02),
    ],
    ids=["reduced", "brighter", "mixed with little else"],
)
def test_likeness_survives_only_small_changes(
    tmp_path: Path, change: Callable[[Image.Image], Image.Image]
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(image_file(1, (300, 200)))
    changed = saved(tmp_path, change(Image.open(path)), "b.jpg", quality=50)
    other = tmp_path / "c.jpg"
    other.write_bytes(image_file(2, (300, 200)))
    likeness = [judge(each).likeness for each in (path, changed, other)]
    assert bits_between(likeness[0], likeness[1]) <= 6
    assert bits_between(likeness[0], likeness[2]) > 12


def test_chroma_of_flat_colours() -> None:
    for colour, expected in (((90, 90, 90), 0), ((200, 150, 100), 100), ((0, 255, 0), 255)):
        assert chroma(Image.new("RGB", (100, 80), colour)) == expected


def test_noise_is_grey_after_reduction(rng: np.random.Generator) -> None:
    grey = np.repeat(noise(rng, 640, 640, 1), 3, axis=-1)
    assert chroma(Image.fromarray(grey)) == 0
    speckled = np.clip(grey + rng.normal(0, 10, grey.shape), 0, 255).astype(np.uint8)
    assert chroma(Image.fromarray(speckled)) < 12


def test_a_small_coloured_object_on_white_is_not_grey() -> None:
    pixels = np.full((300, 300, 3), 250, np.uint8)
    pixels[100:145, 100:145] = (220, 130, 90)  # 2.25 % of it
    assert chroma(Image.fromarray(pixels)) > 100


def test_truncated_images_are_broken(tmp_path: Path, rng: np.random.Generator) -> None:
    for name in ("a.jpg", "a.png", "a.webp"):
        path = saved(tmp_path, noise(rng, 64, 64, 3), name)
        assert judge(path).broken == ""
        path.write_bytes(path.read_bytes()[:-200])
        judgement = judge(path)
        assert judgement.broken
        assert str(tmp_path) not in judgement.broken


def test_a_decompression_bomb_is_refused_before_decoding(tmp_path: Path) -> None:
    """A PNG of 30,000 x 30,000 pixels in 100 bytes."""
    ihdr = (30_000).to_bytes(4) * 2 + b"\x08\x02\0\0\0"
    chunks = ((b"IHDR", ihdr), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b""))
    path = tmp_path / "bomb.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(len(c).to_bytes(4) + k + c + zlib.crc32(k + c).to_bytes(4) for k, c in chunks)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        judgement = judge(path)
    assert "more than 89 megapixels" in judgement.broken


def test_a_judgement_is_valid_until_its_file_changes(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    path = saved(tmp_path, noise(rng, 64, 64, 3))
    judgement = judge(path)
    assert judgement.is_of(path)
    assert Judgement(**vars(judgement)).is_of(path)
    path.write_bytes(path.read_bytes() + b"more")
    assert not judgement.is_of(path)
