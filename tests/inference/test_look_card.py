import pytest

from cinegan_jax.inference.look import installed_looks
from cinegan_jax.inference.look_card import SCORES, file_size, parse_card, read_card

CARD = """# fern: Greens like moss.

| made with | |
| --- | --- |
| fern | 3 steps |

| held out | pairs | PSNR | SSIM | delta E |
| :-- | --: | --: | --: | --: |
| the photo | 12 | 23.1 | .91 | 9.5 |
| **fern** | 12 | 33.4 | .97 | 2.1 |
| fitted LUT | 12 | 31.0 | .96 | 2.9 |
"""


def test_a_card_has_a_line_and_scores() -> None:
    card = parse_card("fern", CARD)
    assert card.description == "Greens like moss."
    assert dict(card.scores) == {"PSNR": "33.4", "SSIM": ".97", "delta E": "2.1"}
    assert card.text == CARD


@pytest.mark.parametrize("text", ["", "# moss: Another look.\n", "| PSNR | SSIM | delta E |"])
def test_what_a_card_lacks_stays_empty(text: str) -> None:
    card = parse_card("fern", text)
    assert (card.description, card.scores, card.text) == ("", (), text)


def test_there_is_no_card_of_a_look_that_is_not_installed() -> None:
    assert read_card("fern").text == ""


@pytest.mark.parametrize("name", installed_looks())
def test_installed_looks_have_cards_and_are_small(name: str) -> None:
    assert file_size(name) < 4e6
    card = read_card(name)
    if not card.text:
        pytest.skip("no card yet")
    assert card.description
    assert [score for score, _ in card.scores] == list(SCORES)
