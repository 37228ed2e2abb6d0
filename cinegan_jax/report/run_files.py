"""What a workdir holds of a run's records, whole or half-written."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

from etils import epath

from cinegan_jax.checkpointing.step_folder import finished_steps
from cinegan_jax.config.migration import migrate
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.renamed import with_current_names
from cinegan_jax.evaluation import result_file
from cinegan_jax.evaluation.result import Evaluation
from cinegan_jax.evaluation.result_file import RESULT_FILE
from cinegan_jax.report.history import Alarm, Start, read_alarm, read_starts

METRICS, HEALTH = "metrics.jsonl", "health.jsonl"
CONFIG, VERSIONS = "config.json", "versions.json"


@dataclasses.dataclass(frozen=True)
class RunFiles:
    """The records of one run, as far as they can be read."""

    name: str
    """Of the workdir."""
    path: str
    config: Mapping[str, Any]
    """Empty where it is missing, as all else here is."""
    versions: Mapping[str, str]
    metrics: tuple[Mapping[str, Any], ...]
    """Records in the order of the file, each with a `step`."""
    checks: tuple[Mapping[str, Any], ...]
    """Of health, each with `step` and `diagnostics`."""
    alarms: tuple[Alarm, ...]
    evaluation: Evaluation | None
    samples: Mapping[int, epath.Path]
    """Picture by step, in order."""
    checkpoints: tuple[int, ...]
    """The steps saved in the workdir."""
    starts: tuple[Start, ...]
    updated: float | None
    """When a record was last written, in seconds since the epoch."""
    watched: bool
    """Whether there is a file of health."""
    pictured: bool
    """Whether the evaluation has a page of its own beside it."""
    notes: tuple[str, ...]
    """What is missing or could not be read, in words."""

    @property
    def title(self) -> str:
        """The look that pairs teach, else the workdir's name."""
        look = self.config.get("data", {}).get("look") if self.learned == "pairs" else ""
        return look or self.name

    @property
    def learned(self) -> str:
        """What it learns from, as its records of speed say: `pairs` or `images`."""
        timings = (record.get("timing") for record in self.metrics)
        told = any(isinstance(t, dict) and "images_per_second" in t for t in timings)
        return "images" if told else "pairs"

    @property
    def last_step(self) -> int:
        """Of the newest record; 0 without any."""
        return max((record["step"] for record in (*self.metrics, *self.checks)), default=0)


def read_run(workdir: epath.Path) -> RunFiles:
    """Reads a workdir, here or in a bucket. A part that is missing or broken becomes a note.

    Raises:
      UserError: the folder is not there, or is no workdir of a run.
    """
    if not workdir.is_dir():
        raise UserError(f"{workdir} is no folder; give the workdir of a run")
    present = {path.name for path in workdir.iterdir()}
    if not present & {CONFIG, METRICS}:
        raise UserError(
            f"{workdir} is no workdir of a run: it has neither {CONFIG} nor {METRICS}; give the "
            "folder that training was given as --workdir"
        )
    reader = _Reader(workdir, present)
    health = reader.lines(HEALTH)
    return RunFiles(
        name=workdir.name,
        path=str(workdir),
        config=reader.config(),
        versions={str(k): str(v) for k, v in reader.mapping(VERSIONS).items()},
        metrics=reader.lines(METRICS),
        checks=tuple(r for r in health if isinstance(r.get("diagnostics"), dict)),
        alarms=tuple(read_alarm(r) for r in health if r.get("kind") == "alarm"),
        evaluation=reader.evaluation(),
        samples=_samples(workdir / "samples"),
        checkpoints=tuple(finished_steps(workdir / "checkpoints")),
        starts=read_starts(workdir / "tensorboard"),
        updated=reader.updated(METRICS, HEALTH),
        watched=HEALTH in present,
        pictured="evaluation.html" in present,
        notes=tuple(reader.notes),
    )


@dataclasses.dataclass
class _Reader:
    """Reads the parts of a workdir and keeps a note of each that it cannot."""

    workdir: epath.Path
    present: set[str]
    notes: list[str] = dataclasses.field(default_factory=list)

    def mapping(self, name: str) -> dict[str, Any]:
        """The JSON object in a file."""
        if name not in self.present:
            self.notes.append(f"{name} is missing.")
            return {}
        try:
            content = json.loads((self.workdir / name).read_text())
        except (OSError, ValueError) as error:
            self.notes.append(f"{name} cannot be read ({error}).")
            return {}
        if not isinstance(content, dict):
            self.notes.append(f"{name} holds no JSON object.")
            return {}
        return content

    def config(self) -> dict[str, Any]:
        """The config with present keys."""
        written = self.mapping(CONFIG)
        try:
            return migrate(written) if written else {}
        except UserError as error:
            self.notes.append(f"{CONFIG} cannot be read ({error}).")
            return {}

    def lines(self, name: str) -> tuple[dict[str, Any], ...]:
        """The JSON objects of a file with one a line, without those that have no step."""
        if name not in self.present:
            if name == METRICS:
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
        """The evaluation, where it has every photo's scores."""
        if RESULT_FILE not in self.present:
            return None
        try:
            return result_file.load(self.workdir / RESULT_FILE)
        except UserError as error:
            self.notes.append(f"{error}.")
            return None

    def updated(self, *names: str) -> float | None:
        """When the newest of these files was written."""
        there = [self.workdir / name for name in names if name in self.present]
        return max((float(path.stat().mtime) for path in there), default=None)


def _records(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and type(record.get("step")) is int:
            yield with_current_names(record)


def _samples(folder: epath.Path) -> dict[int, epath.Path]:
    if not folder.is_dir():
        return {}
    named = {int(path.stem): path for path in folder.glob("*.png") if path.stem.isdigit()}
    return dict(sorted(named.items()))
