"""The losses of a run as one small picture in its workdir."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax
from absl import logging
from etils import epath

from cinegan_jax.pages.curves import Chart, Curve
from cinegan_jax.pages.svg_chart import to_svg
from cinegan_jax.storage import write_whole

LOSSES_FILE = "losses.svg"
LOSS = "loss_"
"""What the names of all players' losses begin with."""


@contextlib.contextmanager
def losses_drawn_at_the_end(workdir: epath.Path) -> Iterator[None]:
    """Leaves the picture behind however a run ends: finished, told to stop, or by an error."""
    try:
        yield
    finally:
        write_loss_plot(workdir)


def write_loss_plot(workdir: epath.Path) -> None:
    """Draws the losses that `metrics.jsonl` tells of, of all steps so far; no losses, no picture.

    Where it cannot be written there is an error in the log. Only the first process writes.
    """
    records = workdir / "metrics.jsonl"
    if jax.process_index() != 0 or not records.exists():
        return
    curves = loss_curves(json.loads(line) for line in records.read_text().splitlines())
    if not curves:
        return
    try:
        write_whole(workdir / LOSSES_FILE, to_svg(Chart("Losses of the players", curves)))
    except OSError as error:
        logging.error("%s cannot be written: %s", workdir / LOSSES_FILE, error)


def loss_curves(records: Iterable[Mapping[str, Any]]) -> list[Curve]:
    """A curve for each loss of a player; None where it was not finite."""
    points: dict[str, dict[int, float | None]] = {}
    for record in records:
        for name, value in record.items():
            if name.startswith(LOSS):
                points.setdefault(name.removeprefix(LOSS), {})[record["step"]] = value
    return [
        Curve(name.replace("_", " "), list(found), list(found.values()))
        for name, found in points.items()
    ]
