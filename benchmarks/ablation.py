"""Ablation of settings: variants of the published settings, trained for equally many steps.

    for look in classic_neg cinema velvia; do
      cinegan prepare PHOTOS PAIRS/$look --look $look --size 192 --test-fraction 0.2
    done
    python -m benchmarks.ablation --pairs=PAIRS --runs=RUNS
    python -m benchmarks.ablation --pairs=PAIRS --runs=RUNS --variants=published,film --seeds=1,2
    python -m benchmarks.ablation --runs=RUNS --table

Every variant has the same width and is trained at several learning rates of the generator; the
table shows the rate with the best PSNR on held-out pairs at the last step. The discriminators' rate
is twice the generator's, as published. No variant has a perceptual term, so that no VGG19 file is
needed. Finished runs are not repeated.

The table has scores of `cinegan evaluate` at native size: means over the held-out photos and over
the seeds of the best rate. Differences from the fitted LUT are paired by photo.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from absl import app, flags

PAIRS = flags.DEFINE_string("pairs", None, "Folder with one folder of prepared pairs per look.")
RUNS = flags.DEFINE_string("runs", None, "Folder for the runs.")
LOOKS = flags.DEFINE_list("looks", ["classic_neg"], "Looks, as folders of --pairs.")
VARIANTS = flags.DEFINE_list("variants", [], "Names of variants; default: all.")
RATES = flags.DEFINE_list("rates", ["3e-4", "1e-3", "4e-3"], "Learning rates of the generator.")
SEEDS = flags.DEFINE_list("seeds", ["0"], "Seeds of the networks and the shuffle.")
TABLE = flags.DEFINE_bool("table", False, "Evaluate the finished runs and print the table.")

Settings = Mapping[str, object]

STEPS = 400
PUBLISHED: Settings = {
    "precision": "f32",
    "parallelism": "jit",
    "batch_size": 4,
    "num_steps": STEPS,
    "data.size": 128,
    "data.threads": 2,
    "generator.width": 8,
    "discriminator.width": 8,
    "losses.perceptual": 0.0,
    "log_every_steps": 50,
    "sample_every_steps": STEPS,
    "evaluate_every_steps": STEPS,
    "evaluate_pairs": 20,
    "checkpoint_every_steps": STEPS,
}
"""The published settings at a size that two cores train in one or two minutes."""

EMA: Settings = {"ema_decay": 0.98}
SCHEDULE: Settings = {
    "optimizers.generator.schedule": "cosine",
    "optimizers.generator.warmup_steps": 40,
    "optimizers.discriminator.schedule": "cosine",
}
CROP: Settings = {"data.crop": "crop"}
L1: Settings = {"losses.l1": 200.0}
TTUR: Settings = {"discriminator_rate_factor": 4.0}
MOMENTUM: Settings = {"optimizers.generator.beta1": 0.5, "optimizers.discriminator.beta1": 0.5}
RESIDUAL: Settings = {"generator.residual": True}
COLOUR_PATH: Settings = {"generator.colour_path": 64}
GLOW_PATH: Settings = {"generator.glow_path": 8}
COLOUR_TABLE: Settings = {"generator.colour_table": 33}
LAYER_NORM: Settings = {"generator.norm": "layer"}
ALL: Settings = {**EMA, **SCHEDULE, **CROP, **L1, **MOMENTUM, **RESIDUAL, **COLOUR_PATH}
BOTH: Settings = {**ALL, **GLOW_PATH, **COLOUR_TABLE}

BY_NAME: Mapping[str, Settings] = {
    "published": {},
    "+EMA": EMA,
    "+schedule": SCHEDULE,
    "+crop": CROP,
    "+L1": L1,
    "+TTUR": TTUR,
    "+momentum": MOMENTUM,
    "+residual": RESIDUAL,
    "+colour path": COLOUR_PATH,
    "all": ALL,
    "all + total variation": {**ALL, "losses.total_variation": 20.0},
    "all + layer norm": {**ALL, **LAYER_NORM},
    "all + glow path": {**ALL, **GLOW_PATH},
    "all + colour table": {**ALL, **COLOUR_TABLE},
    "all + glow path + colour table": BOTH,
    "all + layer norm + glow path + colour table": {**BOTH, **LAYER_NORM},
    "film": {**BOTH, "discriminator_rate_factor": 0.25},
}
"""Variants by name. `all` combines the rows above it except TTUR; `film` is configs/film.py."""

METRICS = ("psnr", "delta_e_76", "random_features")
CLEAN_METRICS = ("psnr", "psnr_highlights")
"""Metrics against the target without grain, because grain hides differences in highlights."""


class Case(NamedTuple):
    """One training run."""

    look: str
    variant: str
    rate: str
    seed: str

    @property
    def workdir(self) -> Path:
        name = self.variant.replace(" ", "_")
        return Path(str(RUNS.value)) / self.look / name / f"rate_{self.rate}" / f"seed_{self.seed}"

    def command(self) -> list[str]:
        """Return the command that trains the run."""
        settings = {**PUBLISHED, **BY_NAME[self.variant]}
        factor = float(str(settings.pop("discriminator_rate_factor", 2.0)))
        settings |= {
            "data.path": f"{PAIRS.value}/{self.look}",
            "data.look": self.look,
            "seed": self.seed,
            "optimizers.generator.learning_rate": self.rate,
            "optimizers.discriminator.learning_rate": float(self.rate) * factor,
        }
        keys = [f"--config.{key}={value}" for key, value in settings.items()]
        main = [sys.executable, "-m", "cinegan_jax.main", "--config=configs/default.py"]
        return [*main, f"--workdir={self.workdir}", *keys]


def train(case: Case) -> float:
    """Train a case unless it is finished, and return its held-out PSNR at the last step."""
    if (score := last_score(case.workdir)) is None:
        run_quietly(case.command())
        score = last_score(case.workdir)
    if score is None:
        raise RuntimeError(f"{case.workdir} has no score of its last step")
    return score


def run_quietly(command: Sequence[str]) -> None:
    """Run a command in a process with the shared compilation cache, without its output."""
    cache = {"JAX_COMPILATION_CACHE_DIR": str(Path(str(RUNS.value)).absolute() / "compiled")}
    quiet = subprocess.DEVNULL
    subprocess.run(command, check=True, stdout=quiet, stderr=quiet, env=os.environ | cache)


def last_score(workdir: Path) -> float | None:
    """Return the PSNR on held-out pairs at the last step, None if the run is not finished."""
    records = workdir / "metrics.jsonl"
    if not records.exists():
        return None
    scores = [r for r in map(json.loads, records.read_text().splitlines()) if "heldout/psnr" in r]
    return scores[-1]["heldout/psnr"] if scores and scores[-1]["step"] == STEPS else None


def cases() -> Iterator[Case]:
    """Yield the runs that the flags ask for."""
    for look in LOOKS.value:
        for variant in VARIANTS.value or BY_NAME:
            for rate in RATES.value:
                for seed in SEEDS.value:
                    yield Case(look, variant, rate, seed)


def print_table() -> None:
    """Print a Markdown table of all trained looks and variants."""
    clean = [f"{name}, clean" for name in CLEAN_METRICS]
    heading = ("look", "variant", "rate (of)", "seeds", *METRICS, *clean, "less LUT's")
    print("|", " | ".join(heading), "|\n|", " | ".join("---" for _ in heading), "|")
    for look in sorted(p.name for p in Path(str(RUNS.value)).iterdir() if p.name != "compiled"):
        for variant in BY_NAME:
            if rates := finished_rates(look, variant):
                print("|", " | ".join(row(look, variant, rates)), "|", flush=True)


def finished_rates(look: str, variant: str) -> dict[str, float]:
    """Return the score of each learning rate whose run with seed 0 is finished."""
    folder = Case(look, variant, "", "").workdir.parents[1]
    rates = [path.name.removeprefix("rate_") for path in folder.glob("rate_*")]
    scores = {rate: last_score(Case(look, variant, rate, "0").workdir) for rate in rates}
    return {rate: score for rate, score in scores.items() if score is not None}


def row(look: str, variant: str, rates: Mapping[str, float]) -> Iterator[str]:
    """Yield the cells of one variant at its best rate."""
    from cinegan_jax.evaluation.intervals import paired_difference

    best = max(rates, key=lambda rate: rates[rate])
    folder = Case(look, variant, best, "0").workdir.parent
    workdirs = [w for w in sorted(folder.iterdir()) if last_score(w) is not None]
    found = [photo_scores(workdir) for workdir in workdirs]
    yield from (look, variant, f"{best} ({len(rates)})", str(len(found)))
    for metric in METRICS:
        yield mean_of_seeds([np.nanmean(scores["target", "generator", metric]) for scores in found])
    for metric in CLEAN_METRICS:
        yield mean_of_seeds([np.nanmean(scores["clean", "generator", metric]) for scores in found])
    generator, lut = (
        np.mean([scores["target", method, "psnr"] for scores in found], axis=0)
        for method in ("generator", "lut")
    )
    gap = paired_difference(generator, lut)
    yield f"{gap.mean:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}]"


def mean_of_seeds(means: list[float]) -> str:
    """Format the mean over seeds and, with several, half of Student's 95 % interval."""
    from scipy import stats

    mean = statistics.fmean(means)
    if len(means) < 2:
        return f"{mean:.3g}" if mean < 1 else f"{mean:.2f}"
    half = stats.t.ppf(0.975, len(means) - 1) * statistics.stdev(means) / len(means) ** 0.5
    return f"{mean:.3g} ± {half:.1g}" if mean < 1 else f"{mean:.2f} ± {half:.2f}"


def photo_scores(workdir: Path) -> dict[tuple[str, str, str], np.ndarray]:
    """Return the held-out photos' scores at native size by reference, method and metric."""
    from cinegan_jax.evaluation.result import load

    file = workdir / "evaluation.json"
    if not file.exists():
        command = [sys.executable, "-m", "cinegan_jax.cli", "evaluate", str(workdir)]
        unused = ("histogram", "delta_e_highlights")
        run_quietly([*command, "--protocol=native", *(f"--without={name}" for name in unused)])
    photos = load(file).select(protocol="native")
    return {
        (reference, method, metric): np.array(
            [p.scores[metric] for p in photos if (p.reference, p.method) == (reference, method)]
        )
        for reference in ("target", "clean")
        for method in ("lut", "generator")
        for metric in (*METRICS, *CLEAN_METRICS)
    }


def main(_: object) -> None:
    if TABLE.value:
        print_table()
        return
    for case in cases():
        print(*case, f"{train(case):.2f} dB", flush=True)


if __name__ == "__main__":
    flags.mark_flags_as_required(["runs"])
    app.run(main)
