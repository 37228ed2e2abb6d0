"""Records of a run, read from its workdir, complete or not."""

import dataclasses
import math
import numbers
from collections.abc import Iterator, Mapping
from typing import Any

from etils import epath

from cinegan_jax.checkpointing.step_folder import finished_steps
from cinegan_jax.config.migration import migrate
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.json_file import parse_json
from cinegan_jax.core.renamed import current_name, with_current_names
from cinegan_jax.core.storage import base_name
from cinegan_jax.evaluation.result import RESULT_FILE, Evaluation, load
from cinegan_jax.report.history import AlarmRecord, ProcessStart, read_alarm, read_starts

_METRICS, _HEALTH = "metrics.jsonl", "health.jsonl"
_CONFIG, _VERSIONS = "config.json", "versions.json"
_CONFIG_TYPES: Mapping[str, type] = {
    "family": str,
    "data": dict,
    "num_steps": int,
    "num_epochs": numbers.Real,
    "batch_size": int,
    "best_metric": str,
}
"""Types of the keys that a report uses."""


@dataclasses.dataclass(frozen=True)
class RunFiles:
    """Records of one run, as far as they can be read, under present names."""

    name: str
    """Name of the workdir."""
    path: str
    config: Mapping[str, Any]
    """Empty where it is missing, as are all other parts."""
    versions: Mapping[str, str]
    metrics: tuple[Mapping[str, Any], ...]
    """Records in the order of the file, each with a `step`."""
    checks: tuple[Mapping[str, Any], ...]
    """Checks of health, each with `step` and `diagnostics`."""
    alarms: tuple[AlarmRecord, ...]
    evaluation: Evaluation | None
    samples: Mapping[int, epath.Path]
    """Image file by step, in order."""
    checkpoints: tuple[int, ...]
    """The steps saved in the workdir."""
    starts: tuple[ProcessStart, ...]
    updated: float | None
    """When a record was last written, in seconds since the epoch."""
    watched: bool
    """True if the run checked its health."""
    has_evaluation_page: bool
    """True if the workdir has the evaluation's own page."""
    notes: tuple[str, ...]
    """Remarks on what is missing or could not be read."""

    @property
    def title(self) -> str:
        """The look of the training pairs, else the workdir's name."""
        look = self.config.get("data", {}).get("look") if self.learned == "pairs" else ""
        return look or self.name

    @property
    def learned(self) -> str:
        """Kind of the training examples, by the records of speed: `pairs` or `images`."""
        timings = (record.get("timing") for record in self.metrics)
        images = any(isinstance(t, dict) and "images_per_second" in t for t in timings)
        return "images" if images else "pairs"

    @property
    def last_step(self) -> int:
        """Step of the newest record; 0 without any."""
        return max((record["step"] for record in (*self.metrics, *self.checks)), default=0)


def read_run(workdir: epath.Path) -> RunFiles:
    """Read a workdir, local or in a bucket; a part that is missing or broken becomes a note.

    Raises:
      UserError: there is no such folder, or it is no workdir of a run.
    """
    if not workdir.is_dir():
        raise UserError(f"{workdir} is no folder; give the workdir of a run")
    present = {path.name for path in workdir.iterdir()}
    if not present & {_CONFIG, _METRICS}:
        raise UserError(
            f"{workdir} is no workdir of a run: it has neither {_CONFIG} nor {_METRICS}; give the "
            "folder that training was given as --workdir"
        )
    reader = _Reader(workdir, present)
    health = reader.lines(_HEALTH)
    return RunFiles(
        name=base_name(workdir),
        path=str(workdir),
        config=reader.config(),
        versions={str(k): str(v) for k, v in reader.mapping(_VERSIONS).items()},
        metrics=reader.lines(_METRICS),
        checks=tuple(r for r in health if isinstance(r.get("diagnostics"), dict)),
        alarms=tuple(read_alarm(r) for r in health if r.get("kind") == "alarm"),
        evaluation=reader.evaluation(),
        samples=_samples(workdir / "samples"),
        checkpoints=tuple(finished_steps(workdir / "checkpoints")),
        starts=read_starts(workdir / "tensorboard"),
        updated=reader.updated(_METRICS, _HEALTH),
        watched=_HEALTH in present,
        has_evaluation_page="evaluation.html" in present,
        notes=tuple(reader.notes),
    )


@dataclasses.dataclass
class _Reader:
    """Reader of the parts of a workdir that notes which of them cannot be read."""

    workdir: epath.Path
    present: set[str]
    notes: list[str] = dataclasses.field(default_factory=list)

    def mapping(self, name: str) -> dict[str, Any]:
        """Return the JSON object in a file."""
        if name not in self.present:
            self.notes.append(f"{name} is missing.")
            return {}
        try:
            content = parse_json((self.workdir / name).read_text())
        except (OSError, ValueError) as error:
            self.notes.append(f"{name} cannot be read ({error}).")
            return {}
        if not isinstance(content, dict):
            self.notes.append(f"{name} holds no JSON object.")
            return {}
        return content

    def config(self) -> dict[str, Any]:
        """Return the config with present keys, without those that have another type."""
        written = self.mapping(_CONFIG)
        try:
            config = migrate(written) if written else {}
        except UserError as error:
            self.notes.append(f"{_CONFIG} cannot be read ({error}).")
            return {}
        for key, kind in _CONFIG_TYPES.items():
            if key in config and not _is_of(kind, config[key]):
                self.notes.append(f"{_CONFIG}: {key} is {config.pop(key)!r:.40}, and left out.")
        return config

    def lines(self, name: str) -> tuple[dict[str, Any], ...]:
        """Return the JSON objects of a file with one in each line, except those without a step."""
        if name not in self.present:
            if name == _METRICS:
                self.notes.append(f"{name} is missing.")
            return ()
        try:
            text = (self.workdir / name).read_bytes()
        except OSError as error:
            self.notes.append(f"{name} cannot be read ({error}).")
            return ()
        lines = text.splitlines()
        records = tuple(_records(lines))
        if len(records) < len(lines):
            self.notes.append(
                f"{name}: {len(lines) - len(records)} of {len(lines)} lines are broken or cut "
                "short, and left out."
            )
        return records

    def evaluation(self) -> Evaluation | None:
        """Return the evaluation, if it has every photo's scores."""
        if RESULT_FILE not in self.present:
            return None
        try:
            return load(self.workdir / RESULT_FILE)
        except UserError as error:
            self.notes.append(f"{error}.")
            return None

    def updated(self, *names: str) -> float | None:
        """Return when the newest of these files was written."""
        there = [self.workdir / name for name in names if name in self.present]
        return max((float(path.stat().mtime) for path in there), default=None)


def _is_of(kind: type, value: object) -> bool:
    finite = not isinstance(value, float) or math.isfinite(value)
    return isinstance(value, kind) and not isinstance(value, bool) and finite


def _records(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            record = parse_json(line)
        except ValueError:
            continue
        if isinstance(record, dict) and type(record.get("step")) is int:
            yield _with_current_names(record)


def _with_current_names(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record of any version under present names."""
    current: dict[str, Any] = with_current_names(record)
    if "signals" in current:  # the diagnostics of versions before 0.2
        current["diagnostics"] = current.pop("signals")
    if isinstance(current.get("rule"), str):
        current["rule"] = current_name(current["rule"])
    return current


def _samples(folder: epath.Path) -> dict[int, epath.Path]:
    if not folder.is_dir():
        return {}
    named = {int(path.stem): path for path in folder.glob("*.png") if path.stem.isdigit()}
    return dict(sorted(named.items()))
