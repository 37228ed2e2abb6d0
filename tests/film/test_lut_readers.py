"""Our LUT files in other people's readers: each applies one to random colours as we do."""

import shutil
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cinegan_jax.film.lut_files import write_lut
from cinegan_jax.ops.lut import apply_lut, identity_lut

SIZES = {".cube": 17, ".png": 16}
KINDS = list(SIZES)


@pytest.fixture
def lut(request: pytest.FixtureRequest, rng: np.random.Generator) -> np.ndarray:
    """A random LUT, so that no node can be taken for its neighbour."""
    size = SIZES[request.getfixturevalue("path").suffix]
    return rng.random((size, size, size, 3), np.float32)


@pytest.fixture(params=KINDS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"my look{request.param}"


@pytest.fixture
def colours(rng: np.random.Generator) -> np.ndarray:
    """uint16 [h, w, 3], with the corners of the cube among them."""
    image = rng.integers(0, 65535, (24, 32, 3), np.uint16, endpoint=True)
    corners = identity_lut(2).reshape(-1, 3) * 65535
    image[0, :8] = corners
    return image


def through_opencolorio(path: Path, colours: np.ndarray) -> np.ndarray:
    """uint16 [h, w, 3] to unit float32, trilinear."""
    ocio = pytest.importorskip("PyOpenColorIO")
    transform = ocio.FileTransform(str(path), interpolation=ocio.INTERP_LINEAR)
    found = colours.astype(np.float32) / 65535
    ocio.Config.CreateRaw().getProcessor(transform).getDefaultCPUProcessor().applyRGB(found)
    return found


def through_ffmpeg(path: Path, colours: np.ndarray) -> np.ndarray:
    """uint16 [h, w, 3] to the same, trilinear."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    height, width = colours.shape[:2]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb48le"]
    source = [*raw, "-s", f"{width}x{height}", "-i", "-"]
    if path.suffix == ".cube":
        graph = ["-vf", f"lut3d=file='{path}':interp=trilinear"]
    else:
        graph = ["-i", str(path), "-filter_complex", "haldclut=interp=trilinear"]
    command = ["ffmpeg", "-v", "error", *source, *graph, *raw, "-frames:v", "1", "-"]
    done = subprocess.run(command, input=colours.tobytes(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return np.frombuffer(done.stdout, np.uint16).reshape(colours.shape)


@pytest.mark.parametrize("path", [".cube"], indirect=True)
def test_opencolorio(path: Path, lut: np.ndarray, colours: np.ndarray) -> None:
    write_lut(path, lut, ["a comment"])
    expected = apply_lut(lut, colours.astype(np.float32) / 65535)
    np.testing.assert_allclose(through_opencolorio(path, colours), expected, atol=1e-5)


def test_ffmpeg(path: Path, lut: np.ndarray, colours: np.ndarray) -> None:
    write_lut(path, lut, ["a comment"])
    expected = apply_lut(lut, colours.astype(np.float32) / 65535) * 65535
    np.testing.assert_allclose(through_ffmpeg(path, colours), expected, atol=2)


@pytest.mark.parametrize("path", [".cube"], indirect=True)
def test_colour_science(path: Path, lut: np.ndarray, colours: np.ndarray) -> None:
    with warnings.catch_warnings(action="ignore"):  # it misses Matplotlib
        import colour
    write_lut(path, lut, ["a comment"])
    read = colour.read_LUT(str(path))
    np.testing.assert_array_equal(read.table.astype(np.float32), lut)
    unit = colours / 65535
    np.testing.assert_allclose(read.apply(unit), apply_lut(lut, unit), atol=1e-6)


def test_pillow_lut(path: Path, lut: np.ndarray, colours: np.ndarray) -> None:
    """Pillow works with 8 bits, and takes that much of a HaldCLUT."""
    loaders = pytest.importorskip("pillow_lut")
    load = loaders.load_cube_file if path.suffix == ".cube" else loaders.load_hald_image
    write_lut(path, lut)
    image = (colours >> 8).astype(np.uint8)
    found = np.asarray(Image.fromarray(image).filter(load(str(path))))
    expected = apply_lut(lut, image.astype(np.float32) / 255) * 255
    np.testing.assert_allclose(found, expected, atol=1.51)


@pytest.mark.parametrize("size", [17, 33, 65])
def test_an_identity_changes_no_16_bit_colour(
    tmp_path: Path, colours: np.ndarray, size: int
) -> None:
    """ffmpeg truncates to whole levels, so its result may be one level lower."""
    path = tmp_path / "identity.cube"
    write_lut(path, identity_lut(size))
    np.testing.assert_array_equal(np.rint(through_opencolorio(path, colours) * 65535), colours)
    np.testing.assert_allclose(through_ffmpeg(path, colours), colours, atol=1)
