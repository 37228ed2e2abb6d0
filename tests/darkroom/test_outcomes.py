import os

import pytest

from cinegan_jax.darkroom.outcomes import printable


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("été 🏖 1.jpg", "été 🏖 1.jpg"),
        ("👨\u200d👩\u200d👧.jpg", "👨\u200d👩\u200d👧.jpg"),
        ("a\nfailed: b.jpg", r"a\nfailed: b.jpg"),
        ("\x1b[2J.jpg", r"\x1b[2J.jpg"),
        ("gpj.\u202eexe", r"gpj.\u202eexe"),
        (os.fsdecode(b"caf\xe9.jpg"), r"caf\udce9.jpg"),
    ],
)
def test_names_are_printed_as_one_harmless_line(name: str, shown: str) -> None:
    assert printable(name) == shown
