"""Normal form of addresses."""

import pytest

from cinegan_jax.collect.addresses import Failure, host_of, is_image_address, normalised


@pytest.mark.parametrize(
    ("address", "base", "expected"),
    [
        ("HTTP://Example.ORG:80/a b.jpg#x", "", "http://example.org/a%20b.jpg"),
        ("https://example.org:443", "", "https://example.org/"),
        ("http://example.org:443/", "", "http://example.org:443/"),
        ("../x/ü.jpg", "https://bücher.example/p/q/r", "https://xn--bcher-kva.example/p/x/%C3%BC.jpg"),
        ("//h/x.jpg", "https://a.example/", "https://h/x.jpg"),
        ("?n=2&m=ä", "https://a.example/b?c", "https://a.example/b?n=2&m=%C3%A4"),
        (" a.jpg\n", "https://a.example/b/", "https://a.example/b/a.jpg"),
        ("http://[::1]:8000/a", "", "http://[::1]:8000/a"),
    ],
)  # fmt: skip
def test_normal_form(address: str, base: str, expected: str) -> None:
    assert normalised(address, base) == expected
    assert normalised(expected) == expected


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("file:///etc/passwd", "http"),
        ("data:image/png;base64,AAAA", "http"),
        ("ftp://example.org/a.jpg", "http"),
        ("javascript:alert(1)", "http"),
        ("a.jpg", "http"),
        ("", "http"),
        ("http://user:secret@example.org/a.jpg", "password"),
        ("http://[::1", "not an address"),
        ("http://", "not an address"),
        ("http://a..example/", "not an address"),
        ("http://ü..example/", "not an address"),
        (f"http://{'x' * 70}.example/", "not an address"),
    ],
)
def test_malformed_addresses_are_refused(address: str, reason: str) -> None:
    with pytest.raises(Failure, match=reason) as error:
        normalised(address)
    assert "secret" not in str(error.value)


def test_image_addresses_have_an_image_suffix() -> None:
    assert is_image_address("https://example.org/a.JPEG?size=3")
    assert not is_image_address("https://example.org/a.html?a.jpg")


def test_host_includes_the_port() -> None:
    assert host_of("http://example.org:8080/a") == "example.org:8080"
