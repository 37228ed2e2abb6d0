"""`.cube` and HaldCLUT files as other programs write them, compared with independent readers."""

import warnings
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from scipy.interpolate import RegularGridInterpolator

from cinegan_jax.film.lut import apply_stages
from cinegan_jax.film.lut_files import read_lut
from cinegan_jax.ops.lut import identity_lut

ROWS = "0 0 0\n1 0 0\n0 1 0\n1 1 0\n0 0 1\n1 0 1\n0 1 1\n1 1 1\n"
WARM = "0 0 0\n.9 .1 0\n0 .8 .1\n1 .9 .1\n0 0 .7\n.9 0 .8\n.1 .8 .8\n1 .95 .9\n"
"""Rows of a table with two nodes per axis: the identity, and one that differs everywhere."""


@pytest.fixture
def colours(rng: np.random.Generator) -> np.ndarray:
    return np.concatenate([rng.random((500, 3), np.float32), identity_lut(3).reshape(-1, 3)])


def apply(path: Path, colours: np.ndarray) -> np.ndarray:
    return np.asarray(apply_stages(read_lut(path).stages, colours))


def through_opencolorio(path: Path, colours: np.ndarray) -> np.ndarray:
    ocio = pytest.importorskip("PyOpenColorIO")
    transform = ocio.FileTransform(str(path), interpolation=ocio.INTERP_LINEAR)
    found = colours.copy()
    ocio.Config.CreateRaw().getProcessor(transform).getDefaultCPUProcessor().applyRGB(found)
    return np.clip(found, 0, 1)


@pytest.mark.parametrize(
    "content",
    [
        b'TITLE "Str\xf6m \xa9 Kodak"\nLUT_3D_SIZE 2\n' + WARM.encode(),
        b"\xef\xbb\xbf" + f'TITLE "Str\xf6m"\nLUT_3D_SIZE 2\n{WARM}'.encode(),
        f'TITLE "Str\xf6m"\nLUT_3D_SIZE 2\n{WARM}'.encode("utf-16"),
        f"LUT_3D_SIZE 2\n{WARM}".replace("\n", "\r\n").encode(),
        f"LUT_3D_SIZE 2\n{WARM}".replace("\n", "\r").encode(),
        f"  lut_3d_size\t2\n\n{WARM}".replace(" ", "\t").encode(),
        f"LUT_3D_SIZE 2 # nodes\n{WARM}".replace("0 0 0\n", "0e0 +0.0 -0E-3 # black\n").encode(),
        f"Title two words\nDOMAIN_MIN 0 0 0\ndomain_max 1 1 1\nLUT_3D_SIZE 2\n{WARM}\n\n".encode(),
        b"TITLE \x85\x1c\nLUT_3D_SIZE 2\n" + WARM.encode(),
    ],
    ids=[
        "latin-1",
        "utf-8-mark",
        "utf-16",
        "crlf",
        "cr",
        "lower-tabs",
        "comments",
        "domain",
        "controls",
    ],
)
def test_the_same_table_in_other_words(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "look.cube").write_bytes(content)
    rows = np.array(WARM.split(), np.float32).reshape(2, 2, 2, 3)
    table = read_lut(tmp_path / "look.cube").table()
    np.testing.assert_array_equal(table, rows.transpose(2, 1, 0, 3))


def test_curves(tmp_path: Path, colours: np.ndarray, rng: np.random.Generator) -> None:
    """Compare with numpy's interpolation over the domain, and with OpenColorIO."""
    nodes, path = rng.random((9, 3)), tmp_path / "look.cube"
    rows = "\n".join("{:.9f} {:.9f} {:.9f}".format(*node) for node in nodes)
    path.write_text(f"LUT_1D_SIZE 9\nDOMAIN_MIN -0.5 0 0.1\nDOMAIN_MAX 1.5 1 0.9\n{rows}\n")
    low, high = (-0.5, 0, 0.1), (1.5, 1, 0.9)
    expected = np.stack(
        [np.interp(colours[:, i], np.linspace(low[i], high[i], 9), nodes[:, i]) for i in range(3)],
        axis=-1,
    )
    np.testing.assert_allclose(apply(path, colours), expected, atol=1e-6)
    path.write_text(f"LUT_1D_SIZE 9\n{rows}\n")
    np.testing.assert_allclose(apply(path, colours), through_opencolorio(path, colours), atol=1e-6)


@pytest.mark.parametrize("low", [(0.0, 0.0, 0.0), (-0.25, 0.1, 0.0)])
def test_a_table_with_a_domain(
    tmp_path: Path, colours: np.ndarray, rng: np.random.Generator, low: tuple[float, ...]
) -> None:
    """Compare with SciPy's interpolation, and with colour-science's reader."""
    with warnings.catch_warnings(action="ignore"):  # it misses Matplotlib
        import colour
    table, high, path = rng.random((4, 4, 4, 3)), (2.0, 0.9, 1.0), tmp_path / "look.cube"
    lut = colour.LUT3D(table, "warm", domain=np.array([low, high]))
    colour.write_LUT(lut, str(path), decimals=9)
    axes = tuple(np.linspace(low[i], high[i], 4) for i in range(3))
    expected = RegularGridInterpolator(axes, table)(np.clip(colours, low, high))
    np.testing.assert_allclose(apply(path, colours), expected, atol=1e-5)
    read = colour.read_LUT(str(path))
    inside = colours[(colours >= low).all(axis=1) & (colours <= high).all(axis=1)]
    np.testing.assert_allclose(apply(path, inside), read.apply(inside), atol=1e-5)


def test_curves_and_then_a_table(
    tmp_path: Path, colours: np.ndarray, rng: np.random.Generator
) -> None:
    """DaVinci Resolve's shaper, as OpenColorIO applies it."""
    path = tmp_path / "shaper.cube"
    curve = np.linspace(-0.2, 1.2, 65) ** 3
    table = rng.random((27, 3))
    heads = (
        "LUT_1D_SIZE 65\nLUT_1D_INPUT_RANGE -0.2 1.2\nLUT_3D_SIZE 3\nLUT_3D_INPUT_RANGE -0.1 1.5"
    )
    rows = [*np.repeat(curve[:, None], 3, axis=1), *table]
    text = "\n".join(" ".join(f"{value:.9f}" for value in row) for row in rows)
    path.write_text(f"{heads}\n{text}\n")
    np.testing.assert_allclose(apply(path, colours), through_opencolorio(path, colours), atol=1e-5)
    sampled = np.asarray(read_lut(path).table(65))
    nodes = identity_lut(65)
    np.testing.assert_allclose(sampled, apply(path, nodes), atol=1e-6)


def test_video_range(tmp_path: Path, colours: np.ndarray) -> None:
    """Levels 64 to 940 of 1023 enter and leave the table; the identity stays one."""
    path = tmp_path / "video.cube"
    path.write_text(f"LUT_3D_SIZE 2\nLUT_IN_VIDEO_RANGE\nLUT_OUT_VIDEO_RANGE\n{ROWS}")
    np.testing.assert_allclose(apply(path, colours), colours, atol=1e-6)
    path.write_text(f"LUT_3D_SIZE 2\nLUT_IN_VIDEO_RANGE\n{ROWS}")
    np.testing.assert_allclose(apply(path, colours), (64 + 876 * colours) / 1023, atol=1e-6)
    path.write_text(f"LUT_3D_SIZE 2\nLUT_OUT_VIDEO_RANGE\n{ROWS}")
    expected = np.clip((1023 * colours - 64) / 876, 0, 1)
    np.testing.assert_allclose(apply(path, colours), expected, atol=1e-6)


def _grey_alpha(grey: np.ndarray) -> Image.Image:
    return Image.fromarray(np.stack([grey, np.full_like(grey, 255)], axis=-1), "LA")


def _palette(grey: np.ndarray) -> Image.Image:
    image = Image.fromarray(grey, "P")
    image.putpalette(bytes(value for level in range(256) for value in [level] * 3))
    return image


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated")
@pytest.mark.parametrize("make", [Image.fromarray, _grey_alpha, _palette], ids=["L", "LA", "P"])
def test_a_grey_hald_makes_greys(
    tmp_path: Path, rng: np.random.Generator, make: Callable[[np.ndarray], Image.Image]
) -> None:
    grey = rng.integers(0, 256, (27, 27), np.uint8)
    make(grey).save(tmp_path / "h3.png")
    lut = read_lut(tmp_path / "h3.png")
    expected = (grey.astype(np.float32) / 255).reshape(9, 9, 9).transpose(2, 1, 0)
    for channel in range(3):
        np.testing.assert_allclose(lut.table()[..., channel], expected, atol=1e-7)
    assert lut.neutral


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_hald_of_16_bits_and_any_channels(
    tmp_path: Path, rng: np.random.Generator, channels: int
) -> None:
    image = rng.integers(0, 65536, (8, 8, channels), np.uint16).squeeze()
    (tmp_path / "h2.png").write_bytes(imagecodecs.png_encode(image))
    found = read_lut(tmp_path / "h2.png").table()[1, 0, 0]
    first = np.atleast_1d(image[0, 1])
    np.testing.assert_allclose(found, (first[:3] if channels > 2 else first[[0, 0, 0]]) / 65535)


def test_a_claimed_size_is_checked_before_the_image_is_decoded(tmp_path: Path) -> None:
    huge = imagecodecs.png_encode(np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "a.png").write_bytes(huge[:16] + bytes([127, 255, 255, 255] * 2) + huge[24:])
    with pytest.raises(Exception, match="2147483647 x 2147483647 pixels; a HaldCLUT"):
        read_lut(tmp_path / "a.png")
