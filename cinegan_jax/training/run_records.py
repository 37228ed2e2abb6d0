"""Files about a run in its workdir: config, software versions, and a plot of the losses."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax
import ml_collections
from absl import logging
from etils import epath

from cinegan_jax.config.migration import with_version
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.json_lines import read_json_lines
from cinegan_jax.core.storage import write_whole
from cinegan_jax.core.versions import versions
from cinegan_jax.pages.curves import Chart, Curve
from cinegan_jax.pages.svg_chart import to_svg
from cinegan_jax.training.config_history import CONFIG_FILE, HISTORY_FILE, record_changes


def write_provenance(
    workdir: epath.Path,
    config: ml_collections.ConfigDict,
    step: int,
    changes: Mapping[str, list[Any]],
) -> None:
    """Write `config.json` and `versions.json`; those of a resumed run describe its last start.

    What differs from the config before is printed and added to the history. Only the first process
    writes.

    Args:
      workdir: the run's folder.
      config: of the run.
      step: number of steps taken before.
      changes: what else has changed, for the history: by name the value before and now.

    Raises:
      UserError: they cannot be written.
    """
    if jax.process_index() != 0:
        return
    try:
        record_changes(workdir, config.to_dict(), step, changes)
    except OSError as error:
        raise UserError(f"{workdir / HISTORY_FILE} cannot be written: {error.strerror}") from error
    _write(workdir / CONFIG_FILE, with_version(config.to_dict()))
    _write(workdir / "versions.json", versions())


def _write(path: epath.Path, content: object) -> None:
    try:
        write_whole(path, json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error


LOSSES_FILE = "losses.svg"
LOSS = "loss_"
"""Prefix of the names of all players' losses."""


@contextlib.contextmanager
def losses_drawn_at_the_end(workdir: epath.Path) -> Iterator[None]:
    """Draw the losses however a run ends: finished, stopped, or by an error."""
    try:
        yield
    finally:
        write_loss_plot(workdir)


def write_loss_plot(workdir: epath.Path) -> None:
    """Draw the losses in `metrics.jsonl`; without losses, nothing is written.

    A failure to write is logged as an error. Only the first process writes.
    """
    records = workdir / "metrics.jsonl"
    if jax.process_index() != 0 or not records.exists():
        return
    curves = loss_curves(read_json_lines(records))
    if not curves:
        return
    try:
        write_whole(workdir / LOSSES_FILE, to_svg(Chart("Losses of the players", curves)))
    except OSError as error:
        logging.error("%s cannot be written: %s", workdir / LOSSES_FILE, error)


def loss_curves(records: Iterable[Mapping[str, Any]]) -> list[Curve]:
    """Return a curve for each loss of a player; None where it was not finite."""
    points: dict[str, dict[int, float | None]] = {}
    for record in records:
        for name, value in record.items():
            if name.startswith(LOSS):
                points.setdefault(name.removeprefix(LOSS), {})[record["step"]] = value
    return [
        Curve(name.replace("_", " "), list(found), list(found.values()))
        for name, found in points.items()
    ]
