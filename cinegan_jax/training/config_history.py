"""History of a run's config: the keys that have changed where the run was started again."""

import datetime
import json
from collections.abc import Iterator, Mapping
from typing import Any

from absl import logging
from etils import epath

from cinegan_jax.config.migration import migrate
from cinegan_jax.config.overrides import flat_keys
from cinegan_jax.config.schema import ROOT
from cinegan_jax.core.json_file import parse_json
from cinegan_jax.core.storage import write_whole

CONFIG_FILE = "config.json"
HISTORY_FILE = "config_history.jsonl"

Change = tuple[str, Any, Any]
"""A dotted key, its value before and its value now."""


def record_changes(
    workdir: epath.Path, config: Mapping[str, Any], step: int, others: Mapping[str, list[Any]]
) -> None:
    """Print how a config differs from the one in the workdir, if there is one, and append a record.

    The record has the step, the time, and of each key the value before and now.

    Args:
      workdir: the run's folder.
      config: the keys of the config.
      step: number of steps taken before.
      others: changes that are no keys of the config, for the record.

    Raises:
      UserError: a newer version of the package wrote the config in the workdir.
      OSError: the history cannot be written.
    """
    before = _config_of(workdir)
    changes = list(changed_keys(before, config)) if before else []
    for key, old, new in changes:
        print(f"{ROOT}{key}: {old!r} -> {new!r} from step {step}")
    changed = {**{key: [old, new] for key, old, new in changes}, **others}
    if changed:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        _append(workdir / HISTORY_FILE, {"step": step, "time": now, "changed": changed})


def changed_keys(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    """Yield the keys whose values differ; None stands for the value of a key that is not there."""
    old, new = dict(flat_keys(before)), dict(flat_keys(now))
    for key in sorted(old.keys() | new.keys()):
        values = _plain(old.get(key)), _plain(new.get(key))
        if values[0] != values[1]:
            yield key, *values


def _append(file: epath.Path, record: Mapping[str, Any]) -> None:
    """Append a line, also in a bucket, whose objects cannot be appended to."""
    present = file.read_text() if file.exists() else ""
    write_whole(file, present + json.dumps(record) + "\n")


def _config_of(workdir: epath.Path) -> dict[str, Any] | None:
    file = workdir / CONFIG_FILE
    if not file.exists():
        return None
    try:
        content = parse_json(file.read_text())
    except ValueError as error:
        logging.warning("%s is no JSON file (%s); it is written again.", file, error)
        return None
    return migrate(content)


def _plain(value: Any) -> Any:
    """Return a value as it comes back from JSON, which has no tuples."""
    return list(value) if isinstance(value, tuple) else value
