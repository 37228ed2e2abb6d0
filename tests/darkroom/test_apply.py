"""`cinegan apply` as a user runs it. Strength 0 keeps the photo, so the network does not run."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from click.testing import Result
from PIL import Image

from cinegan_jax.photos.light import Light
from cinegan_jax.photos.read import read_photo

Apply = Callable[..., Result]
WritePhoto = Callable[..., Path]


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def files(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder, drafts included."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_the_result_is_written_beside_the_photo(
    apply: Apply, write_photo: WritePhoto, tiny_look: Path, tmp_path: Path
) -> None:
    photo = write_photo(tmp_path / "album" / "IMG_1.png", 70, 90)
    before = photo.read_bytes()
    result = apply(photo, "--weights", tiny_look)
    assert result.exit_code == 0, result.stderr
    assert "1 developed, 0 skipped, 0 failed" in result.stdout
    made = tmp_path / "album" / "IMG_1_tiny.png"
    assert str(made) in result.stdout
    assert set(files(tmp_path / "album")) == {"IMG_1.png", "IMG_1_tiny.png"}
    assert photo.read_bytes() == before
    assert pixels(made).shape == (90, 70, 3)
    assert np.abs(pixels(made) - pixels(photo).astype(int)).mean() > 5


def test_the_result_is_written_to_the_output(
    apply: Apply, write_photo: WritePhoto, tmp_path: Path
) -> None:
    photo, out = write_photo(tmp_path / "a.png"), tmp_path / "out"
    assert apply(photo, "-o", out / "named.webp", "--strength", 0).exit_code == 0
    tiff = ("--suffix", "", "--format", "tiff")
    assert apply(photo, "-o", out / "sub", "--strength", 0, *tiff).exit_code == 0
    assert set(files(out)) == {"named.webp", "sub/a.tif"}
    np.testing.assert_array_equal(pixels(out / "sub" / "a.tif"), pixels(photo))
    with Image.open(out / "named.webp") as image:
        assert (image.format, image.size) == ("WEBP", (40, 28))


def test_exposure_and_white_balance_are_applied_before_the_look(
    apply: Apply, write_photo: WritePhoto, tmp_path: Path
) -> None:
    photo, made = write_photo(tmp_path / "a.png"), tmp_path / "a_classic_neg.png"
    light = ("--exposure", -1, "--white-balance", 8000)
    result = apply(photo, "--strength", 0, *light)
    assert result.exit_code == 0, result.stderr
    expected = read_photo(photo, max_pixels=10**6, light=Light(-1.0, "8000")).pixels
    assert np.abs(pixels(made) - expected / 257).max() <= 1
    assert np.abs(pixels(made) - pixels(photo).astype(int)).mean() > 20
    refused = apply(photo, "--white-balance", "tungsten")
    assert refused.exit_code == 2
    assert "white balance is 'tungsten', but must be one of" in refused.stderr


def test_subfolders_are_kept(apply: Apply, write_photo: WritePhoto, tmp_path: Path) -> None:
    for name in ("in/1.png", "in/x/1.png", "in/x/y/2.png"):
        write_photo(tmp_path / name)
    command = (tmp_path / "in", "--strength", 0, "-o", tmp_path / "in" / "out")
    assert apply(*command).exit_code == 0
    assert set(files(tmp_path / "in" / "out")) == {"1_classic_neg.png"}
    assert "2 developed, 1 skipped" in apply(*command, "--recursive").stdout
    names = {"1_classic_neg.png", "x/1_classic_neg.png", "x/y/2_classic_neg.png"}
    assert set(files(tmp_path / "in" / "out")) == names
    assert "0 developed, 3 skipped" in apply(*command, "--recursive").stdout


def test_two_photos_never_share_a_result(
    apply: Apply, write_photo: WritePhoto, tmp_path: Path
) -> None:
    first, second = write_photo(tmp_path / "1" / "a.png"), write_photo(tmp_path / "2" / "a.png")
    command = (first.parent, second.parent, "--strength", 0, "-o", tmp_path / "out")
    for developed in (1, 0):
        result = apply(*command)
        assert result.exit_code == 1
        assert f"{developed} developed, {1 - developed} skipped, 1 failed" in result.stdout
        assert f"{second}: its result would be" in result.stdout
        assert f"like that of {first}" in result.stdout
    np.testing.assert_array_equal(pixels(tmp_path / "out" / "a_classic_neg.png"), pixels(first))


def test_a_photo_is_never_replaced(apply: Apply, write_photo: WritePhoto, tmp_path: Path) -> None:
    photo, other = write_photo(tmp_path / "a.png"), write_photo(tmp_path / "a_x.png")
    before = files(tmp_path)
    (tmp_path / "hard.png").hardlink_to(photo)
    for command in (
        (photo, "--suffix", "", "--overwrite"),
        (photo, "-o", photo, "--overwrite"),
        (photo, "-o", tmp_path, "--suffix", "", "--overwrite"),
    ):
        result = apply(*command, "--strength", 0.0)
        assert result.exit_code == 1
        assert f"would replace the photo {photo}" in result.stdout
    (tmp_path / "hard.png").unlink()
    assert files(tmp_path) == before
    assert other.exists()


def test_an_existing_result_is_kept_without_overwrite(
    apply: Apply, write_photo: WritePhoto, tmp_path: Path
) -> None:
    photo, made = write_photo(tmp_path / "a.png"), tmp_path / "a_classic_neg.png"
    made.write_bytes(b"mine")
    result = apply(photo, "--strength", 0)
    assert result.exit_code == 0
    assert "skipped: " in result.stdout
    assert "its result exists (--overwrite replaces it)" in result.stdout
    assert made.read_bytes() == b"mine"
    assert apply(photo, "--strength", 0, "--overwrite").exit_code == 0
    np.testing.assert_array_equal(pixels(made), pixels(photo))


def test_results_are_not_developed_again(
    apply: Apply, write_photo: WritePhoto, tmp_path: Path
) -> None:
    write_photo(tmp_path / "a.png")
    for look in ("_classic_neg", "_own"):
        assert apply(tmp_path, "--strength", 0, "--suffix", look).exit_code == 0
    given = sorted(tmp_path.glob("*.png"))  # as a shell expands *.png
    assert "0 developed, 3 skipped" in apply(*given, "--strength", 0, "--suffix", "_own").stdout
    assert set(files(tmp_path)) == {"a.png", "a_classic_neg.png", "a_own.png"}


def test_grain_differs_between_photos_and_is_reproducible(
    apply: Apply, write_photo: WritePhoto, tmp_path: Path
) -> None:
    first = write_photo(tmp_path / "a.png", 200, 200)
    shutil.copy(first, tmp_path / "b.png")
    command = (tmp_path, "--strength", 0, "--grain", "-o", tmp_path / "out")
    assert apply(*command).exit_code == 0
    made = files(tmp_path / "out")
    one, other = (pixels(tmp_path / "out" / f"{name}_classic_neg.png") for name in "ab")
    assert np.any(one != pixels(first))
    assert np.any(one != other)
    assert apply(*command, "--overwrite").exit_code == 0
    assert files(tmp_path / "out") == made


def write_bad(folder: Path, write_photo: WritePhoto) -> dict[str, str]:
    """Write files that cannot be developed; return the reason for each."""
    whole = write_photo(folder / "truncated.jpg", 200, 200).read_bytes()
    (folder / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("not an image, despite the name\n")
    bomb = write_photo(folder / "bomb.png", mode="L").read_bytes()
    header = bytearray(bomb)
    header[16:24] = (60_000).to_bytes(4) * 2
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4)
    (folder / "bomb.png").write_bytes(header)
    return {
        "truncated.jpg": "cannot be decoded",
        "empty.jpg": "an empty file",
        "text.jpg": "not an image of a supported format",
        "bomb.png": "3600.0 megapixels; at most 250 are allowed",
    }


def write_odd(folder: Path, write_photo: WritePhoto) -> dict[str, tuple[int, int]]:
    """Write unusual files that can be developed; return the size of each result."""
    write_photo(folder / "cmyk.jpg", mode="CMYK")
    write_photo(folder / "cmyk.tif", mode="CMYK")
    write_photo(folder / "lab.tif", mode="LAB")
    write_photo(folder / "palette.png", mode="P")
    write_photo(folder / "bits.png", mode="1")
    write_photo(folder / "dot.png", 1, 1)
    write_photo(folder / "strip.png", 5, 20_000)
    write_photo(folder / "profile.jpg", icc_profile=b"this is no profile")
    for kind in ("gif", "webp"):
        frames = [Image.new("RGB", (40, 28), (shade, 0, 0)) for shade in (0, 100, 200)]
        frames[0].save(folder / f"moving.{kind}", save_all=True, append_images=frames[1:])
    for turn in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = turn
        write_photo(folder / f"turned{turn}.jpg", exif=exif)
    sizes = {path.name: (40, 28) for path in folder.iterdir()}
    turned = {f"turned{turn}.jpg": (28, 40) for turn in (5, 6, 7, 8)}
    return {**sizes, **turned, "dot.png": (1, 1), "strip.png": (5, 20_000)}


def test_bad_photos_do_not_stop_unusual_ones(
    apply: Apply, write_photo: WritePhoto, tmp_path: Path
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    odd = write_odd(folder, write_photo) if folder.mkdir() is None else {}
    bad = write_bad(folder, write_photo)
    before = files(folder)
    result = apply(folder, "-o", out, "--strength", 0, "--suffix", "", "--jobs", 3)
    assert result.exit_code == 1
    assert f"{len(odd)} developed, 0 skipped, {len(bad)} failed" in result.stdout
    for name, reason in bad.items():
        line = next(
            x for x in result.stdout.splitlines() if x.startswith(f"failed: {folder / name}")
        )
        assert reason in line
    assert files(folder) == before
    sizes = {}
    for path in out.iterdir():
        with Image.open(path) as image:
            image.load()
            sizes[path.stem] = image.size
    assert sizes == {Path(name).stem: size for name, size in odd.items()}
    assert "has 3 frames; the first is used" in result.stdout


def test_unusual_names(apply: Apply, write_photo: WritePhoto, tmp_path: Path) -> None:
    shown = {
        "with space": "with space",
        "🏖️ été": "🏖️ été",
        "[bold]red :smile:": "[bold]red :smile:",
        "line\nbreak": r"line\nbreak",
        "--strength": "--strength",
        os.fsdecode(b"latin-\xe9"): r"latin-\udce9",
    }
    for name in shown:
        write_photo(tmp_path / "in" / f"{name}.png")
    out = tmp_path / "out"
    result = apply(tmp_path / "in", "-o", out, "--strength", 0)
    assert result.exit_code == 0, result.output
    assert set(os.listdir(out)) == {f"{name}_classic_neg.png" for name in shown}
    lines = {line.partition(" -> ")[2] for line in result.stderr.splitlines()}
    assert lines == {f"{out}/{name}_classic_neg.png" for name in shown.values()}


def test_the_umask_applies_to_results(
    apply: Apply, write_photo: WritePhoto, tmp_path: Path
) -> None:
    before = os.umask(0o027)
    try:
        assert apply(write_photo(tmp_path / "a.png"), "--strength", 0).exit_code == 0
    finally:
        os.umask(before)
    assert (tmp_path / "a_classic_neg.png").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--look", "kodak"], "look 'kodak' is not one of cinema, classic_neg"),
        (["--weights", "nowhere.safetensors"], "no look file nowhere.safetensors"),
        (["--strength", "2"], "strength 2.0 is not between 0 and 1.5"),
        (["--method", "magic"], "method 'magic' is not one of transfer"),
        (["--format", "pcx"], "unknown image format 'pcx'"),
        (["--quality", "0"], "quality is 0"),
        (["--suffix", "/x"], "cannot be part of a file name"),
        (["-o", "a.png/sub"], "cannot be written: Not a directory"),
        (["--jobs", "0"], "Invalid value for '--jobs'"),
    ],
)
def test_wrong_options_are_named(
    arguments: list[str],
    text: str,
    apply: Apply,
    write_photo: WritePhoto,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_photo(Path("a.png"))
    result = apply("a.png", *arguments)
    assert result.exit_code == 2
    assert text in " ".join(result.stderr.split())
    assert set(files(tmp_path)) == {"a.png"}


def test_a_folder_without_photos(apply: Apply, write_photo: WritePhoto, tmp_path: Path) -> None:
    write_photo(tmp_path / "in" / "deeper" / "a.png")
    result = apply(tmp_path / "in")
    assert (result.exit_code, "--recursive enters subfolders" in result.stderr) == (2, True)


def test_weights_of_another_network(
    apply: Apply, write_photo: WritePhoto, tiny_look: Path, tmp_path: Path
) -> None:
    arrays = safetensors.numpy.load_file(tiny_look)
    with safetensors.safe_open(tiny_look, "numpy") as file:
        metadata = file.metadata()
    metadata["generator"] = json.dumps({**json.loads(metadata["generator"]), "width": 8})
    safetensors.numpy.save_file(arrays, tiny_look, metadata)
    result = apply(write_photo(tmp_path / "a.png"), "--weights", tiny_look)
    assert result.exit_code == 2
    assert "has the shape" in result.stderr


def test_the_name_of_a_look_cannot_name_another_folder(
    apply: Apply, write_photo: WritePhoto, tiny_look: Path, tmp_path: Path
) -> None:
    arrays = safetensors.numpy.load_file(tiny_look)
    with safetensors.safe_open(tiny_look, "numpy") as file:
        metadata = {**file.metadata(), "name": "/../../x"}
    safetensors.numpy.save_file(arrays, tiny_look, metadata)
    result = apply(write_photo(tmp_path / "in" / "a.png"), "--weights", tiny_look)
    assert result.exit_code == 2
    assert set(files(tmp_path)) == {"in/a.png", tiny_look.name}


def test_a_read_only_folder_is_reported_before_any_work(
    apply: Apply, write_photo: WritePhoto, tmp_path: Path, mount_disk: Callable[[str], Path]
) -> None:
    disk = mount_disk("1m")
    write_photo(disk / "a.png")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    other = write_photo(tmp_path / "b.png")
    result = apply(other, "-o", disk / "out", "--strength", 0)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "cannot be written: Read-only file system; give another one with -o" in result.stderr
    beside = apply(disk, other, "--strength", 0)
    assert beside.exit_code == 1
    assert "1 developed, 0 skipped, 1 failed" in beside.stdout
    assert f"failed: {disk / 'a.png'}: the folder {disk} cannot be written" in beside.stdout


def test_a_full_disk_ends_the_batch_and_the_same_command_continues(
    apply: Apply, write_photo: WritePhoto, tmp_path: Path, mount_disk: Callable[[str], Path]
) -> None:
    for number in range(5):
        write_photo(tmp_path / "in" / f"{number}.png", 100, 100)  # 30 kB each
    disk = mount_disk("72k")
    command = (tmp_path / "in", "-o", disk / "out", "--strength", 0, "--jobs", 1)
    full = apply(*command)
    assert full.exit_code == 1
    assert "2 developed, 0 skipped, 1 failed, 2 not tried" in full.stdout
    assert "2.png: no space left on the disk of its result" in full.stdout
    assert set(files(disk)) == {f"out/{number}_classic_neg.png" for number in range(2)}
    subprocess.run(["mount", "-o", "remount,size=1m", str(disk)], check=True)
    assert "3 developed, 2 skipped, 0 failed" in apply(*command).stdout
    for number in range(5):
        made = disk / "out" / f"{number}_classic_neg.png"
        np.testing.assert_array_equal(pixels(made), pixels(tmp_path / "in" / f"{number}.png"))


@pytest.fixture
def small_files() -> Iterator[None]:
    """Limit the size of files to 10 kB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_result_that_cannot_be_written_leaves_nothing(
    apply: Apply, write_photo: WritePhoto, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    write_photo(tmp_path / "in" / "large.png", 100, 100)
    write_photo(tmp_path / "in" / "small.png")
    request.getfixturevalue("small_files")
    result = apply(tmp_path / "in", "-o", tmp_path / "out", "--strength", 0)
    assert result.exit_code == 1
    assert "large.png: File too large" in result.stdout
    assert set(files(tmp_path / "out")) == {"small_classic_neg.png"}


class Command:
    """`cinegan apply` in a separate process, which can be stopped."""

    def __init__(self, *arguments: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cinegan_jax.cli", "apply", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not ready():
            assert self._process.poll() is None, self._process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.001)

    def end(self, number: int) -> tuple[int, str, str]:
        """Send a signal; return exit code, standard output and standard error."""
        self._process.send_signal(number)
        out, error = self._process.communicate(timeout=60)
        return self._process.returncode, out, error


def test_a_stopped_batch_continues(
    apply: Apply, write_photo: WritePhoto, tiny_look: Path, tmp_path: Path
) -> None:
    for index in range(30):  # seconds of work, so that a late signal still arrives in time
        write_photo(tmp_path / "in" / f"{index:03}.png", 240, 160)
    common = (tmp_path / "in", "--weights", tiny_look)
    out = tmp_path / "stopped"

    def stop(number: int, results: int) -> tuple[int, str, str]:
        """Run until there are `results` results, then send the signal."""
        command = Command(*common, "-o", out)
        command.wait_for(lambda: len(list(out.glob("*.png"))) >= results)
        return command.end(number)

    assert stop(signal.SIGKILL, 2)[0] == -signal.SIGKILL
    killed = {name: data for name, data in files(out).items() if not name.startswith(".")}
    code, said, error = stop(signal.SIGINT, len(killed) + 2)
    assert code == 130
    assert f"{len(killed)} skipped" in said
    assert "not tried" in said
    assert "Stopped. Run the same command again to continue." in error
    done = files(out)
    assert 4 <= len(done) < 30
    assert f"{30 - len(done)} developed, {len(done)} skipped" in apply(*common, "-o", out).stdout
    assert apply(*common, "-o", tmp_path / "at once").exit_code == 0
    assert files(out) == files(tmp_path / "at once")
    assert killed.items() <= done.items() <= files(out).items()


def test_the_draft_of_a_killed_run_is_replaced(
    apply: Apply, write_photo: WritePhoto, tmp_path: Path
) -> None:
    photo = write_photo(tmp_path / "a.png")
    (tmp_path / ".a_classic_neg.png.tmp").write_bytes(b"half of a")
    assert apply(tmp_path, "--strength", 0).exit_code == 0
    assert set(files(tmp_path)) == {"a.png", "a_classic_neg.png"}
    np.testing.assert_array_equal(pixels(tmp_path / "a_classic_neg.png"), pixels(photo))


def test_only_needed_packages_are_imported(write_photo: WritePhoto, tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "a.png")
    code = """
import sys
from cinegan_jax.cli import app
heavy = {"jax", "numpy", "scipy", "PIL", "flax", "fastapi", "onnx"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
try:
    app()
except SystemExit as end:
    assert end.code == 0
heavy = {"orbax", "grain", "ml_collections", "tensorboardX", "keras", "optax", "gcsfs", "h5py",
         "fastapi", "onnx", "matplotlib", "rawpy", "scipy.stats"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    command = [sys.executable, "-c", code, "apply", str(photo)]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "a_classic_neg.png").exists()
