"""LUT files written here by hand, read back; and the ways they can be wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from cinegan_jax.core.errors import UserError
from cinegan_jax.film.lut_files import encode_cube, read_lut, write_lut
from cinegan_jax.ops.lut import identity_lut


def cube_text(lut: np.ndarray, header: str = "") -> str:
    """Write a .cube file as its specification says: red varies fastest."""
    size = len(lut)
    rows = [
        "{:.7f} {:.7f} {:.7f}".format(*lut[r, g, b])
        for b in range(size)
        for g in range(size)
        for r in range(size)
    ]
    return "\n".join(["# a comment", header, f"LUT_3D_SIZE {size}", *rows]) + "\n"


@pytest.mark.parametrize(
    "header", ["", 'TITLE "warm"', "DOMAIN_MIN 0 0 0\nDOMAIN_MAX 1.0 1.0 1.0\n"]
)
def test_cube(tmp_path: Path, rng: np.random.Generator, header: str) -> None:
    lut = rng.random((5, 5, 5, 3))
    path = tmp_path / "my look.CUBE"
    path.write_text(cube_text(lut, header))
    np.testing.assert_allclose(read_lut(path).table(), lut, atol=1e-6)


def test_cube_agrees_with_colour_science(tmp_path: Path, rng: np.random.Generator) -> None:
    from colour.io import read_LUT_IridasCube

    path = tmp_path / "look.cube"
    path.write_text(cube_text(rng.random((4, 4, 4, 3))))
    expected = read_LUT_IridasCube(str(path)).table
    np.testing.assert_allclose(read_lut(path).table(), expected, atol=1e-6)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_hald(
    tmp_path: Path, rng: np.random.Generator, kind: type[np.unsignedinteger[Any]]
) -> None:
    """A HaldCLUT is the colours in reading order, red fastest."""
    level, top = 3, np.iinfo(kind).max
    lut = rng.integers(0, top, (9, 9, 9, 3), kind, endpoint=True)
    pixels = [lut[r, g, b] for b in range(9) for g in range(9) for r in range(9)]
    image = np.array(pixels, kind).reshape(level**3, level**3, 3)
    path = tmp_path / "hald.png"
    path.write_bytes(imagecodecs.png_encode(image))
    np.testing.assert_allclose(read_lut(path).table(), lut / top, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0 0 0\n" * 8, "no line LUT_3D_SIZE"),
        ("LUT_3D_SIZE 2\n" + "0 0 0\n" * 7, "7 rows of colours, but LUT_3D_SIZE 2 needs 8"),
        (
            "LUT_3D_SIZE 2\n" + "0 0 0\n" * 9,
            "more than 8 rows of colours, but LUT_3D_SIZE 2 needs 8",
        ),
        ("LUT_1D_SIZE 16\n", "0 rows of colours, but LUT_1D_SIZE 16 needs 16"),
        (
            "LUT_1D_SIZE 2\nLUT_3D_SIZE 2\n0 0 0\n",
            "1 rows of colours, but LUT_1D_SIZE 2 and LUT_3D",
        ),
        ("LUT_3D_SIZE 2\nDOMAIN_MAX 2 2\n", "line 2: DOMAIN_MAX needs 3 numbers, not 2"),
        ("LUT_3D_SIZE 2\nDOMAIN_MAX 0 1 1\n", "input range .* is empty"),
        ("LUT_3D_SIZE 2\n1e99 0 0\n", "line 2: '1e99' is not a number"),
        ("LUT_1D_SIZE 99999999999999999999\n", "N must be 2 to 65536"),
        ("0 0 0\nLUT_3D_SIZE 2\n", "no line LUT_3D_SIZE N or LUT_1D_SIZE N before its colours"),
        ("x" * 20_000, "line 1: no text"),
        ("LUT_3D_SIZE 2\n0 0\n", "line 2: 2 numbers, but a colour has 3"),
        ("LUT_3D_SIZE 2\n0 0 1.2.3\n", "line 2: '1.2.3' is not a number"),
        ("LUT_3D_SIZE 9999\n", "N must be 2 to 256"),
        ("NONSENSE 1\n", "'NONSENSE' is no keyword"),
    ],
)
def test_wrong_cubes_are_named(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "bad.cube"
    path.write_text(text)
    with pytest.raises(UserError, match=f"bad.cube.*{says}"):
        read_lut(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no LUT file .*missing\.cube"):
        read_lut(tmp_path / "missing.cube")
    binary = tmp_path / "binary.cube"
    binary.write_bytes(bytes(range(256)))
    with pytest.raises(UserError, match="line 1: no text"):
        read_lut(binary)
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"a\.png cannot be read as a PNG"):
        read_lut(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(imagecodecs.png_encode(np.zeros((8, 9, 3), np.uint8)))
    with pytest.raises(UserError, match=r"9 x 8 pixels; .* 8, 27, 64, .*, 4096 \(level"):
        read_lut(tmp_path / "b.png")
    (tmp_path / "look.3dl").write_text("x")
    with pytest.raises(UserError, match=r"unknown LUT format '\.3dl'"):
        read_lut(tmp_path / "look.3dl")


@pytest.mark.parametrize("size", [2, 17, 33])
def test_a_written_cube_comes_back_exactly(
    tmp_path: Path, rng: np.random.Generator, size: int
) -> None:
    lut = rng.random((size, size, size, 3), np.float32)
    lut[0, 0, 0] = [0, 1, 1e-7]
    write_lut(tmp_path / "look.cube", lut, ["two\nlines", "naïve"])
    np.testing.assert_array_equal(read_lut(tmp_path / "look.cube").table(), lut)


def test_a_cube_has_nothing_that_a_reader_refuses() -> None:
    lines = encode_cube(identity_lut(2), ["a look\nLUT_1D_SIZE 9", "naïve"]).decode("ascii")
    comments, (head, *colours) = lines.splitlines()[:3], lines.splitlines()[3:]
    assert comments == [
        "# a look LUT_1D_SIZE 9",
        "# na?ve",
        "# Input and output are sRGB-encoded.",
    ]
    assert head == "LUT_3D_SIZE 2"
    assert colours[:3] == [
        "0.000000 0.000000 0.000000",
        "1.000000 0.000000 0.000000",
        "0.000000 1.000000 0.000000",
    ]


def test_a_written_hald_comes_back(tmp_path: Path, rng: np.random.Generator) -> None:
    """Exactly what 16 bits hold, and 512x512 pixels at level 8."""
    levels = rng.integers(0, 65535, (64, 64, 64, 3), np.uint16, endpoint=True)
    write_lut(tmp_path / "look.png", levels / np.float32(65535))
    found = read_lut(tmp_path / "look.png").table()
    np.testing.assert_array_equal(np.rint(found * 65535), levels)
    assert imagecodecs.png_decode((tmp_path / "look.png").read_bytes()).shape == (512, 512, 3)


@pytest.mark.parametrize("name", ["look.cube", "look.png"])
def test_a_written_identity_is_the_identity(tmp_path: Path, name: str) -> None:
    identity = identity_lut(16)
    write_lut(tmp_path / name, identity)
    atol = {"look.cube": 0, "look.png": 0.5 / 65535}[name]
    found = read_lut(tmp_path / name).table()
    np.testing.assert_allclose(found, identity, rtol=1e-6, atol=atol)


def test_a_failed_write_leaves_no_file_behind(
    tmp_path: Path, mount_disk: Callable[[str], Path]
) -> None:
    lut = identity_lut(9)
    with pytest.raises(UserError, match=r"unknown LUT format '\.3dl'"):
        write_lut(tmp_path / "look.3dl", lut)
    with pytest.raises(UserError, match="4, 9, 16, 25, 36, 49 or 64 nodes an axis, not 33"):
        write_lut(tmp_path / "look.png", identity_lut(33))
    with pytest.raises(UserError, match=r"nowhere/look\.cube cannot be written: No such file"):
        write_lut(tmp_path / "nowhere" / "look.cube", lut)
    assert not list(tmp_path.iterdir())
    disk = mount_disk("64k")
    write_lut(disk / "look.cube", identity_lut(2))
    with pytest.raises(UserError, match=r"look\.cube cannot be written: No space left"):
        write_lut(disk / "look.cube", identity_lut(33))
    assert [path.name for path in disk.iterdir()] == ["look.cube"]
    assert len(read_lut(disk / "look.cube").table()) == 2
