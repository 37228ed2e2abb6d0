"""What is said of an installed look: its model card, NAME.md beside its weights.

The card's first line is `# NAME: DESCRIPTION`. Its first table whose columns include PSNR, SSIM and
delta E has the scores on held-out photos, the look's own in the row that begins with NAME. All else
is for people.
"""

import re
from dataclasses import dataclass
from importlib import resources

SCORES = ("PSNR", "SSIM", "delta E")
_PACKAGE = "cinegan_jax.looks"


@dataclass(frozen=True)
class LookCard:
    """A look in words.

    Attributes:
      description: one line.
      scores: of `SCORES`, as the card has them; those that it lacks are missing.
      text: the whole card, Markdown.
    """

    description: str = ""
    scores: tuple[tuple[str, str], ...] = ()
    text: str = ""


def read_card(name: str) -> LookCard:
    """The card of an installed look; an empty one where it has none."""
    file = resources.files(_PACKAGE) / f"{name}.md"
    return parse_card(name, file.read_text(encoding="utf-8")) if file.is_file() else LookCard()


def parse_card(name: str, text: str) -> LookCard:
    """Reads a card's text; what it lacks stays empty."""
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
    """Bytes of an installed look's weights."""
    with resources.as_file(resources.files(_PACKAGE) / f"{name}.safetensors") as path:
        return path.stat().st_size
