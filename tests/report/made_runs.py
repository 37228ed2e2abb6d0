"""Workdirs of runs, written by hand in the format of a run."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from runs import config_of
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.record_writer import RecordWriter

from cinegan_jax.evaluation.result import About, Evaluation, PhotoScore, save

NOW = 1_800_000_000.0
"""Seconds since the epoch."""
STEPS = range(10, 410, 10)
_DIAGNOSTICS = (
    "discriminator/accuracy_real_full",
    "discriminator/accuracy_fake_full",
    "generator/gradient_norm",
)
ALARM = {
    "step": 300,
    "kind": "alarm",
    "rule": "discriminator_overpowers",
    "severity": "act",
    "message": "The discriminators are right too often.",
    "evidence": {"discriminator/accuracy_real_full": 0.998},
    "limits": {"discriminator/accuracy_real_full": 0.98},
    "action": "lower_rate",
}


def loss_record(step: int) -> dict[str, Any]:
    return {
        "step": step,
        "epoch": step / 40,
        "loss_generator": 30 / step,
        "loss_discriminator": 3 + step / 1000,
        "gradient_norm_generator": 100 / step,
        "adversarial": 0.5 - step / 400,
        "skipped_steps": 0,
        "timing": {"pairs_per_second": 8.0, "data_wait_share": 0.01 * (step % 30 == 0)},
    }


def score_record(step: int) -> dict[str, Any]:
    return {"step": step, "heldout/psnr": 30 - abs(step - 200) / 100, "heldout/delta_e": 2.5}


def write_lines(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def write_start(folder: Path, step: int, begun: float) -> Path:
    """An event file as a process begins it."""
    folder.mkdir(exist_ok=True)
    path = folder / f"events.out.tfevents.{begun:.6f}"
    writer = RecordWriter(str(path))
    start = SessionLog(status=SessionLog.START)
    for event in (
        Event(wall_time=begun, file_version="brain.Event:2"),
        Event(wall_time=begun, step=step + 1, session_log=start),
    ):
        writer.write(event.SerializeToString())
    writer.close()
    return path


def evaluation_of(names: list[str], seed: int = 1) -> Evaluation:
    rng = np.random.default_rng(seed)
    photos = tuple(
        PhotoScore(
            name,
            "native",
            "target",
            method,
            {
                "psnr": psnr + rng.normal(),
                "ssim": 0.9 + 0.01 * rng.random(),
                "delta_e_76": 60 / psnr + rng.random(),
                "delta_e_2000": 40 / psnr + rng.random(),
            },
        )
        for method, psnr in (("input", 23), ("lut", 35), ("generator", 40))
        for name in names
    )
    return Evaluation(
        photos, (), {"torn": "no image"}, 512, About("run", "pairs", "Look", step=400)
    )


def _diagnostics(step: int) -> dict[str, float]:
    return {name: (number + 1) * step / 400 for number, name in enumerate(_DIAGNOSTICS)}


def write_workdir(folder: Path, rng: np.random.Generator) -> Path:
    """A finished run of 400 steps with a checkpoint at 200 and 400."""
    (folder / "samples").mkdir(parents=True)
    config = config_of({"num_steps": 400, "batch_size": 4, "data.look": "Look"})
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    (folder / "versions.json").write_text(json.dumps({"python": "3.11.7", "jax": "0.10.2"}))
    losses = {step: [loss_record(step)] for step in STEPS}
    for step in (100, 200, 300, 400):
        losses[step].append(score_record(step))
        grid = Image.fromarray(rng.integers(0, 256, (40, 30, 3), np.uint8))
        grid.save(folder / "samples" / f"{step:07d}.png")
    write_lines(folder / "metrics.jsonl", [r for records in losses.values() for r in records])
    checks = [
        {"step": step, "kind": "check", "diagnostics": _diagnostics(step)}
        for step in range(50, 401, 50)
    ]
    write_lines(folder / "health.jsonl", [*checks, ALARM])
    save(evaluation_of([f"photo {n}" for n in range(12)]), folder / "evaluation.json")
    for step in (200, 400):
        (folder / "checkpoints" / str(step)).mkdir(parents=True)
    write_start(folder / "tensorboard", 0, NOW - 7200)
    write_start(folder / "tensorboard", 250, NOW - 3600)
    return folder
