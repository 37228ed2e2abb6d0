"""The look that `--look` or `--weights` names."""

from pathlib import Path

from cinegan_jax.inference.trained_look import TrainedLook, load_look, read_look
from cinegan_jax.storage import is_remote

DEFAULT_LOOK = "classic_neg"


def choose_look(look: str = DEFAULT_LOOK, weights: str | None = None) -> TrainedLook:
    """An installed look by name or, where `weights` is given, a look file or a training workdir.

    Raises:
      UserError: there is no such look or file, or it cannot be used.
    """
    if weights is None:
        return load_look(look)
    if is_remote(weights) or Path(weights).is_dir():
        from cinegan_jax.inference.workdir_look import read_workdir  # Orbax takes seconds to import

        return read_workdir(weights)
    return read_look(Path(weights))
