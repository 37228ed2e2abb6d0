"""File names that clients send and receive."""

import re
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cinegan_jax.web.downloads import attachment, plain_name


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("IMG_1.jpg", "IMG_1.jpg"),
        ("../../etc/passwd", "passwd"),
        (r"C:\photos\IMG_1.jpg", "IMG_1.jpg"),
        ("two\nlines\r\nX-Evil: 1.jpg", "twolinesX-Evil: 1.jpg"),
        ("soleil \u2600 d'\u00e9t\u00e9.jpg", "soleil \u2600 d'\u00e9t\u00e9.jpg"),
        ("\u202egpj.exe", "gpj.exe"),
        ("...", "photo"),
        ("", "photo"),
        ("a" * 300 + ".jpg", "a" * 96 + ".jpg"),
    ],
)
def test_a_plain_name_has_no_folder_and_no_invisible_characters(name: str, plain: str) -> None:
    assert plain_name(name) == plain


@given(st.text())
def test_any_name_survives_the_header(name: str) -> None:
    plain = plain_name(name)
    header = attachment(plain)
    assert re.fullmatch(r"[ -~]+", header)
    parsed = Message()  # the standard library's reading of RFC 2231
    parsed["content-disposition"] = re.sub(r'filename="[^"]*"; ', "", header)
    assert parsed.get_filename() == plain
    assert re.search(r'filename="([^"/\\%]+)"', header)
