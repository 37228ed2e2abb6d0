"""Which addresses a listing finds, and that it may be stopped."""

import gzip

import pytest
from misbehaving_site import Answer, picture

from cinegan_jax.collect.listing import MAX_PAGE_BYTES, Listing
from cinegan_jax.collect.records import Collection
from cinegan_jax.errors import UserError

HTML = {"Content-Type": "text/html; charset=utf-8"}
XML = {"Content-Type": "application/xml"}


def run(collection: Collection, client, sources, max_pages: int = 100, again: bool = False):
    collection.folder.mkdir(exist_ok=True)
    listing = Listing(
        collection, client, max_pages=max_pages, again=again, show=lambda done, total: None
    )
    listing.run(sources)
    return listing.result


def found(collection: Collection, site) -> dict[str, str]:
    """Pages by addresses of pictures, seen from the site."""
    local = {
        record.address.removeprefix(site.address): record.page.removeprefix(site.address)
        for record in collection.listed().values()
    }
    assert all(record.when.endswith("+00:00") for record in collection.listed().values())
    return local


def page(*pictures: str) -> Answer:
    return Answer("".join(f"<img src='{p}'>" for p in pictures).encode(), headers=HTML)


def sitemap_of(site, *paths: str) -> bytes:
    return "".join(
        ["<urlset>", *(f"<url><loc>{site.url(path)}</loc></url>" for path in paths), "</urlset>"]
    ).encode()


def test_a_page(collection, client, site):
    site["/x/page"] = Answer(
        b"<img src=a.jpg alt=Cowrie><a rel=license href=/by>CC</a>", headers=HTML
    )
    outcome = run(collection, client, [site.url("/x/page#top")])
    assert (outcome.new, outcome.known, outcome.pages, outcome.failed) == (1, 0, 1, [])
    (record,) = collection.listed().values()
    assert record.address == site.url("/x/a.jpg")
    assert record.page == site.url("/x/page")
    assert (record.title, record.licence) == ("Cowrie", site.url("/by"))
    assert "/x/a.jpg" not in site.paths()


def test_relative_addresses_are_seen_from_where_the_page_was_found(collection, client, site):
    site["/old"] = Answer(status=301, headers={"Location": "/new/page"})
    site["/new/page"] = page("a.jpg")
    run(collection, client, [site.url("/old")])
    assert found(collection, site) == {"/new/a.jpg": "/new/page"}


def test_sitemaps_of_pages_pictures_and_sitemaps(collection, client, site):
    index = f"<sitemapindex><sitemap><loc>{site.url('/1.xml.gz')}</loc></sitemap></sitemapindex>"
    site["/index.xml"] = Answer(index.encode(), headers=XML)
    one = f"""<urlset xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
      <url><loc>{site.url("/named")}</loc>
        <image:image><image:loc>{site.url("/a")}</image:loc></image:image></url>
      <url><loc>{site.url("/read")}</loc></url>
      <url><loc>{site.url("/b.jpg")}</loc></url></urlset>"""
    site["/1.xml.gz"] = Answer(gzip.compress(one.encode()))
    site["/read"] = page("c.jpg", "/a")
    outcome = run(collection, client, [site.url("/index.xml")])
    assert found(collection, site) == {"/a": "/named", "/b.jpg": "/1.xml.gz", "/c.jpg": "/read"}
    assert (outcome.new, outcome.known, outcome.pages) == (3, 1, 1)
    assert "/named" not in site.paths()


def test_files_of_addresses_and_of_sitemaps(collection, client, site, tmp_path):
    (tmp_path / "list.txt").write_text(
        "\ufeff# shells\nhttps://example.org/a\r\n\nhttps://example.org/b.jpg \n/c.jpg\n"
    )
    site["/page"] = page("d.jpg")
    (tmp_path / "map.xml").write_bytes(sitemap_of(site, "/page", "/e.jpg"))
    sources = [tmp_path / "list.txt", tmp_path / "map.xml", "https://example.org/f.png"]
    outcome = run(collection, client, list(map(str, sources)))
    assert set(found(collection, site)) == {
        *(f"https://example.org/{name}" for name in ("a", "b.jpg", "f.png")),
        *("/d.jpg", "/e.jpg"),
    }
    ((place, reason),) = outcome.failed
    assert place == f"{tmp_path}/list.txt, line 5"
    assert "/c.jpg" in reason


def test_lists_on_servers(collection, client, site):
    text = f"{site.url('/a.jpg')}\nnone\n".encode()
    site["/list"] = Answer(text, headers={"Content-Type": "text/plain"})
    outcome = run(collection, client, [site.url("/list")])
    assert found(collection, site) == {"/a.jpg": "/list"}
    assert len(outcome.failed) == 1


def test_listing_goes_on_where_it_was(collection, client, site):
    """Pages that were read are not read again, failed ones are; addresses are listed once."""
    site["/map"] = Answer(sitemap_of(site, "/1", "/2"), headers=XML)
    site["/1"] = page("a.jpg", "b.jpg")
    outcome = run(collection, client, [site.url("/map")])
    assert (outcome.new, outcome.pages) == (2, 1)
    assert outcome.failed == [(site.url("/2"), "HTTP status 404 Not Found")]
    with collection.addresses.open("a") as file:
        file.write('{"address": "http://torn')
    site["/2"] = page("b.jpg", "c.jpg")
    site.asked.clear()
    outcome = run(collection, client, [site.url("/map")])
    assert (outcome.new, outcome.known, outcome.pages, outcome.skipped_pages) == (1, 1, 1, 1)
    assert site.paths() == ["/map", "/2"]
    assert len(collection.addresses.read_text().splitlines()) == 3
    outcome = run(collection, client, [site.url("/map")], again=True)
    assert (outcome.new, outcome.known, outcome.pages) == (0, 4, 2)


def test_a_stop_loses_nothing(collection, make_client, site, monkeypatch):
    site["/map"] = Answer(sitemap_of(site, *(f"/{n}" for n in range(6))), headers=XML)
    for number in range(6):
        site[f"/{number}"] = page(f"{number}.jpg")
    finished = Listing._finished

    def stopping(self, source, content):
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


def test_pages_are_bounded_and_rings_of_sitemaps_end(collection, client, site):
    ring = f"<sitemapindex><sitemap><loc>{site.url('/ring')}</loc></sitemap></sitemapindex>"
    site["/ring"] = Answer(ring.encode(), headers=XML)
    site["/map"] = Answer(sitemap_of(site, *(f"/{n}" for n in range(6))), headers=XML)
    outcome = run(collection, client, [site.url("/ring"), site.url("/map")], max_pages=4)
    assert outcome.unread_pages == 4
    assert len(site.paths()) == 4


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(picture(1), headers={"Content-Type": "image/jpeg"}), "neither a page nor"),
        (Answer(b"x" * (MAX_PAGE_BYTES + 1), headers=HTML), "more than 10 MiB"),
        (Answer(b"\x1f\x8bbroken"), "broken gzip"),
        (Answer(b"<urlset><url>", headers=XML), "a broken or unsafe sitemap"),
        (Answer(b"<html>", headers=HTML, status=403), "403 Forbidden"),
    ],
    ids=["picture", "too large", "broken gzip", "broken sitemap", "forbidden"],
)
def test_what_cannot_be_read_is_told(collection, client, site, answer, reason):
    site["/a"] = answer
    ((address, told),) = run(collection, client, [site.url("/a")]).failed
    assert address == site.url("/a")
    assert reason in told


def test_robots_hold_for_pages(collection, client, site):
    site["/robots.txt"] = b"User-agent: *\nDisallow: /*private\n"
    site["/a/private"] = page("a.jpg")
    outcome = run(collection, client, [site.url("/a/private")])
    assert "robots.txt" in outcome.failed[0][1]
    assert site.paths() == []


@pytest.mark.parametrize("source", ["file:///etc/passwd", "ftp://example.org/", "no such file"])
def test_what_is_no_source_is_an_error(collection, client, source):
    with pytest.raises(UserError, match=r"http"):
        run(collection, client, [source])
