"""The model card of an installed look: a description, its scores, and how it was made.

A card is NAME.md beside the weights. Its first line is `# NAME: DESCRIPTION`. The first table with
the columns PSNR, SSIM and delta E has the scores on held-out photos; the row of the look itself
begins with NAME.
"""

import re
from dataclasses import dataclass
from importlib import resources

from cinegan_jax.inference.look import LOOK_SUFFIX, LOOKS_PACKAGE

SCORES = ("PSNR", "SSIM", "delta E")
"""Columns of a card's table that hold scores."""


@dataclass(frozen=True)
class LookCard:
    """The contents of a model card.

    Attributes:
      description: one line.
      scores: (name, value) for the names in `SCORES` that the card has, as written there.
      text: the whole card, Markdown.
    """

    description: str = ""
    scores: tuple[tuple[str, str], ...] = ()
    text: str = ""


def read_card(name: str) -> LookCard:
    """Return the card of an installed look, or an empty one where there is no card."""
    file = resources.files(LOOKS_PACKAGE) / f"{name}.md"
    return parse_card(name, file.read_text(encoding="utf-8")) if file.is_file() else LookCard()


def parse_card(name: str, text: str) -> LookCard:
    """Parse the text of a card; fields that the text lacks stay empty."""
    title = re.match(rf"# {re.escape(name)}: *(.+)", text)
    columns: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip(" *`") for cell in line.strip().strip("|").split("|")]
        if set(SCORES) <= set(cells):
            columns = cells
        elif columns and cells[0] == name:
            row = dict(zip(columns, cells, strict=False))
            scores = tuple((score, row[score]) for score in SCORES if score in row)
            return LookCard(title[1].strip() if title else "", scores, text)
    return LookCard(title[1].strip() if title else "", (), text)


def file_size(name: str) -> int:
    """Return the size of an installed look's weights in bytes."""
    with resources.as_file(resources.files(LOOKS_PACKAGE) / f"{name}{LOOK_SUFFIX}") as path:
        return path.stat().st_size
