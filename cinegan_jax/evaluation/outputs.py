"""The files that an evaluation leaves, and what it says."""

from collections.abc import Iterator

import numpy as np
from rich.console import Console

from cinegan_jax.data.pairs import BrokenPair
from cinegan_jax.evaluation.protocols import as_stored
from cinegan_jax.evaluation.report import skipped_line, summary_line, to_markdown, to_tables
from cinegan_jax.evaluation.result import Evaluation
from cinegan_jax.evaluation.result_file import save
from cinegan_jax.evaluation.target import Target
from cinegan_jax.inference.sheet import COLUMNS, contact_sheet
from cinegan_jax.storage import AnyPath

FILE = "evaluation.json"
SHEET_ROWS = 4


def write_outputs(evaluation: Evaluation, target: Target, folder: AnyPath) -> None:
    """Writes `evaluation.json`, `evaluation.md` and `before_after.png` into a folder that exists.

    Raises:
        OSError: they cannot be written.
    """
    save(evaluation, folder / FILE)
    (folder / "evaluation.md").write_text(to_markdown(evaluation), encoding="utf-8")
    rows = list(_first_rows(target, SHEET_ROWS))
    if rows:
        contact_sheet(COLUMNS, rows, folder / "before_after.png")


def print_result(evaluation: Evaluation) -> None:
    """Tables and a line on standard output."""
    console = Console(soft_wrap=True, highlight=False)
    for part in (*to_tables(evaluation), skipped_line(evaluation), summary_line(evaluation)):
        if part:
            console.print(part)


def _first_rows(target: Target, count: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Photo, generated picture and target of the first pairs that have all three."""
    for index in range(len(target.test_pairs)):
        if not count:
            return
        try:
            pair = target.test_pairs[index]
            yield pair.input, target.method(pair, as_stored), pair.target
        except BrokenPair:
            continue
        count -= 1
