"""The three commands in sequence, with kills in between."""

import csv
import importlib.util
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from misbehaving_site import Answer, Behaviour, Site, image_file, in_turn, resumable, serving
from PIL import Image
from typer.testing import CliRunner, Result

from cinegan_jax.cli import app
from cinegan_jax.collect.records import Collection
from cinegan_jax.core.json_lines import read_json_lines
from cinegan_jax.photos.decode import decode
from cinegan_jax.photos.kinds import is_photo

QUICKLY = ("--delay=0", "--attempts=2", "--patience=3", "--timeout=0.5")
PROGRAM = Path(__file__).with_name("collect_on_loopback.py")
SIZE = (200, 160)


def collect(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["collect", *map(str, arguments)])


def output(result: Result, code: int) -> str:
    """Return the output of a command and check its exit code."""
    assert result.exit_code == code, result.output
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def page(*pictures: str, more: str = "") -> Answer:
    html = "".join(f"<img src='{path}' alt='{path[1:]}'>" for path in pictures) + more
    return Answer(html.encode(), headers={"Content-Type": "text/html"})


def rows(collection: Collection) -> list[dict[str, str]]:
    with collection.table.open(newline="") as file:
        return list(csv.DictReader(file))


def test_list_download_and_clean_in_sequence(collection: Collection, site: Site) -> None:
    own = image_file(1, SIZE, exif=_exif("(C) Me 2024", "Me"))
    site["/1.jpg"] = own.replace(b"(C)", "\N{COPYRIGHT SIGN} ".encode())
    site["/2.png"] = image_file(2, SIZE, "png")
    site["/3.jpg"] = image_file(1, (180, 144))
    site["/4.jpg"] = Answer(b"<html>", headers={"Content-Type": "text/html"})
    licence = "<link rel=license href='https://creativecommons.org/licenses/by/4.0/'>"
    site["/page"] = page("/1.jpg", "/2.png", "/3.jpg", "/4.jpg", "/5.jpg", more=licence)

    listing = output(collect("list", collection.folder, site.url("/page"), *QUICKLY), 0)
    assert "5 new images, 0 known ones; 1 pages read" in listing
    download = output(collect("download", collection.folder, *QUICKLY), 1)
    assert "3 downloaded, 0 downloaded before, 2 failed" in download
    assert f"failed: {site.url('/5.jpg')}: HTTP status 404 Not Found" in download
    assert len(rows(collection)) == 3
    cleaning = output(collect("clean", collection.folder), 0)
    assert "2 images kept, 1 rejected" in cleaning
    assert "1 near-duplicate" in cleaning

    first, second = sorted(rows(collection), key=lambda row: row["address"])
    assert first["address"] == site.url("/1.jpg")
    assert (first["copyright"], first["artist"], first["title"]) == ("© Me 2024", "Me", "1.jpg")
    assert (second["copyright"], second["title"]) == ("", "2.png")
    for row in (first, second):
        assert row["page"] == site.url("/page")
        assert row["licence"] == "https://creativecommons.org/licenses/by/4.0/"
    files = sorted(collection.pictures.iterdir())
    assert [path.name for path in files] == sorted([first["file"], second["file"]])
    for path in files:
        assert is_photo(path)
        assert decode(path).shape == (*SIZE[::-1], 3)

    site["/5.jpg"] = image_file(5, SIZE)
    retried = output(collect("download", collection.folder, "--retry-failures", *QUICKLY), 1)
    assert "1 downloaded, 3 downloaded before, 1 failed" in retried


def test_the_table_contains_no_formulas(collection: Collection, site: Site) -> None:
    site["/1.jpg"] = image_file(1, SIZE)
    site["/page"] = Answer(
        b"<img src=/1.jpg alt='=HYPERLINK(1)'>", headers={"Content-Type": "text/html"}
    )
    output(collect("list", collection.folder, site.url("/page"), *QUICKLY), 0)
    output(collect("download", collection.folder, *QUICKLY), 0)
    assert [row["title"] for row in rows(collection)] == ["'=HYPERLINK(1)"]


def test_earlier_failures_set_the_exit_code(collection: Collection, site: Site) -> None:
    output(collect("list", collection.folder, site.url("/1.jpg"), *QUICKLY), 0)
    output(collect("download", collection.folder, *QUICKLY), 1)
    again = output(collect("download", collection.folder, *QUICKLY), 1)
    assert "1 failed before: --retry-failures tries them again" in again


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list", "FOLDER", "file:///etc/passwd"), "http:// or https://"),
        (("list", "FOLDER", "http://127.0.0.1/", "--contact=me\nX: y"), "contact"),
        (("download", "FOLDER"), "holds no collection"),
        (("clean", "FOLDER"), "holds no collection"),
    ],
)
def test_user_errors(collection: Collection, arguments: tuple[str, ...], said: str) -> None:
    filled = [str(collection.folder) if a == "FOLDER" else a for a in arguments]
    assert said in output(collect(*filled), 2)
    assert not collection.folder.exists() or arguments[0] == "list"


def test_a_full_disk_is_reported(mount_disk: Callable[[str], Path], site: Site) -> None:
    collection = Collection(mount_disk("64k") / "collection")
    for number in range(8):
        site[f"/{number}.png"] = image_file(number, SIZE, "png")
    addresses = [site.url(f"/{number}.png") for number in range(8)]
    output(collect("list", collection.folder, *addresses), 0)
    download = output(collect("download", collection.folder, *QUICKLY), 2)
    assert "no space is left on the disk; free some, then run the same command again" in download
    assert "not tried" in download


def test_missing_packages_are_reported(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == "bs4" else find(n))
    assert "bs4 is missing: pip install '.[collect]'" in output(collect("clean", "x"), 2)


def test_two_commands_cannot_use_one_folder(collection: Collection) -> None:
    collection.pictures.mkdir(parents=True)
    with collection.in_use():
        assert "another command works on it" in output(collect("clean", collection.folder), 2)


def test_a_killed_and_continued_download_gives_the_same_collection(
    tmp_path: Path, site: Site
) -> None:
    """Stop twice in the middle, while the server is silent."""
    addresses = misbehave(site, 160)
    whole, stopped = (Collection(tmp_path / name) for name in ("whole", "stopped"))
    for collection in (whole, stopped):
        collection.folder.mkdir()
        (collection.folder / "list.txt").write_text("\n".join(addresses))
        output(collect("list", collection.folder, collection.folder / "list.txt"), 0)
    assert stop_after(site, 40, stopped, signal.SIGKILL) == -signal.SIGKILL
    assert stop_after(site, 60, stopped, signal.SIGINT) == 130
    for collection in (whole, stopped):
        output(collect("download", collection.folder, "--delay=0", "--timeout=0.5"), 1)
    assert contents(stopped.pictures) == contents(whole.pictures)
    assert sorted(rows(stopped), key=_address) == sorted(rows(whole), key=_address)


@pytest.mark.slow
def test_two_thousand_images_survive_five_kills(tmp_path: Path) -> None:
    """List, download and clean, with five SIGKILLs during the download."""
    with serving() as site:
        addresses = misbehave(site, 2000)
        collection = Collection(tmp_path / "collection")
        collection.folder.mkdir()
        (collection.folder / "list.txt").write_text("\n".join(addresses))
        output(collect("list", collection.folder, collection.folder / "list.txt"), 0)
        for answers in random.Random(0).sample(range(100, 500), 5):
            assert stop_after(site, answers, collection, signal.SIGKILL) == -signal.SIGKILL
        output(collect("download", collection.folder, "--delay=0", "--timeout=0.5"), 1)
    failed = {record.address for record in collection.failed().values()}
    assert failed == {address for address in addresses if "/wrong" in address}
    assert len(collection.downloaded()) + len(failed) == 2000
    output(collect("clean", collection.folder, "--least-side=16", "--distance=0"), 0)
    kinds = [line["kind"] for line in read_json_lines(collection.rejections)]
    assert kinds.count("broken") == 20
    assert set(kinds) <= {"broken", "near-duplicate"}


def misbehave(site: Site, count: int) -> list[str]:
    """Fill the site, with one broken image per 100; return the addresses."""
    paths = []
    for number in range(count):
        body = image_file(number)
        path = f"/{number}.jpg"
        answer: Answer | Behaviour = Answer(body)
        match number % 100:
            case 7:
                answer = Answer(body[:-60])  # truncated on the server
            case 17:
                answer = in_turn(Answer(status=503, headers={"Retry-After": "0"}), Answer(body))
            case 37:
                path, answer = f"/wrong{number}.jpg", Answer(b"<html>")
            case 47:
                answer = Answer(image_file(0))  # a duplicate
        if number == 527:
            broken_off = Answer(body, headers={"ETag": '"1"'}, sent=200)
            answer = in_turn(broken_off, resumable(body, '"1"'))
        site[path] = answer
        paths.append(site.url(path))
    return paths


def stop_after(site: Site, answers: int, collection: Collection, signal_number: int) -> int:
    """Start a download, signal it after `answers` responses, return its exit code."""
    command = [sys.executable, PROGRAM, "collect", "download", collection.folder]
    with site.stuck_after(answers) as stuck:
        process = subprocess.Popen(
            [*map(str, command), "--delay=0", "--timeout=60"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert stuck.wait(60)
        finally:
            process.send_signal(signal_number)
            try:
                code = process.wait(60)
            finally:
                process.kill()
    return code


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _address(row: dict[str, str]) -> str:
    row.pop("downloaded")
    return row["address"]


def _exif(copyright: str, artist: str) -> bytes:
    exif = Image.Exif()
    exif[0x8298], exif[0x013B] = copyright, artist
    return exif.tobytes()
