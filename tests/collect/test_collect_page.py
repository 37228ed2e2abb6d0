"""Images, titles and licences of HTML pages."""

import pytest

from cinegan_jax.collect.sources import read_page

AT = "https://example.org/shells/page.html"


def addresses(html: str) -> list[str]:
    return [image.address for image in read_page(html.encode(), AT).images]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<img src="a.jpg">', ["https://example.org/shells/a.jpg"]),
        ('<IMG SRC=/a.jpg>', ["https://example.org/a.jpg"]),
        ('<img src="//cdn.example/a?w=3">', ["https://cdn.example/a?w=3"]),
        ('<img src="a.jpg" srcset="b.jpg 400w, c.jpg 800w">', ["https://example.org/shells/c.jpg"]),
        ('<img src="data:image/gif;base64,R0" data-src="a.jpg">', ["https://example.org/shells/a.jpg"]),
        ('<img src="data:image/gif;base64,R0">', []),
        ('<img alt="without">', []),
        ('<base href="/x/"><img src="a.jpg">', ["https://example.org/x/a.jpg"]),
        ('<base href="http://other.example"><img src="a.jpg">', ["http://other.example/a.jpg"]),
        ('<a href="a.JPG?x=1#y">A</a><a href="b.html">B</a>', ["https://example.org/shells/a.JPG?x=1"]),
        ('<meta property="og:image" content="/og.jpg">', ["https://example.org/og.jpg"]),
        ('<img src="a.jpg"><img src="./a.jpg"><a href="a.jpg">', ["https://example.org/shells/a.jpg"]),
        ('<noscript><img src="a.jpg"></noscript>', ["https://example.org/shells/a.jpg"]),
        ('<script>"<img src=a.jpg>"</script><!-- <img src=b.jpg> -->', []),
        ('<img src="a.jpg', []),
        ('<a href="http://[::1/a.jpg"></a><img src="http://[::1"><img src="b.jpg"', []),
    ],
)  # fmt: skip
def test_pictures(html: str, expected: list[str]) -> None:
    assert addresses(html) == expected


def test_a_picture_element_yields_its_largest_readable_size() -> None:
    html = """<picture>
      <source type="image/avif" srcset="a.avif 2000w">
      <source type="image/webp" srcset="b.webp 500w, c.webp 1000w">
      <img src="d.jpg" srcset="e.jpg 800w">
    </picture>"""
    assert addresses(html) == ["https://example.org/shells/c.webp"]


def test_titles() -> None:
    html = """<img src=a.jpg alt=" A shell "><img src=b.jpg title="Sea"><img src=c.jpg>
      <a href=c.jpg><b>The</b> third</a><a href=d.jpg title=D>link</a>
      <meta property=og:image content=e.jpg><meta property=og:image:alt content=E>"""
    titles = {p.address[-5:]: p.title for p in read_page(html.encode(), AT).images}
    assert titles == {
        **{"a.jpg": "A shell", "b.jpg": "Sea", "c.jpg": "The third"},
        **{"d.jpg": "D", "e.jpg": "E"},
    }


def test_licences() -> None:
    html = """<link rel="license" href="https://creativecommons.org/licenses/by/4.0/">
      <a rel="nofollow license" href="/terms">terms</a><a rel="license" href="/terms">again</a>
      <a href="/other">other</a>"""
    assert read_page(html.encode(), AT).licences == [
        "https://creativecommons.org/licenses/by/4.0/",
        "https://example.org/terms",
    ]


@pytest.mark.parametrize(
    ("encoding", "charset", "declared"),
    [
        ("utf-8", None, "<meta charset=utf-8>"),
        ("utf-8", "utf-8", ""),
        ("shift_jis", "shift_jis", ""),
        ("shift_jis", None, "<meta charset=shift_jis>"),
        ("utf-8", "no-such-charset", "<meta charset=utf-8>"),
    ],
)
def test_characters(encoding: str, charset: str | None, declared: str) -> None:
    html = f"<html><head>{declared}</head><img src=a.jpg alt=桜貝>".encode(encoding)
    assert read_page(html, AT, charset).images[0].title == "桜貝"


def test_xhtml() -> None:
    html = (
        b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><img src="a.jpg"/></html>'
    )
    assert len(read_page(html, AT).images) == 1
