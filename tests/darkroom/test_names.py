"""Templates of the names of results."""

from pathlib import Path

import pytest

from cinegan_jax.core.errors import UserError
from cinegan_jax.darkroom.names import NameTemplate, choose_template

PHOTO = Path("/trip/day 1/IMG.v2.JPG")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("{stem}_{look}", "IMG.v2_velvia"),
        ("{look} of {folder}, {strength} {stem}", "velvia of day 1, 0.7 IMG.v2"),
        ("{{{stem}}}{stem}", "{IMG.v2}IMG.v2"),
        ("plain", "plain"),
    ],
)
def test_a_template_names_results_and_recognises_them(text: str, name: str) -> None:
    template = NameTemplate(text, strength=0.7)
    template.check(["velvia"])
    assert template.name(PHOTO, "velvia") == name
    found = template.pattern("velvia").fullmatch(name)
    assert found
    assert found.groupdict().get("stem", "IMG.v2") == "IMG.v2"
    assert not template.pattern("velvia").fullmatch(f"{name} not") or text.endswith("{stem}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{stem}_{lok}", r"has the field {lok}; known: {stem}, {look}, {strength}, {folder}"),
        ("{stem!r}", "neither a format nor a conversion"),
        ("{strength:.2f}", "neither a format nor a conversion"),
        ("{}", r"has the field {}"),
        ("{stem", "expected '}'"),
        ("a/{stem}", "cannot be part of a file name"),
        ("{stem}", r"is the same for a, b: add {look} to --name"),
    ],
)
def test_a_template_that_cannot_name_results_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        NameTemplate(text).check(["a", "b"])


def test_looks_of_one_name_are_refused() -> None:
    with pytest.raises(UserError, match="two looks have one name: a, a"):
        NameTemplate().check(["a", "a"])


def test_a_suffix_is_taken_as_it_is() -> None:
    assert choose_template(None, "_{x}", 1.0).name(PHOTO, "a") == "IMG.v2_{x}"
    assert choose_template(None, "", 1.0).name(PHOTO, "a") == "IMG.v2"
    assert choose_template("{look}", None, 1.0).name(PHOTO, "a") == "a"
    with pytest.raises(UserError, match="exclude each other"):
        choose_template("{look}", "_x", 1.0)
