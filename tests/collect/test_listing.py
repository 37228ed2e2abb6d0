"""Addresses that a listing finds, and its continuation after a stop."""

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from misbehaving_site import Answer, Site, image_file

from cinegan_jax.collect.client import Client
from cinegan_jax.collect.listing import MAX_PAGE_BYTES, Listing, ListingResult
from cinegan_jax.collect.records import Collection
from cinegan_jax.core.errors import UserError

HTML = {"Content-Type": "text/html; charset=utf-8"}
XML = {"Content-Type": "application/xml"}


def run(
    collection: Collection,
    client: Client,
    sources: Sequence[str],
    max_pages: int = 100,
    again: bool = False,
) -> ListingResult:
    collection.folder.mkdir(exist_ok=True)
    listing = Listing(
        collection, client, max_pages=max_pages, again=again, show=lambda done, total: None
    )
    listing.run(sources)
    return listing.result


def found(collection: Collection, site: Site) -> dict[str, str]:
    """Return pages by image address, relative to the site."""
    local = {
        record.address.removeprefix(site.address): record.page.removeprefix(site.address)
        for record in collection.listed().values()
    }
    assert all(record.when.endswith("+00:00") for record in collection.listed().values())
    return local


def page(*pictures: str) -> Answer:
    return Answer("".join(f"<img src='{p}'>" for p in pictures).encode(), headers=HTML)


def sitemap_of(site: Site, *paths: str) -> bytes:
    return "".join(
        ["<urlset>", *(f"<url><loc>{site.url(path)}</loc></url>" for path in paths), "</urlset>"]
    ).encode()


def test_a_page(collection: Collection, client: Client, site: Site) -> None:
    site["/x/page"] = Answer(
        b"<img src=a.jpg alt=Cowrie><a rel=license href=/by>CC</a>", headers=HTML
    )
    result = run(collection, client, [site.url("/x/page#top")])
    assert (result.new, result.known, result.pages, result.failed) == (1, 0, 1, [])
    (record,) = collection.listed().values()
    assert record.address == site.url("/x/a.jpg")
    assert record.page == site.url("/x/page")
    assert (record.title, record.licence) == ("Cowrie", site.url("/by"))
    assert "/x/a.jpg" not in site.paths()


def test_relative_addresses_start_from_the_redirected_page(
    collection: Collection, client: Client, site: Site
) -> None:
    site["/old"] = Answer(status=301, headers={"Location": "/new/page"})
    site["/new/page"] = page("a.jpg")
    run(collection, client, [site.url("/old")])
    assert found(collection, site) == {"/new/a.jpg": "/new/page"}


def test_sitemaps_with_pages_images_and_further_sitemaps(
    collection: Collection, client: Client, site: Site
) -> None:
    index = f"<sitemapindex><sitemap><loc>{site.url('/1.xml.gz')}</loc></sitemap></sitemapindex>"
    site["/index.xml"] = Answer(index.encode(), headers=XML)
    one = f"""<urlset xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
      <url><loc>{site.url("/named")}</loc>
        <image:image><image:loc>{site.url("/a")}</image:loc></image:image></url>
      <url><loc>{site.url("/read")}</loc></url>
      <url><loc>{site.url("/b.jpg")}</loc></url></urlset>"""
    site["/1.xml.gz"] = Answer(gzip.compress(one.encode()))
    site["/read"] = page("c.jpg", "/a")
    result = run(collection, client, [site.url("/index.xml")])
    assert found(collection, site) == {"/a": "/named", "/b.jpg": "/1.xml.gz", "/c.jpg": "/read"}
    assert (result.new, result.known, result.pages) == (3, 1, 1)
    assert "/named" not in site.paths()


def test_address_files_and_sitemap_files(
    collection: Collection, client: Client, site: Site, tmp_path: Path
) -> None:
    (tmp_path / "list.txt").write_text(
        "\ufeff# shells\nhttps://example.org/a\r\n\nhttps://example.org/b.jpg \n/c.jpg\n"
    )
    site["/page"] = page("d.jpg")
    (tmp_path / "map.xml").write_bytes(sitemap_of(site, "/page", "/e.jpg"))
    sources = [tmp_path / "list.txt", tmp_path / "map.xml", "https://example.org/f.png"]
    result = run(collection, client, list(map(str, sources)))
    assert set(found(collection, site)) == {
        *(f"https://example.org/{name}" for name in ("a", "b.jpg", "f.png")),
        *("/d.jpg", "/e.jpg"),
    }
    ((place, reason),) = result.failed
    assert place == f"{tmp_path}/list.txt, line 5"
    assert "/c.jpg" in reason


def test_address_lists_on_servers(collection: Collection, client: Client, site: Site) -> None:
    text = f"{site.url('/a.jpg')}\nnone\n".encode()
    site["/list"] = Answer(text, headers={"Content-Type": "text/plain"})
    result = run(collection, client, [site.url("/list")])
    assert found(collection, site) == {"/a.jpg": "/list"}
    assert len(result.failed) == 1


def test_a_listing_continues_where_it_stopped(
    collection: Collection, client: Client, site: Site
) -> None:
    """Read pages are skipped, failed ones are read again, addresses are listed once."""
    site["/map"] = Answer(sitemap_of(site, "/1", "/2"), headers=XML)
    site["/1"] = page("a.jpg", "b.jpg")
    result = run(collection, client, [site.url("/map")])
    assert (result.new, result.pages) == (2, 1)
    assert result.failed == [(site.url("/2"), "HTTP status 404 Not Found")]
    with collection.addresses.open("a") as file:
        file.write('{"address": "http://torn')
    site["/2"] = page("b.jpg", "c.jpg")
    site.requests.clear()
    result = run(collection, client, [site.url("/map")])
    assert (result.new, result.known, result.pages, result.skipped_pages) == (1, 1, 1, 1)
    assert site.paths() == ["/map", "/2"]
    assert len(collection.addresses.read_text().splitlines()) == 3
    result = run(collection, client, [site.url("/map")], again=True)
    assert (result.new, result.known, result.pages) == (0, 4, 2)


def test_a_stop_loses_nothing(
    collection: Collection,
    make_client: Callable[..., Client],
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site["/map"] = Answer(sitemap_of(site, *(f"/{n}" for n in range(6))), headers=XML)
    for number in range(6):
        site[f"/{number}"] = page(f"{number}.jpg")
    finished = Listing._finished

    def stopping(self: Listing, source: object, content: object) -> None:
        finished(self, source, content)
        if self.result.pages == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Listing, "_finished", stopping)
        with pytest.raises(KeyboardInterrupt):
            run(collection, make_client(), [site.url("/map")])
    assert len(collection.listed()) >= 3
    run(collection, make_client(), [site.url("/map")])
    assert set(found(collection, site)) == {f"/{n}.jpg" for n in range(6)}


def test_pages_are_limited_and_sitemap_cycles_end(
    collection: Collection, client: Client, site: Site
) -> None:
    ring = f"<sitemapindex><sitemap><loc>{site.url('/ring')}</loc></sitemap></sitemapindex>"
    site["/ring"] = Answer(ring.encode(), headers=XML)
    site["/map"] = Answer(sitemap_of(site, *(f"/{n}" for n in range(6))), headers=XML)
    result = run(collection, client, [site.url("/ring"), site.url("/map")], max_pages=4)
    assert result.unread_pages == 4
    assert len(site.paths()) == 4


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(image_file(1), headers={"Content-Type": "image/jpeg"}), "neither a page nor"),
        (Answer(b"x" * (MAX_PAGE_BYTES + 1), headers=HTML), "more than 10 MiB"),
        (Answer(b"\x1f\x8bbroken"), "broken gzip"),
        (Answer(b"<urlset><url>", headers=XML), "a broken or unsafe sitemap"),
        (Answer(b"<html>", headers=HTML, status=403), "403 Forbidden"),
    ],
    ids=["picture", "too large", "broken gzip", "broken sitemap", "forbidden"],
)
def test_unreadable_sources_are_reported(
    collection: Collection, client: Client, site: Site, answer: Answer, reason: str
) -> None:
    site["/a"] = answer
    ((address, why),) = run(collection, client, [site.url("/a")]).failed
    assert address == site.url("/a")
    assert reason in why


def test_robots_txt_applies_to_pages(collection: Collection, client: Client, site: Site) -> None:
    site["/robots.txt"] = b"User-agent: *\nDisallow: /*private\n"
    site["/a/private"] = page("a.jpg")
    result = run(collection, client, [site.url("/a/private")])
    assert "robots.txt" in result.failed[0][1]
    assert site.paths() == []


@pytest.mark.parametrize("source", ["file:///etc/passwd", "ftp://example.org/", "no such file"])
def test_invalid_sources_are_an_error(collection: Collection, client: Client, source: str) -> None:
    with pytest.raises(UserError, match=r"http"):
        run(collection, client, [source])
