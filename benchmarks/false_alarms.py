"""False alarms of the health rules in shortened, healthy runs of the demo.

    python -m benchmarks.false_alarms                                  # 5 seeds, 100 steps
    python -m benchmarks.false_alarms --seeds=0 --steps=400 --every=10 --grace=100

Prints each run's alarms and, over all runs, the range of the diagnostics that rules read. The short
grace period makes false alarms more likely than in the full run. The runs share one compilation
cache, and so compile once.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
from absl import app, flags, logging
from etils import epath

from cinegan_jax.training.run import Run
from cinegan_jax.training.train import run_training
from configs import cpu_demo

SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2", "3", "4"], "Seeds of the runs.")
STEPS = flags.DEFINE_integer("steps", 100, "Steps of each run.")
EVERY = flags.DEFINE_integer("every", 5, "Steps between two checks.")
GRACE = flags.DEFINE_integer(
    "grace", 20, "Steps at the start during which most rules do not apply."
)
FOLDER = flags.DEFINE_string(
    "folder", None, "Folder to keep the runs in; default: they are deleted."
)

READ = (
    "discriminator/accuracy_full",
    "discriminator/accuracy_half",
    "generator/gradient_norm_to_start",
    "discriminator/gradient_norm_to_start",
    "generator/update_ratio",
    "output/distance_to_targets",
    "output/saturated_excess",
    "output/burnt_excess",
    "output/colour_cast",
    "output/target_distance_to_start",
    "level/l1_to_start",
    "level/feature_matching_to_start",
    "data/wait_share",
    "steps/non_finite",
)
"""Diagnostics that rules read."""


def main(argv: list[str]) -> None:
    del argv
    logging.set_verbosity(logging.ERROR)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(FOLDER.value or temporary)
        jax.config.update("jax_compilation_cache_dir", str(folder / "compilations"))
        checks: list[Mapping[str, Any]] = []
        total = 0
        for seed in map(int, SEEDS.value):
            records = list(run(seed, folder / f"seed{seed}"))
            alarms = [record for record in records if record["kind"] == "alarm"]
            checks += [record["diagnostics"] for record in records if record["kind"] == "check"]
            total += len(alarms)
            listed = ", ".join(f"{a['rule']} at {a['step']} {a['evidence']}" for a in alarms)
            print(f"seed {seed}: {len(alarms)} alarms {listed}", flush=True)
    print(f"{total} false alarms in {len(SEEDS.value)} runs of {STEPS.value} steps")
    for name in READ:
        values = [diagnostics[name] for diagnostics in checks if diagnostics.get(name) is not None]
        if values:
            print(f"{name:34} {min(values):10.4g} to {max(values):10.4g}")


def run(seed: int, workdir: Path) -> Iterator[Mapping[str, Any]]:
    """Train, and yield the records of `health.jsonl`."""
    config = cpu_demo.get_config()
    config.seed, config.num_steps = seed, STEPS.value
    config.health.every_steps, config.health.grace_steps = EVERY.value, GRACE.value
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        assert run_training(Run(config), epath.Path(workdir)) == 0
    for line in (workdir / "health.jsonl").read_text().splitlines():
        yield json.loads(line)


if __name__ == "__main__":
    app.run(main)
