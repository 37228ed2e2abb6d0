"""Restore the networks of another run, without its optimizers."""

import os
from collections.abc import Collection, Mapping
from typing import Any, Literal

from etils import epath

from cinegan_jax.checkpointing.arrays import (
    check_arrays,
    describe_arrays,
    read_arrays,
    with_current_paths,
)
from cinegan_jax.checkpointing.recovery import newest_good_step
from cinegan_jax.checkpointing.step_folder import finished_steps, read_header, read_metrics
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import absolute

Which = Literal["newest", "best"] | int
"""The newest step, the best one by the metric that the run kept, or the step of that number."""


def restore_networks(
    workdir: str | os.PathLike[str],
    templates: Mapping[str, Any],
    *,
    which: Which = "newest",
    optional: Collection[str] = (),
) -> dict[str, Any]:
    """Restore some top-level parts of a run's state, such as `params` and `ema`.

    The run's folder is only read: a damaged newest step is passed over with a warning.

    Args:
      workdir: the folder of the run that trained them.
      templates: the parts wanted by name: trees of arrays or `jax.ShapeDtypeStruct`s, whose
        shardings say where each array goes (without one: the first device).
      which: of the run's steps; one that is asked for by number and is damaged is an error.
      optional: names that are left out of the answer where the run did not save them.

    Raises:
      UserError: there is no such folder, no good checkpoint in it, no best one, none of that
        number, a part that is not in it, or arrays of other shapes.
    """
    checkpoints = absolute(workdir) / "checkpoints"
    steps = _steps(checkpoints)
    if which != "newest":
        steps = [_chosen_step(checkpoints, steps, which)]
    folder = checkpoints / str(newest_good_step(checkpoints, steps))
    saved = read_header(folder)["arrays"]
    present = with_current_paths(saved)
    wanted = _present(templates, present, optional, folder)
    names = tuple(f"{name}/" for name in wanted)
    check_arrays(
        {path: array for path, array in present.items() if f"{path}/".startswith(names)},
        describe_arrays(wanted),
        folder,
    )
    return read_arrays(folder, wanted)


def _steps(checkpoints: epath.Path) -> list[int]:
    if not checkpoints.parent.exists():
        raise UserError(f"There is no run in {checkpoints.parent}: no such folder.")
    steps = finished_steps(checkpoints)
    if not steps:
        raise UserError(f"The run in {checkpoints.parent} has no checkpoint in {checkpoints}.")
    return steps


def _chosen_step(checkpoints: epath.Path, steps: list[int], which: Which) -> int:
    if not isinstance(which, int):
        return _best_step(checkpoints, steps)
    if which not in steps:
        raise UserError(
            f"The run in {checkpoints.parent} has no checkpoint of step {which}; it has those of "
            f"{', '.join(map(str, steps))}."
        )
    return which


def _best_step(checkpoints: epath.Path, steps: list[int]) -> int:
    """Return the step with the best value of the metric that the newest header names."""
    header = read_header(checkpoints / str(steps[-1]))
    metric, sign = header["best_metric"], -1 if header["best_mode"] == "min" else 1
    measured = {step: read_metrics(checkpoints / str(step)) for step in steps}
    scores = {step: sign * values[metric] for step, values in measured.items() if metric in values}
    if not scores:
        raise UserError(
            f"The run in {checkpoints.parent} measured no best checkpoint; take the newest."
        )
    return max(scores, key=scores.__getitem__)


def _present(
    templates: Mapping[str, Any],
    saved: Mapping[str, str],
    optional: Collection[str],
    folder: epath.Path,
) -> dict[str, Any]:
    """Return the templates whose parts are saved; UserError names missing required ones."""
    parts = {path.partition("/")[0] for path in saved}
    missing = [name for name in templates if name not in parts and name not in optional]
    if missing:
        raise UserError(
            f"The checkpoint {folder} has no {', '.join(missing)}; it has "
            f"{', '.join(sorted(parts))}."
        )
    return {name: tree for name, tree in templates.items() if name in parts}
