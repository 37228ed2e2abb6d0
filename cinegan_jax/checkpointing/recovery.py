"""Finds the newest good checkpoint after a crash, and sets aside what is not good."""

import time

from absl import logging
from etils import epath

from cinegan_jax.checkpointing.step_folder import find_damage, finished_steps, unfinished_folders
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.processes import on_first_process
from cinegan_jax.core.storage import make_folder


def recover(checkpoints: epath.Path) -> None:
    """Makes `checkpoints` and leaves it with a good newest step, or none at all in a new run.

    A step whose writing was cut short becomes `unfinished-STEP` (only the last such folder is
    kept: every kill leaves one); a damaged newest step becomes `damaged-STEP`, and the step before
    it is looked at. The first process does it while the others wait.

    Raises:
      UserError: it cannot be made, every step is damaged (nothing is renamed then), or has another
        format.
    """

    def make_and_set_aside() -> None:
        make_folder(checkpoints)
        _set_aside_unfinished(checkpoints)
        if steps := finished_steps(checkpoints):
            good = newest_good_step(checkpoints, steps)
            _set_aside_damaged(checkpoints, [step for step in steps if step > good])

    on_first_process(make_and_set_aside)


def newest_good_step(checkpoints: epath.Path, steps: list[int]) -> int:
    """The newest of `steps` that is whole; a warning names each newer one that is not.

    Raises:
      UserError: none is good, or the newest has another format.
    """
    for step in sorted(steps, reverse=True):
        damage = find_damage(checkpoints / str(step))
        if damage is None:
            return step
        logging.warning("The checkpoint %s is damaged: %s.", checkpoints / str(step), damage)
    raise UserError(
        f"No checkpoint in {checkpoints} is good: {', '.join(map(str, sorted(steps)))} are all "
        "damaged. Move that folder away to start afresh, or restore it from a backup."
    )


def remove_unfinished(checkpoints: epath.Path) -> None:
    """Deletes what a failed save left, as far as it goes: writes may still be on their way."""
    for _ in range(20):
        try:
            for folder in unfinished_folders(checkpoints):
                folder.rmtree(missing_ok=True)
            return
        except OSError:
            time.sleep(0.1)
    logging.warning("Could not delete the unfinished checkpoint in %s.", checkpoints)


def _set_aside_unfinished(checkpoints: epath.Path) -> None:
    for folder in unfinished_folders(checkpoints):
        for previous in checkpoints.glob("unfinished-*"):
            previous.rmtree()
        aside = checkpoints / f"unfinished-{folder.name.partition('.')[0]}"
        folder.rename(aside)
        logging.warning("The checkpoint %s was left unfinished; it is now %s.", folder, aside)


def _set_aside_damaged(checkpoints: epath.Path, steps: list[int]) -> None:
    for step in steps:
        aside = checkpoints / f"damaged-{step}"
        if aside.exists():
            aside.rmtree()
        (checkpoints / str(step)).rename(aside)
        logging.warning("The damaged checkpoint of step %d is now %s.", step, aside)
