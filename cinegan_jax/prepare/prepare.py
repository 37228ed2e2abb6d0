"""`cinegan prepare`: photos, before/after pairs or pictures to ArrayRecord shards, on all cores.

The folder may be left at any moment, by Ctrl-C, SIGKILL or a full disk, and the same command goes
on: finished shards are kept, each beside a report in `.unfinished/`, which disappears when the
manifest is written.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import write_whole
from cinegan_jax.data import manifest
from cinegan_jax.data.examples import SPLITS
from cinegan_jax.data.manifest import Manifest
from cinegan_jax.prepare.plan import Plan, Rejection, Settings, ShardPlan, make_plan
from cinegan_jax.prepare.shard_writer import ShardReport
from cinegan_jax.prepare.worker_pool import write_shards

REJECTED = "rejected.jsonl"
_UNFINISHED = ".unfinished"
_PLAN = "plan.json"

Progress = Callable[[int, int], None]
"""Called now and then with the photos done and the photos to do."""


class Prepared(NamedTuple):
    """The outcome: what was written, and what was left out."""

    manifest: Manifest
    rejected: Sequence[Rejection]


def prepare(source: str, out: Path, settings: Settings, jobs: int, progress: Progress) -> Prepared:
    """Makes a folder of shards from photos, pairs or pictures.

    Args:
      source: see `make_plan`.
      out: the folder, made where missing; an interrupted preparation in it is continued.
      settings: how to prepare.
      jobs: worker processes; 1 works in this process.
      progress: told how far it is.

    Raises:
      UserError: nothing to prepare, another preparation lies in `out`, the disk is full, or every
        photo was left out.
    """
    _require_local(source, out)
    plan = make_plan(source, settings)
    if manifest.is_prepared(out):
        return _finished(out, plan)
    _claim(out, plan)
    _write_pending(out, plan, jobs, progress)
    return _finish(out, plan)


def _require_local(*paths: str | Path) -> None:
    for path in paths:
        if str(path).startswith("gs:/"):  # pathlib makes one slash of two
            raise UserError(
                f"{path} lies in a bucket: prepare from and into local folders, then "
                "`gcloud storage cp --recursive OUT gs://BUCKET`"
            )


def _write_pending(out: Path, plan: Plan, jobs: int, progress: Progress) -> None:
    pending = [shard for shard in plan.shards if _report(out, shard) is None]
    total, left = (sum(len(shard.items) for shard in some) for some in (plan.shards, pending))

    def tell(done: int) -> None:
        progress(total - left + done, total)

    tell(0)
    for report in write_shards(pending, plan.settings, out, jobs, tell):
        report.write(_report_path(out, report.shard.file))


def _finished(out: Path, plan: Plan) -> Prepared:
    found = manifest.read(out)
    if found.plan != plan.digest:
        raise UserError(
            f"{out} was prepared from other photos or settings ({_of(found.kind, found.look)}, "
            f"size {found.size}, {found.resize}; asked for: {_described(plan)}): "
            "choose another folder or remove this one"
        )
    for split in SPLITS:
        if found.count(split):
            found.check_shards(out, split)
    lines = (out / REJECTED).read_text().splitlines()
    return Prepared(found, [Rejection(**json.loads(line)) for line in lines])


def _claim(out: Path, plan: Plan) -> None:
    """Marks the folder as being prepared to this plan, and clears what a killed run left."""
    marker = out / _UNFINISHED / _PLAN
    try:
        marker.parent.mkdir(parents=True, exist_ok=True)
        if not marker.exists():
            content = {"digest": plan.digest, "settings": _described(plan)}
            write_whole(marker, json.dumps(content))
    except OSError as error:
        raise UserError(f"cannot write into {out}: {error}") from error
    found = json.loads(marker.read_text())
    if found["digest"] != plan.digest:
        raise UserError(
            f"{out} holds an unfinished preparation of other photos or settings "
            f"({found['settings']}; asked for: {_described(plan)}): "
            "choose another folder or remove this one"
        )
    for leftover in out.glob(".*.arrayrecord.*.tmp"):
        leftover.unlink(missing_ok=True)


def _described(plan: Plan) -> str:
    settings = plan.settings
    photos = sum(len(shard.items) for shard in plan.shards)
    what = _of(settings.kind, plan.look)
    return f"{what}, size {settings.size}, {settings.resize}, {photos} photos"


def _of(kind: str, look: str) -> str:
    return f"look {look}" if kind == "pairs" else kind


def _report_path(out: Path, file: str) -> Path:
    return out / _UNFINISHED / f"{file}.json"


def _report(out: Path, shard: ShardPlan) -> ShardReport | None:
    """The report of a finished shard; None where the shard is still to be written."""
    try:
        report = ShardReport.read(_report_path(out, shard.file))
        whole = (out / shard.file).stat().st_size == report.shard.bytes
    except FileNotFoundError:
        return None
    return report if whole else None


def _finish(out: Path, plan: Plan) -> Prepared:
    reports = [ShardReport.read(_report_path(out, shard.file)) for shard in plan.shards]
    rejected = [*plan.rejected, *(r for report in reports for r in report.rejected)]
    lines = (json.dumps(rejection._asdict()) + "\n" for rejection in rejected)
    write_whole(out / REJECTED, "".join(lines))
    splits = {
        split: [report.shard for report in reports if report.shard.file.startswith(split)]
        for split in SPLITS
    }
    settings = plan.settings
    written = Manifest(
        plan.look, settings.resize, settings.size, plan.digest, splits, settings.kind
    )
    if any(map(written.count, SPLITS)):
        written.write(out)
    else:
        for shard in plan.shards:
            (out / shard.file).unlink()
    shutil.rmtree(out / _UNFINISHED)
    if not manifest.is_prepared(out):
        raise UserError(
            f"all {len(rejected)} files were left out (see {out / REJECTED}), the first because: "
            f"{rejected[0].file}: {rejected[0].reason}"
        )
    return Prepared(written, rejected)
