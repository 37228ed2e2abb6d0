"""The data that belong to a run: a resumed run goes on with those that it was trained on."""

from collections.abc import Mapping
from typing import Any

from etils import epath

from cinegan_jax.core.errors import UserError
from cinegan_jax.training.config_history import changed_keys
from cinegan_jax.training.run import Run

FINGERPRINT = "data_fingerprint"
"""Key of the fingerprint in the `meta` of a checkpoint and in the history of a run."""


def is_same_data(run: Run, workdir: epath.Path, meta: Mapping[str, Any]) -> bool:
    """Return whether a run has the data that its newest checkpoint was trained on.

    Checkpoints before version 0.3 have no fingerprint; their runs adopt that of the present data.

    Args:
      run: the run.
      workdir: its folder, for messages.
      meta: that of the newest checkpoint.

    Returns:
      False for other data that `data.accept_fingerprint` names.

    Raises:
      UserError: the data are others, and they are not accepted.
    """
    now, before = run.data_fingerprint, meta.get(FINGERPRINT)
    if before is None:
        print(f"this run has no fingerprint of its data yet; it takes that of the present: {now}")
        return True
    if before == now:
        return True
    if run.config.data.accept_fingerprint == now:
        print(f"other data are accepted (fingerprint {before} -> {now}), from their first batch")
        return False
    raise UserError(
        f"{workdir} was trained on other data: {_difference(run, meta)} (fingerprint {before} "
        f"then, {now} now). Give the same data again, or start a new run in another workdir; to "
        f"go on with the other data all the same, set config.data.accept_fingerprint={now}"
    )


def _difference(run: Run, meta: Mapping[str, Any]) -> str:
    data = run.config.data
    then = meta.get("config", {}).get("data", {})
    names = ("path", "look")
    changes = changed_keys(
        {name: then[name] for name in names if name in then}, {name: data[name] for name in names}
    )
    words = [f"config.data.{key}={old!r} then, {new!r} now" for key, old, new in changes]
    return ", ".join(words) or f"the files in config.data.path={data.path!r} have changed"
