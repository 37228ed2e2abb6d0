"""Downloads from well-behaved and misbehaving servers."""

import gzip
import hashlib
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from misbehaving_site import QUICK, Answer, Site, image_file, in_turn, resumable

from cinegan_jax.collect import download
from cinegan_jax.collect.client import Client
from cinegan_jax.collect.download import Download, DownloadResult
from cinegan_jax.collect.records import Collection, ListedImage, as_line
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.json_lines import JsonLines

JPEG = {"Content-Type": "image/jpeg"}


def listed(collection: Collection, addresses: Sequence[str], page: str = "") -> None:
    collection.folder.mkdir(exist_ok=True)
    lines = JsonLines(collection.addresses)
    for address in addresses:
        lines.append(as_line(ListedImage(address, page)))
    lines.close()


def run(
    collection: Collection, client: Client, max_bytes: int = 10**6, retry: bool = False
) -> DownloadResult:
    command = Download(
        collection,
        client,
        max_bytes=max_bytes,
        retry_failures=retry,
        show=lambda done, total: None,
    )
    command.run()
    return command.result


def contents(collection: Collection) -> list[bytes]:
    return sorted(path.read_bytes() for path in collection.pictures.iterdir())


def fetched(
    collection: Collection, client: Client, site: Site, path: str, **options: object
) -> DownloadResult:
    listed(collection, [site.url(path)])
    return run(collection, client, **options)


def reason(result: DownloadResult) -> str:
    """Return the reason for the failure of the only address."""
    assert result.new == 0
    (failed,) = result.failed
    return failed.reason


# Well-behaved servers


def test_file_names_are_derived_from_the_content(
    collection: Collection, client: Client, site: Site
) -> None:
    kinds = {"jpeg": ".jpg", "png": ".png", "webp": ".webp", "tiff": ".tif"}
    bodies = {form: image_file(1, form=form) for form in kinds}
    for form, body in bodies.items():
        site[f"/{form}"] = body  # without type and suffix
    listed(collection, [site.url(f"/{form}") for form in kinds])
    result = run(collection, client)
    assert (result.new, result.copies, result.failed) == (4, 0, [])
    names = {hashlib.sha256(b).hexdigest()[:20] + kinds[form]: b for form, b in bodies.items()}
    assert {path.name: path.read_bytes() for path in collection.pictures.iterdir()} == names
    digests = {record.file: record.sha256 for record in collection.downloaded().values()}
    assert digests == {name: hashlib.sha256(body).hexdigest() for name, body in names.items()}
    assert list(collection.unfinished.iterdir()) == []


def test_the_same_content_is_kept_once(collection: Collection, client: Client, site: Site) -> None:
    site["/a.jpg"] = site["/b.jpg"] = site["/c.jpg"] = image_file(1)
    listed(collection, [site.url(f"/{name}.jpg") for name in "abc"])
    result = run(collection, client)
    assert (result.new, result.copies) == (3, 2)
    assert contents(collection) == [image_file(1)]
    assert {record.address for record in collection.downloaded().values()} == {
        site.url(f"/{name}.jpg") for name in "abc"
    }


def test_downloaded_images_are_not_requested_again(
    collection: Collection, client: Client, site: Site
) -> None:
    site["/a.jpg"] = image_file(1)
    fetched(collection, client, site, "/a.jpg")
    result = run(collection, client)
    assert (result.new, result.earlier) == (0, 1)
    assert site.paths() == ["/a.jpg"]


def test_a_damaged_file_is_downloaded_again(
    collection: Collection, client: Client, site: Site
) -> None:
    site["/a.jpg"] = image_file(1)
    fetched(collection, client, site, "/a.jpg")
    (path,) = collection.pictures.iterdir()
    path.write_bytes(b"cut")
    assert run(collection, client).new == 1
    assert contents(collection) == [image_file(1)]


def test_requests_name_the_agent_and_the_contact(
    collection: Collection, make_client: Callable[..., Client], site: Site
) -> None:
    site["/a.jpg"] = image_file(1)
    fetched(collection, make_client(replace(QUICK, contact="me@example.org")), site, "/a.jpg")
    agents = {request.headers["User-Agent"] for request in site.requests}
    (agent,) = agents
    assert agent.startswith("cinegan-collect/")
    assert agent.endswith(" (me@example.org)")


# Transient failures


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_transient_failures_are_retried(
    collection: Collection, client: Client, site: Site, status: int
) -> None:
    site["/a.jpg"] = in_turn(Answer(status=status), Answer(status=status), Answer(image_file(1)))
    assert fetched(collection, client, site, "/a.jpg").new == 1
    assert len(site.paths()) == 3


def test_the_number_of_attempts_is_limited(
    collection: Collection, client: Client, site: Site
) -> None:
    site["/a.jpg"] = Answer(status=503)
    assert "503 Service Unavailable" in reason(fetched(collection, client, site, "/a.jpg"))
    assert len(site.paths()) == 4


@pytest.mark.parametrize("status", [401, 403, 404, 410, 451])
def test_permanent_failures_are_not_retried(
    collection: Collection, client: Client, site: Site, status: int
) -> None:
    site["/a.jpg"] = Answer(status=status)
    assert str(status) in reason(fetched(collection, client, site, "/a.jpg"))
    assert len(site.paths()) == 1


def test_a_slow_response_times_out_and_is_retried(
    collection: Collection, client: Client, site: Site
) -> None:
    slow = Answer(image_file(1), headers=JPEG, pause=30.0)
    site["/a.jpg"] = in_turn(slow, Answer(image_file(1)))
    began = time.monotonic()
    assert fetched(collection, client, site, "/a.jpg").new == 1
    assert time.monotonic() - began < 20
    assert contents(collection) == [image_file(1)]


def test_a_silent_server_fails(collection: Collection, client: Client, site: Site) -> None:
    site["/a.jpg"] = Answer(image_file(1), pause=0.5)
    assert "no answer in time" in reason(fetched(collection, client, site, "/a.jpg"))


# Partial downloads


def test_a_broken_download_is_resumed(collection: Collection, client: Client, site: Site) -> None:
    body = image_file(1, (200, 100))
    broken = Answer(body, headers={"ETag": '"1"'}, sent=700)
    site["/a.jpg"] = in_turn(broken, resumable(body, '"1"'))
    assert fetched(collection, client, site, "/a.jpg").new == 1
    assert contents(collection) == [body]
    first, second = (request for request in site.requests if request.path == "/a.jpg")
    assert "Range" not in first.headers
    assert second.headers["Range"] == "bytes=700-"
    assert second.headers["If-Range"] == '"1"'


def test_a_download_of_an_earlier_run_is_resumed(
    collection: Collection, make_client: Callable[..., Client], site: Site
) -> None:
    body = image_file(1, (200, 100))
    site["/a.jpg"] = Answer(body, headers={"ETag": '"1"'}, sent=700)
    once = make_client(replace(QUICK, attempts=1))
    assert "broke off" in reason(fetched(collection, once, site, "/a.jpg"))
    assert contents(collection) == []
    site["/a.jpg"] = resumable(body, '"1"')
    assert run(collection, once, retry=True).new == 1
    assert contents(collection) == [body]
    assert site.requests[-1].headers["Range"] == "bytes=700-"


def test_a_changed_image_is_downloaded_from_the_start(
    collection: Collection, client: Client, site: Site
) -> None:
    old, new = image_file(1, (200, 100)), image_file(2, (210, 100))
    site["/a.jpg"] = in_turn(Answer(old, headers={"ETag": '"1"'}, sent=700), resumable(new, '"2"'))
    assert fetched(collection, client, site, "/a.jpg").new == 1
    assert contents(collection) == [new]


def test_a_range_of_another_version_is_not_used(
    collection: Collection, client: Client, site: Site
) -> None:
    """The server ignores If-Range."""
    old, new = image_file(1, (200, 100)), image_file(2, (210, 100))
    part = {"ETag": '"2"', "Content-Range": f"bytes 700-{len(new) - 1}/{len(new)}"}
    first = Answer(old, headers={"ETag": '"1"'}, sent=700)
    site["/a.jpg"] = in_turn(first, Answer(new[700:], 206, part), resumable(new, '"2"'))
    assert fetched(collection, client, site, "/a.jpg").new == 1
    assert contents(collection) == [new]
    assert "Range" not in site.requests[-1].headers


def test_an_unsatisfiable_range_restarts_the_download(
    collection: Collection, client: Client, site: Site
) -> None:
    body = image_file(1, (200, 100))
    first = Answer(body, headers={"ETag": '"1"'}, sent=700)
    site["/a.jpg"] = in_turn(first, Answer(status=416), resumable(body, '"1"'))
    assert fetched(collection, client, site, "/a.jpg").new == 1
    assert contents(collection) == [body]


@pytest.mark.parametrize("etag", [None, 'W/"1"'], ids=["no ETag", "weak ETag"])
def test_without_a_strong_validator_the_download_restarts(
    collection: Collection, client: Client, site: Site, etag: str | None
) -> None:
    body = image_file(1, (200, 100))
    headers = {"ETag": etag} if etag else {}
    site["/a.jpg"] = in_turn(Answer(body, headers=headers, sent=700), Answer(body, headers=headers))
    assert fetched(collection, client, site, "/a.jpg").new == 1
    assert contents(collection) == [body]
    assert "Range" not in site.requests[-1].headers


def test_a_modification_date_identifies_the_version(
    collection: Collection, client: Client, site: Site
) -> None:
    body, date = image_file(1, (200, 100)), "Sat, 04 May 2024 10:00:00 GMT"
    rest = {"Content-Range": f"bytes 700-{len(body) - 1}/{len(body)}"}
    first = Answer(body, headers={"Last-Modified": date}, sent=700)
    site["/a.jpg"] = in_turn(first, Answer(body[700:], 206, rest))
    assert fetched(collection, client, site, "/a.jpg").new == 1
    assert contents(collection) == [body]
    assert site.requests[-1].headers["If-Range"] == date


def test_a_server_that_always_breaks_off_fails(
    collection: Collection, client: Client, site: Site
) -> None:
    site["/a.jpg"] = Answer(image_file(1), sent=500)
    assert "broke off" in reason(fetched(collection, client, site, "/a.jpg"))
    assert contents(collection) == []


# Other content, and missing images


@pytest.mark.parametrize("kind", ["text/html", "TEXT/HTML; charset=utf-8", "image/svg+xml"])
def test_other_content_types_are_not_kept(
    collection: Collection, client: Client, site: Site, kind: str
) -> None:
    site["/a.jpg"] = Answer(image_file(1), headers={"Content-Type": kind})
    assert "instead of an image" in reason(fetched(collection, client, site, "/a.jpg"))


@pytest.mark.parametrize("body", [b"<!DOCTYPE html><html>", b"", b"GIF89a...", b"\xff\xd8"])
def test_files_with_a_wrong_image_type_are_not_kept(
    collection: Collection, client: Client, site: Site, body: bytes
) -> None:
    site["/a.jpg"] = Answer(body, headers=JPEG)
    assert "kept formats are jpeg, png, webp, tiff" in reason(
        fetched(collection, client, site, "/a.jpg")
    )
    assert contents(collection) == []
    assert list(collection.unfinished.iterdir()) == []


@pytest.mark.parametrize("length", [True, False], ids=["announced", "unannounced"])
def test_images_above_the_size_limit_are_not_kept(
    collection: Collection, client: Client, site: Site, length: bool
) -> None:
    site["/a.jpg"] = Answer(image_file(1) + bytes(500_000), length=length)
    assert "more than 1000" in reason(
        fetched(collection, client, site, "/a.jpg", max_bytes=100_000)
    )
    assert list(collection.unfinished.iterdir()) == []


def test_redirections_are_followed(collection: Collection, client: Client, site: Site) -> None:
    site["/a.jpg"] = Answer(status=302, headers={"Location": "/b.jpg"})
    site["/b.jpg"] = Answer(status=308, headers={"Location": site.url("/c.jpg")})
    site["/c.jpg"] = image_file(1)
    assert fetched(collection, client, site, "/a.jpg").new == 1


def test_the_number_of_redirections_is_limited(
    collection: Collection, client: Client, site: Site
) -> None:
    site["/a.jpg"] = Answer(status=302, headers={"Location": "/b.jpg"})
    site["/b.jpg"] = Answer(status=302, headers={"Location": "/a.jpg"})
    assert "redirected more than" in reason(fetched(collection, client, site, "/a.jpg"))
    assert len(site.paths()) == 6


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/a.jpg", "data:,a"])
def test_redirections_to_other_schemes_are_refused(
    collection: Collection, client: Client, site: Site, target: str
) -> None:
    site["/a.jpg"] = Answer(status=302, headers={"Location": target})
    assert "address" in reason(fetched(collection, client, site, "/a.jpg"))


def test_gzip_encoding_is_decoded(collection: Collection, client: Client, site: Site) -> None:
    """The server compresses although the request excludes it."""
    packed = gzip.compress(image_file(1))
    site["/a.jpg"] = Answer(packed, headers={"Content-Encoding": "gzip", "ETag": '"1"'})
    assert fetched(collection, client, site, "/a.jpg").new == 1
    assert contents(collection) == [image_file(1)]


def test_a_gzip_bomb_is_cut_off(collection: Collection, client: Client, site: Site) -> None:
    packed = gzip.compress(image_file(1) + bytes(10**8))
    site["/a.jpg"] = Answer(packed, headers={"Content-Encoding": "gzip"})
    assert "more than 1000000" in reason(fetched(collection, client, site, "/a.jpg"))


def test_robots_txt_applies_to_images_and_redirections(
    collection: Collection, client: Client, site: Site
) -> None:
    site["/robots.txt"] = b"User-agent: cinegan-collect\nDisallow: /private/\n"
    site["/private/a.jpg"] = site["/b.jpg"] = image_file(1)
    site["/c.jpg"] = Answer(status=302, headers={"Location": "/private/a.jpg"})
    listed(collection, [site.url(path) for path in ("/private/a.jpg", "/b.jpg", "/c.jpg")])
    result = run(collection, client)
    assert result.new == 1
    assert {failed.address: failed.reason for failed in result.failed} == {
        site.url("/private/a.jpg"): "robots.txt of the host does not allow it",
        site.url("/c.jpg"): "robots.txt of the host does not allow it",
    }
    assert "/private/a.jpg" not in site.paths()
    assert [request.path for request in site.requests].count("/robots.txt") == 1


# Recorded failures


def test_retry_failures_tries_only_the_failed_addresses(
    collection: Collection, client: Client, site: Site
) -> None:
    site["/a.jpg"], site["/c.jpg"] = image_file(1), image_file(3)
    addresses = [site.url(f"/{name}.jpg") for name in "abc"]
    listed(collection, addresses[:2])
    assert len(run(collection, client).failed) == 1
    assert [(f.address, f.reason) for f in collection.failed().values()] == [
        (addresses[1], "HTTP status 404 Not Found")
    ]
    listed(collection, addresses[2:])
    site["/b.jpg"] = image_file(2)
    site.requests.clear()
    result = run(collection, client, retry=True)
    assert (result.new, result.earlier, result.failed_earlier) == (1, 1, 0)
    assert site.paths() == ["/b.jpg"]
    result = run(collection, client)
    assert (result.new, result.earlier, result.failed_earlier) == (1, 2, 0)


def test_failures_are_not_retried_by_default(
    collection: Collection, client: Client, site: Site
) -> None:
    fetched(collection, client, site, "/a.jpg")
    site.requests.clear()
    result = run(collection, client)
    assert (result.new, result.failed, result.failed_earlier) == (0, [], 1)
    assert site.requests == []


def test_an_unexpected_error_fails_one_address_only(
    collection: Collection, client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site["/a.jpg"], site["/b.jpg"] = image_file(1), image_file(2)
    require = download.require_image_type
    answers = iter([ZeroDivisionError("of theirs"), None])

    def surprising(content_type: str) -> None:
        if error := next(answers):
            raise error
        require(content_type)

    monkeypatch.setattr(download, "require_image_type", surprising)
    listed(collection, [site.url("/a.jpg"), site.url("/b.jpg")])
    result = run(collection, client)
    assert result.new == 1
    assert result.failed[0].reason == (
        "unexpected error, please report it: ZeroDivisionError: of theirs"
    )


def test_an_empty_list_is_an_error(collection: Collection, client: Client) -> None:
    with pytest.raises(UserError, match="collect list"):
        run(collection, client)


# ImageLimits


def test_concurrent_requests_per_host_are_limited(
    collection: Collection, make_client: Callable[..., Client], site: Site
) -> None:
    for number in range(12):
        site[f"/{number}.jpg"] = Answer(image_file(number), pause=0.1)
    listed(collection, [site.url(f"/{number}.jpg") for number in range(12)])
    politeness = replace(QUICK, jobs=8, per_host=3)
    assert run(collection, make_client(politeness)).new == 12
    assert site.most_at_once == 3


# Interruptions


def test_ctrl_c_ends_at_once_and_the_same_command_continues(
    collection: Collection, make_client: Callable[..., Client], site: Site
) -> None:
    """The server is silent; the received bytes are not lost."""
    body = image_file(1, (200, 100))
    site["/a.jpg"] = in_turn(
        Answer(body, headers={"ETag": '"1"'}, pause=60.0), resumable(body, '"1"')
    )
    listed(collection, [site.url("/a.jpg")])
    patient = make_client(replace(QUICK, read_timeout=60.0))

    def interrupt() -> None:
        _until(lambda: _unfinished(collection) > 0)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(collection, patient)
    interrupting.join()
    assert time.monotonic() - began < 30
    assert collection.failed() == {}
    assert run(collection, make_client()).new == 1
    assert contents(collection) == [body]
    assert site.requests[-1].headers["Range"] == f"bytes={-(-len(body) // 2)}-"


def test_a_full_disk_ends_the_command_and_loses_nothing(
    mount_disk: Callable[[str], Path], client: Client, site: Site
) -> None:
    disk = mount_disk("160k")
    collection = Collection(disk / "collection")
    bodies = [image_file(number, (300, 200), "png") for number in range(6)]
    for number, body in enumerate(bodies):
        site[f"/{number}.png"] = body
    listed(collection, [site.url(f"/{number}.png") for number in range(6)])
    result = run(collection, client)
    assert "no space is left" in result.error
    assert 0 < result.new < 6
    assert result.failed == []
    assert all(body in bodies for body in contents(collection))
    subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
    again = run(collection, client)
    assert (again.new, again.earlier, again.error) == (6 - result.new, result.new, "")
    assert contents(collection) == sorted(bodies)


def _unfinished(collection: Collection) -> int:
    """Return the bytes in unfinished downloads."""
    return sum(path.stat().st_size for path in collection.unfinished.glob("*.part"))


def _until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
