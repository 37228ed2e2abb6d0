"""What is downloaded from servers good and bad."""

import gzip
import hashlib
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest
from misbehaving_site import QUICK, Answer, in_turn, of_versions, picture

from cinegan_jax.collect import download
from cinegan_jax.collect.download import Download, DownloadResult
from cinegan_jax.collect.records import Collection, ListedImage, as_line
from cinegan_jax.errors import UserError
from cinegan_jax.json_lines import JsonLines

JPEG = {"Content-Type": "image/jpeg"}


def listed(collection: Collection, addresses: Sequence[str], page: str = "") -> None:
    collection.folder.mkdir(exist_ok=True)
    lines = JsonLines(collection.addresses)
    for address in addresses:
        lines.append(as_line(ListedImage(address, page)))
    lines.close()


def run(
    collection: Collection, client, max_bytes: int = 10**6, retry: bool = False
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


def fetched(collection: Collection, client, site, path: str, **options) -> DownloadResult:
    listed(collection, [site.url(path)])
    return run(collection, client, **options)


def reason(outcome: DownloadResult) -> str:
    """Why the only address failed."""
    assert outcome.new == 0
    (failed,) = outcome.failed
    return failed.reason


# Good servers


def test_pictures_lie_under_names_made_from_their_content(collection, client, site):
    kinds = {"jpeg": ".jpg", "png": ".png", "webp": ".webp", "tiff": ".tif"}
    bodies = {form: picture(1, form=form) for form in kinds}
    for form, body in bodies.items():
        site[f"/{form}"] = body  # neither a type nor an ending says what it is
    listed(collection, [site.url(f"/{form}") for form in kinds])
    outcome = run(collection, client)
    assert (outcome.new, outcome.copies, outcome.failed) == (4, 0, [])
    names = {hashlib.sha256(b).hexdigest()[:20] + kinds[form]: b for form, b in bodies.items()}
    assert {path.name: path.read_bytes() for path in collection.pictures.iterdir()} == names
    assert list(collection.unfinished.iterdir()) == []


def test_the_same_content_is_kept_once(collection, client, site):
    site["/a.jpg"] = site["/b.jpg"] = site["/c.jpg"] = picture(1)
    listed(collection, [site.url(f"/{name}.jpg") for name in "abc"])
    outcome = run(collection, client)
    assert (outcome.new, outcome.copies) == (3, 2)
    assert contents(collection) == [picture(1)]
    assert {record.address for record in collection.downloaded().values()} == {
        site.url(f"/{name}.jpg") for name in "abc"
    }


def test_nothing_is_asked_for_twice(collection, client, site):
    site["/a.jpg"] = picture(1)
    fetched(collection, client, site, "/a.jpg")
    outcome = run(collection, client)
    assert (outcome.new, outcome.earlier) == (0, 1)
    assert site.paths() == ["/a.jpg"]


def test_a_picture_that_was_lost_is_downloaded_again(collection, client, site):
    site["/a.jpg"] = picture(1)
    fetched(collection, client, site, "/a.jpg")
    (path,) = collection.pictures.iterdir()
    path.write_bytes(b"cut")
    assert run(collection, client).new == 1
    assert contents(collection) == [picture(1)]


def test_requests_say_who_asks(collection, make_client, site):
    site["/a.jpg"] = picture(1)
    fetched(collection, make_client(replace(QUICK, contact="me@example.org")), site, "/a.jpg")
    agents = {asked.headers["User-Agent"] for asked in site.asked}
    (agent,) = agents
    assert agent.startswith("cinegan-collect/")
    assert agent.endswith(" (me@example.org)")


# Servers that fail for a while


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_passing_failures_are_tried_again(collection, client, site, status):
    site["/a.jpg"] = in_turn(Answer(status=status), Answer(status=status), Answer(picture(1)))
    assert fetched(collection, client, site, "/a.jpg").new == 1
    assert len(site.paths()) == 3


def test_attempts_end(collection, client, site):
    site["/a.jpg"] = Answer(status=503)
    assert "503 Service Unavailable" in reason(fetched(collection, client, site, "/a.jpg"))
    assert len(site.paths()) == 4


@pytest.mark.parametrize("status", [401, 403, 404, 410, 451])
def test_lasting_failures_are_not_tried_again(collection, client, site, status):
    site["/a.jpg"] = Answer(status=status)
    assert str(status) in reason(fetched(collection, client, site, "/a.jpg"))
    assert len(site.paths()) == 1


def test_a_slow_answer_is_given_up_and_tried_again(collection, client, site):
    slow = Answer(picture(1), headers=JPEG, pause=1.0)
    site["/a.jpg"] = in_turn(slow, Answer(picture(1)))
    began = time.monotonic()
    assert fetched(collection, client, site, "/a.jpg").new == 1
    assert time.monotonic() - began < 0.9
    assert contents(collection) == [picture(1)]


def test_a_silent_server_fails(collection, client, site):
    site["/a.jpg"] = Answer(picture(1), pause=0.5)
    assert "no answer in time" in reason(fetched(collection, client, site, "/a.jpg"))


# Parts


def test_what_broke_off_is_gone_on_with(collection, client, site):
    body = picture(1, (200, 100))
    broken = Answer(body, headers={"ETag": '"1"'}, sent=700)
    site["/a.jpg"] = in_turn(broken, of_versions(body, '"1"'))
    assert fetched(collection, client, site, "/a.jpg").new == 1
    assert contents(collection) == [body]
    first, second = (asked for asked in site.asked if asked.path == "/a.jpg")
    assert "Range" not in first.headers
    assert second.headers["Range"] == "bytes=700-"
    assert second.headers["If-Range"] == '"1"'


def test_a_part_of_an_earlier_run_is_gone_on_with(collection, make_client, site):
    body = picture(1, (200, 100))
    site["/a.jpg"] = Answer(body, headers={"ETag": '"1"'}, sent=700)
    once = make_client(replace(QUICK, attempts=1))
    assert "broke off" in reason(fetched(collection, once, site, "/a.jpg"))
    assert contents(collection) == []
    site["/a.jpg"] = of_versions(body, '"1"')
    assert run(collection, once, retry=True).new == 1
    assert contents(collection) == [body]
    assert site.asked[-1].headers["Range"] == "bytes=700-"


def test_a_picture_that_changed_meanwhile_is_begun_anew(collection, client, site):
    old, new = picture(1, (200, 100)), picture(2, (210, 100))
    site["/a.jpg"] = in_turn(
        Answer(old, headers={"ETag": '"1"'}, sent=700), of_versions(new, '"2"')
    )
    assert fetched(collection, client, site, "/a.jpg").new == 1
    assert contents(collection) == [new]


def test_a_part_of_another_version_is_not_used(collection, client, site):
    """A server that ignores If-Range."""
    old, new = picture(1, (200, 100)), picture(2, (210, 100))
    part = {"ETag": '"2"', "Content-Range": f"bytes 700-{len(new) - 1}/{len(new)}"}
    first = Answer(old, headers={"ETag": '"1"'}, sent=700)
    site["/a.jpg"] = in_turn(first, Answer(new[700:], 206, part), of_versions(new, '"2"'))
    assert fetched(collection, client, site, "/a.jpg").new == 1
    assert contents(collection) == [new]
    assert "Range" not in site.asked[-1].headers


def test_a_part_that_the_server_does_not_have_is_begun_anew(collection, client, site):
    body = picture(1, (200, 100))
    first = Answer(body, headers={"ETag": '"1"'}, sent=700)
    site["/a.jpg"] = in_turn(first, Answer(status=416), of_versions(body, '"1"'))
    assert fetched(collection, client, site, "/a.jpg").new == 1
    assert contents(collection) == [body]


@pytest.mark.parametrize("etag", [None, 'W/"1"'], ids=["no ETag", "weak ETag"])
def test_what_may_be_another_version_is_begun_anew(collection, client, site, etag):
    body = picture(1, (200, 100))
    headers = {"ETag": etag} if etag else {}
    site["/a.jpg"] = in_turn(Answer(body, headers=headers, sent=700), Answer(body, headers=headers))
    assert fetched(collection, client, site, "/a.jpg").new == 1
    assert contents(collection) == [body]
    assert "Range" not in site.asked[-1].headers


def test_a_date_of_modification_tells_versions_too(collection, client, site):
    body, date = picture(1, (200, 100)), "Sat, 04 May 2024 10:00:00 GMT"
    rest = {"Content-Range": f"bytes 700-{len(body) - 1}/{len(body)}"}
    first = Answer(body, headers={"Last-Modified": date}, sent=700)
    site["/a.jpg"] = in_turn(first, Answer(body[700:], 206, rest))
    assert fetched(collection, client, site, "/a.jpg").new == 1
    assert contents(collection) == [body]
    assert site.asked[-1].headers["If-Range"] == date


def test_a_server_that_always_sends_too_little_fails(collection, client, site):
    site["/a.jpg"] = Answer(picture(1), sent=500)
    assert "broke off" in reason(fetched(collection, client, site, "/a.jpg"))
    assert contents(collection) == []


# What is no picture, or not to be had


@pytest.mark.parametrize("kind", ["text/html", "TEXT/HTML; charset=utf-8", "image/svg+xml"])
def test_what_is_said_to_be_no_picture_is_not_kept(collection, client, site, kind):
    site["/a.jpg"] = Answer(picture(1), headers={"Content-Type": kind})
    assert "instead of an image" in reason(fetched(collection, client, site, "/a.jpg"))


@pytest.mark.parametrize("body", [b"<!DOCTYPE html><html>", b"", b"GIF89a...", b"\xff\xd8"])
def test_what_only_says_it_is_a_picture_is_not_kept(collection, client, site, body):
    site["/a.jpg"] = Answer(body, headers=JPEG)
    assert "kept formats are jpeg, png, webp, tiff" in reason(
        fetched(collection, client, site, "/a.jpg")
    )
    assert contents(collection) == []
    assert list(collection.unfinished.iterdir()) == []


@pytest.mark.parametrize("length", [True, False], ids=["announced", "unannounced"])
def test_too_large_a_picture_is_not_kept(collection, client, site, length):
    site["/a.jpg"] = Answer(picture(1) + bytes(500_000), length=length)
    assert "more than 1000" in reason(
        fetched(collection, client, site, "/a.jpg", max_bytes=100_000)
    )
    assert list(collection.unfinished.iterdir()) == []


def test_redirections_are_followed(collection, client, site):
    site["/a.jpg"] = Answer(status=302, headers={"Location": "/b.jpg"})
    site["/b.jpg"] = Answer(status=308, headers={"Location": site.url("/c.jpg")})
    site["/c.jpg"] = picture(1)
    assert fetched(collection, client, site, "/a.jpg").new == 1


def test_redirections_end(collection, client, site):
    site["/a.jpg"] = Answer(status=302, headers={"Location": "/b.jpg"})
    site["/b.jpg"] = Answer(status=302, headers={"Location": "/a.jpg"})
    assert "redirected more than" in reason(fetched(collection, client, site, "/a.jpg"))
    assert len(site.paths()) == 6


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/a.jpg", "data:,a"])
def test_redirections_to_other_schemes_are_refused(collection, client, site, target):
    site["/a.jpg"] = Answer(status=302, headers={"Location": target})
    assert "address" in reason(fetched(collection, client, site, "/a.jpg"))


def test_packed_bytes_are_unpacked(collection, client, site):
    """By a server that packs although it was not asked to."""
    packed = gzip.compress(picture(1))
    site["/a.jpg"] = Answer(packed, headers={"Content-Encoding": "gzip", "ETag": '"1"'})
    assert fetched(collection, client, site, "/a.jpg").new == 1
    assert contents(collection) == [picture(1)]


def test_a_packed_bomb_is_cut_off(collection, client, site):
    packed = gzip.compress(picture(1) + bytes(10**8))
    site["/a.jpg"] = Answer(packed, headers={"Content-Encoding": "gzip"})
    assert "more than 1000000" in reason(fetched(collection, client, site, "/a.jpg"))


def test_robots_hold_for_pictures(collection, client, site):
    site["/robots.txt"] = b"User-agent: cinegan-collect\nDisallow: /private/\n"
    site["/private/a.jpg"] = site["/b.jpg"] = picture(1)
    site["/c.jpg"] = Answer(status=302, headers={"Location": "/private/a.jpg"})
    listed(collection, [site.url(path) for path in ("/private/a.jpg", "/b.jpg", "/c.jpg")])
    outcome = run(collection, client)
    assert outcome.new == 1
    assert {failed.address: failed.reason for failed in outcome.failed} == {
        site.url("/private/a.jpg"): "robots.txt of the host does not allow it",
        site.url("/c.jpg"): "robots.txt of the host does not allow it",
    }
    assert "/private/a.jpg" not in site.paths()
    assert [asked.path for asked in site.asked].count("/robots.txt") == 1


# Failures are kept, and tried again when asked to


def test_failures_are_tried_again_alone(collection, client, site):
    site["/a.jpg"], site["/c.jpg"] = picture(1), picture(3)
    addresses = [site.url(f"/{name}.jpg") for name in "abc"]
    listed(collection, addresses[:2])
    assert len(run(collection, client).failed) == 1
    assert [(f.address, f.reason) for f in collection.failed().values()] == [
        (addresses[1], "HTTP status 404 Not Found")
    ]
    listed(collection, addresses[2:])
    site["/b.jpg"] = picture(2)
    site.asked.clear()
    outcome = run(collection, client, retry=True)
    assert (outcome.new, outcome.earlier, outcome.failed_earlier) == (1, 1, 0)
    assert site.paths() == ["/b.jpg"]
    outcome = run(collection, client)
    assert (outcome.new, outcome.earlier, outcome.failed_earlier) == (1, 2, 0)


def test_failures_are_not_tried_again_unasked(collection, client, site):
    fetched(collection, client, site, "/a.jpg")
    site.asked.clear()
    outcome = run(collection, client)
    assert (outcome.new, outcome.failed, outcome.failed_earlier) == (0, [], 1)
    assert site.asked == []


def test_an_error_that_nobody_foresaw_fails_alone(collection, client, site, monkeypatch):
    site["/a.jpg"], site["/b.jpg"] = picture(1), picture(2)
    require = download.require_image_type
    answers = iter([ZeroDivisionError("of theirs"), None])

    def surprising(content_type):
        if error := next(answers):
            raise error
        require(content_type)

    monkeypatch.setattr(download, "require_image_type", surprising)
    listed(collection, [site.url("/a.jpg"), site.url("/b.jpg")])
    outcome = run(collection, client)
    assert outcome.new == 1
    assert outcome.failed[0].reason == (
        "unexpected error, please report it: ZeroDivisionError: of theirs"
    )


def test_nothing_listed_is_an_error(collection, client):
    with pytest.raises(UserError, match="collect list"):
        run(collection, client)


# Bounds


def test_requests_at_once_are_bounded_per_host(collection, make_client, site):
    for number in range(12):
        site[f"/{number}.jpg"] = Answer(picture(number), pause=0.1)
    listed(collection, [site.url(f"/{number}.jpg") for number in range(12)])
    politeness = replace(QUICK, jobs=8, per_host=3)
    assert run(collection, make_client(politeness)).new == 12
    assert site.most_at_once == 3


# Stops


def test_ctrl_c_ends_at_once_and_the_same_command_goes_on(collection, make_client, site):
    """Also where a server is silent, and nothing is lost of what came from it."""
    body = picture(1, (200, 100))
    site["/a.jpg"] = in_turn(
        Answer(body, headers={"ETag": '"1"'}, pause=20.0), of_versions(body, '"1"')
    )
    listed(collection, [site.url("/a.jpg")])
    patient = make_client(replace(QUICK, read_timeout=20.0))

    def interrupt() -> None:
        _until(lambda: _unfinished(collection) > 0)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(collection, patient)
    interrupting.join()
    assert time.monotonic() - began < 5
    assert collection.failed() == {}
    assert run(collection, make_client()).new == 1
    assert contents(collection) == [body]
    assert site.asked[-1].headers["Range"] == f"bytes={-(-len(body) // 2)}-"


def test_a_full_disk_ends_it_and_loses_nothing(mount_disk, client, site):
    disk = mount_disk("160k")
    collection = Collection(disk / "collection")
    bodies = [picture(number, (300, 200), "png") for number in range(6)]
    for number, body in enumerate(bodies):
        site[f"/{number}.png"] = body
    listed(collection, [site.url(f"/{number}.png") for number in range(6)])
    outcome = run(collection, client)
    assert "no space is left" in outcome.error
    assert 0 < outcome.new < 6
    assert outcome.failed == []
    assert all(body in bodies for body in contents(collection))
    subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
    again = run(collection, client)
    assert (again.new, again.earlier, again.error) == (6 - outcome.new, outcome.new, "")
    assert contents(collection) == sorted(bodies)


def _unfinished(collection: Collection) -> int:
    """Bytes of pictures that are not whole."""
    return sum(path.stat().st_size for path in collection.unfinished.glob("*.part"))


def _until(condition, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
