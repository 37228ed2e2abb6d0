"""Run `cinegan prepare`: photos, pairs or single images to ArrayRecord shards, on all cores.

Preparation can be interrupted at any moment, by Ctrl-C, SIGKILL or a full disk, and the same
command continues it. Finished shards are kept, each with a report in `.unfinished/`, which is
removed when the manifest is written.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import write_whole
from cinegan_jax.data.examples import SPLITS
from cinegan_jax.data.manifest import (
    Manifest,
    is_prepared,
    read_shard_manifest,
    write_shard_manifest,
)
from cinegan_jax.prepare.plan import PlannedShard, PreparePlan, RejectedFile, make_plan
from cinegan_jax.prepare.settings import PrepareSettings
from cinegan_jax.prepare.shard_writer import ShardReport
from cinegan_jax.prepare.worker_pool import write_shards

REJECTED = "rejected.jsonl"
_UNFINISHED = ".unfinished"
_PLAN = "plan.json"

OnProgress = Callable[[int, int], None]
"""Callback with the number of finished photos and of all photos."""


class Prepared(NamedTuple):
    """Result of a preparation: the manifest, and the files that were left out."""

    manifest: Manifest
    rejected: Sequence[RejectedFile]


def prepare_shards(
    source: str, out: Path, settings: PrepareSettings, jobs: int, on_progress: OnProgress
) -> Prepared:
    """Prepare a folder of shards from photos, pairs or single images.

    Args:
      source: see `make_plan`.
      out: output folder, created if missing; an interrupted preparation in it is continued.
      settings: how to prepare the photos.
      jobs: number of worker processes; 1 works in this process.
      on_progress: called periodically.

    Raises:
      UserError: there is nothing to prepare, `out` holds another preparation, the disk is full, or
        every photo was left out.
    """
    _require_local(source, out)
    plan = make_plan(source, settings)
    if is_prepared(out):
        return _finished(out, plan)
    _claim(out, plan)
    _write_pending(out, plan, jobs, on_progress)
    return _finish(out, plan)


def _require_local(*paths: str | Path) -> None:
    for path in paths:
        if str(path).startswith("gs:/"):  # pathlib turns two slashes into one
            raise UserError(
                f"{path} lies in a bucket: prepare from and into local folders, then "
                "`gcloud storage cp --recursive OUT gs://BUCKET`"
            )


def _write_pending(out: Path, plan: PreparePlan, jobs: int, on_progress: OnProgress) -> None:
    pending = [shard for shard in plan.shards if _report(out, shard) is None]
    total, left = (sum(len(shard.examples) for shard in each) for each in (plan.shards, pending))

    def report_done(done: int) -> None:
        on_progress(total - left + done, total)

    report_done(0)
    for report in write_shards(pending, plan.settings, out, jobs, report_done):
        report.write(_report_path(out, report.shard.file))


def _finished(out: Path, plan: PreparePlan) -> Prepared:
    """Return the result of a finished preparation after checking that it follows the plan."""
    found = read_shard_manifest(out)
    if found.plan != plan.digest:
        raise UserError(
            f"{out} was prepared from other photos or settings "
            f"({_content(found.kind, found.look)}, size {found.size}, {found.resize}; asked for: "
            f"{_described(plan)}): choose another folder or remove this one"
        )
    for split in SPLITS:
        if found.count(split):
            found.check_shards(out, split)
    lines = (out / REJECTED).read_text().splitlines()
    return Prepared(found, [RejectedFile(**json.loads(line)) for line in lines])


def _claim(out: Path, plan: PreparePlan) -> None:
    """Record in the folder which plan it follows, and remove what a killed run left behind."""
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


def _described(plan: PreparePlan) -> str:
    settings = plan.settings
    photos = sum(len(shard.examples) for shard in plan.shards)
    content = _content(settings.kind, plan.look)
    return f"{content}, size {settings.size}, {settings.resize}, {photos} photos"


def _content(kind: str, look: str) -> str:
    return f"look {look}" if kind == "pairs" else kind


def _report_path(out: Path, file: str) -> Path:
    return out / _UNFINISHED / f"{file}.json"


def _report(out: Path, shard: PlannedShard) -> ShardReport | None:
    """Return the report of a finished shard; None if the shard has to be written."""
    try:
        report = ShardReport.read(_report_path(out, shard.file))
        complete = (out / shard.file).stat().st_size == report.shard.bytes
    except FileNotFoundError:
        return None
    return report if complete else None


def _finish(out: Path, plan: PreparePlan) -> Prepared:
    """Write the list of rejected files and the manifest."""
    reports = [ShardReport.read(_report_path(out, shard.file)) for shard in plan.shards]
    rejected = [*plan.rejected, *(each for report in reports for each in report.rejected)]
    lines = (json.dumps(each._asdict()) + "\n" for each in rejected)
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
        write_shard_manifest(written, out)
    else:
        for shard in plan.shards:
            (out / shard.file).unlink()
    shutil.rmtree(out / _UNFINISHED)
    if not is_prepared(out):
        raise UserError(
            f"all {len(rejected)} files were left out (see {out / REJECTED}), the first because: "
            f"{rejected[0].file}: {rejected[0].reason}"
        )
    return Prepared(written, rejected)
