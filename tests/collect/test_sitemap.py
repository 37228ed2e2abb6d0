"""Sitemaps, valid and unsafe."""

import gzip

import pytest

from cinegan_jax.collect import sources
from cinegan_jax.collect.addresses import Failure
from cinegan_jax.collect.sources import NamedImage, SitemapEntry, is_sitemap, read_sitemap, unpacked

NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
IMAGES = 'xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"'


def test_pages_and_their_images() -> None:
    content = f"""<?xml version="1.0" encoding="UTF-8"?>
      <urlset {NAMESPACE} {IMAGES}>
        <url><loc> https://example.org/a?x=1&amp;y=2 </loc><lastmod>2024-05-04</lastmod></url>
        <url><loc>https://example.org/b</loc>
          <image:image><image:loc>https://example.org/b1.jpg</image:loc>
            <image:title>Cowrie</image:title><image:license>https://l.example</image:license>
          </image:image>
          <image:image><image:loc>https://example.org/b2.jpg</image:loc>
            <image:caption>Whelk</image:caption></image:image>
          <image:image/>
        </url>
        <url/>
      </urlset>""".encode()
    assert is_sitemap(content)
    found = read_sitemap(content)
    assert found.sitemaps == []
    assert found.entries == [
        SitemapEntry("https://example.org/a?x=1&y=2", []),
        SitemapEntry(
            "https://example.org/b",
            [
                NamedImage("https://example.org/b1.jpg", "Cowrie", "https://l.example"),
                NamedImage("https://example.org/b2.jpg", "Whelk", ""),
            ],
        ),
    ]


@pytest.mark.parametrize("namespace", [NAMESPACE, ""])
def test_sitemap_indexes(namespace: str) -> None:
    content = f"""<sitemapindex {namespace}>
      <sitemap><loc>https://example.org/1.xml.gz</loc></sitemap>
      <sitemap><loc>https://example.org/2.xml</loc></sitemap></sitemapindex>""".encode()
    assert is_sitemap(content)
    assert read_sitemap(content) == (
        [],
        ["https://example.org/1.xml.gz", "https://example.org/2.xml"],
    )


def test_namespace_prefixes_are_ignored() -> None:
    prefixed = NAMESPACE.replace("xmlns", "xmlns:s")
    content = f"<s:urlset {prefixed}><s:url><s:loc>a</s:loc></s:url></s:urlset>"
    assert is_sitemap(content.encode())
    assert read_sitemap(content.encode()).entries == [SitemapEntry("a", [])]


@pytest.mark.parametrize("content", [b"<html></html>", b"", b"https://a.example/a.jpg", b"<rss>"])
def test_other_files_are_not_sitemaps(content: bytes) -> None:
    assert not is_sitemap(content)


LAUGHS = """<!DOCTYPE urlset [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
  <urlset><url><loc>&b;</loc></url></urlset>"""
FILE = """<!DOCTYPE urlset [<!ENTITY a SYSTEM "file:///etc/passwd">]>
  <urlset><url><loc>&a;</loc></url></urlset>"""
OUTSIDE = '<!DOCTYPE urlset SYSTEM "http://198.51.100.1/a.dtd"><urlset/>'


@pytest.mark.parametrize(
    "content", [LAUGHS, FILE, OUTSIDE, "<urlset><url>", "<urlset>&a;</urlset>"]
)
def test_broken_and_unsafe_sitemaps_are_refused(content: str) -> None:
    with pytest.raises(Failure, match="broken or unsafe"):
        read_sitemap(content.encode())


def test_gzip_and_plain_files() -> None:
    assert unpacked(gzip.compress(b"<urlset/>")) == unpacked(b"<urlset/>") == b"<urlset/>"


def test_decompressed_size_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_SITEMAP_BYTES", 2**20)
    assert len(unpacked(gzip.compress(bytes(2**20)))) == 2**20
    with pytest.raises(Failure, match="more than 1 MiB"):
        unpacked(gzip.compress(bytes(2**20 + 1)))


@pytest.mark.parametrize("content", [gzip.compress(b"a" * 99, mtime=0)[:-9], b"\x1f\x8bnot so"])
def test_broken_gzip_is_refused(content: bytes) -> None:
    with pytest.raises(Failure, match="gzip"):
        unpacked(content)
