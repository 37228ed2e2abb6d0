"""The best checkpoint of a run, by its scores on what is held out."""

import dataclasses
from collections.abc import Mapping

from cinegan_jax.report.charts import HELD_OUT, score_label
from cinegan_jax.report.run_files import RunFiles
from cinegan_jax.training.best_metric import BEST_MODES


@dataclasses.dataclass(frozen=True)
class Best:
    """The best scored step of a run."""

    step: int
    metric: str
    scores: Mapping[str, float]
    """All held-out scores of that step, by metric."""
    saved: bool
    """Whether a checkpoint of that step is there; where none of the scored steps is, it is not."""

    @property
    def label(self) -> str:
        """The metric for people."""
        return score_label(self.metric)


def held_out_scores(files: RunFiles) -> dict[int, dict[str, float]]:
    """Held-out scores by step and metric, in order of steps."""
    scores: dict[int, dict[str, float]] = {}
    for record in files.metrics:
        found = {
            name.removeprefix(HELD_OUT): value
            for name, value in record.items()
            if name.startswith(HELD_OUT) and isinstance(value, int | float)
        }
        if found:
            scores[record["step"]] = found
    return dict(sorted(scores.items()))


def find_best(files: RunFiles) -> Best | None:
    """The best of the saved steps by the config's `best_metric`, else of all scored ones."""
    metric = files.config.get("best_metric", "psnr")
    modes = {name: mode for each in BEST_MODES.values() for name, mode in each.items()}
    mode = modes.get(metric)
    scored = {s: found for s, found in held_out_scores(files).items() if metric in found}
    if mode is None or not scored:
        return None
    saved = scored.keys() & set(files.checkpoints)
    choose = max if mode == "max" else min
    step = choose(sorted(saved or scored), key=lambda step: scored[step][metric])
    return Best(step, metric, scored[step], bool(saved))
