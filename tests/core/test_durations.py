"""Durations as users write them."""

import pytest

from cinegan_jax.core.durations import parse_duration
from cinegan_jax.core.errors import UserError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("8h30m", 8 * 3600 + 30 * 60),
        ("45m", 2700),
        ("90s", 90),
        ("3600", 3600),
        ("1d", 86400),
        ("1d2h3m4s", 93784),
        (" 2h ", 7200),
    ],
)
def test_a_duration_is_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "0", "0m", "soon", "1.5h", "-5m", "5m8h", "8 h", "10x", "٣h", "1e3"]
)
def test_another_text_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UserError, match="such as 8h30m"):
        parse_duration(text)
