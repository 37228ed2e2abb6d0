"""The report of a run as one HTML page that needs no network."""

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from etils import epath

from cinegan_jax.config.load import default_config
from cinegan_jax.config.overrides import flat_keys
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import write_whole
from cinegan_jax.evaluation import page_tables
from cinegan_jax.families.registry import FAMILIES
from cinegan_jax.pages.curves import Chart, points_each, to_data
from cinegan_jax.pages.numbers import count, figure
from cinegan_jax.pages.page import render
from cinegan_jax.report.charts import (
    health_charts,
    held_out_charts,
    loss_charts,
    score_label,
    speed_charts,
)
from cinegan_jax.report.key_figures import (
    Best,
    find_best,
    held_out_scores,
    key_figures,
    progress_of,
)
from cinegan_jax.report.run_files import RunFiles, read_run
from cinegan_jax.report.samples import Frames, frames_of


class Difference(NamedTuple):
    """A key of a config whose value is not the default one."""

    key: str
    value: str
    default: str
    """Empty where the default config has no such key."""


def differences(config: Mapping[str, Any]) -> list[Difference] | None:
    """The keys in which a config differs from its family's default; None for an unknown family."""
    if config.get("family") not in FAMILIES:
        return None
    usual = dict(flat_keys(default_config(config["family"]).to_dict()))
    return [
        Difference(key, str(value), str(usual.get(key, "")))
        for key, value in flat_keys(config)
        if key not in usual or usual[key] != value
    ]


HTML = Path(__file__).with_name("html")
CHARTS = {"scores": held_out_charts, "losses": loss_charts, "speed": speed_charts}
"""What makes the charts of a group; those of health are grouped by their diagnostics' names."""
MOST_ALARMS = 200
"""In the table; the newest."""


def write_report(workdir: epath.Path, path: epath.Path, now: float) -> int:
    """Writes the page of a workdir and returns its size in bytes.

    Args:
      workdir: of a run that goes on, was stopped or has finished.
      path: the file to write; one that is there is replaced.
      now: seconds since the epoch.

    Raises:
      UserError: the folder is no workdir, or the file cannot be written.
    """
    page = to_html(read_run(workdir), now).encode()
    try:
        write_whole(path, page)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from error
    return len(page)


def to_html(files: RunFiles, now: float) -> str:
    """The page of a run as it stood at `now`, in seconds since the epoch."""
    best, progress, frames = find_best(files), progress_of(files, now), frames_of(files)
    panels, most_points = _panels(files)
    values = {
        "files": files,
        "now": now,
        "progress": progress,
        "best": best,
        "figures": key_figures(files, progress, best),
        "alarms": files.alarms[-MOST_ALARMS:],
        "frames": frames,
        "panels": panels,
        "health": [name for name in panels if name not in CHARTS],
        "most_points": most_points,
        "tables": page_tables.score_tables(files.evaluation) if files.evaluation else [],
        "sets": page_tables.set_tables(files.evaluation) if files.evaluation else [],
        "worst": page_tables.worst_table(files.evaluation) if files.evaluation else None,
        "differences": differences(files.config),
        "config_text": json.dumps(files.config, indent=2),
        "data": {
            "charts": [
                to_data(*panel, most_points) for group in panels.values() for panel in group
            ],
            "marks": _marks(files, best),
            "frames": _captioned(files, frames),
        },
    }
    return render(
        [HTML, page_tables.HTML],
        "report.html",
        values,
        styles=["uplot/uPlot.min.css", "charts.css", "roll.css", "strip.css", "report.css"],
        libraries=["uplot/uPlot.iife.min.js"],
        scripts=["data.js", "charts.js", "strip.js", "tables.js", "report.js"],
    )


def _panels(files: RunFiles) -> tuple[dict[str, list[tuple[str, Chart]]], int]:
    """(id, chart) of every chart by group, and the points that each curve may have."""
    groups = {name: make(files) for name, make in CHARTS.items()} | health_charts(files)
    numbers = itertools.count()
    panels = {
        name: [(f"chart-{next(numbers)}", chart) for chart in charts]
        for name, charts in groups.items()
    }
    return panels, points_each([chart for charts in groups.values() for chart in charts])


def _marks(files: RunFiles, best: Best | None) -> list[dict[str, Any]]:
    """What charts show besides curves: restarts, the best checkpoint and alarms."""
    restarts = [{"step": start.step, "kind": "restart"} for start in files.starts[1:]]
    chosen = [{"step": best.step, "kind": "best"}] if best else []
    alarms = [{"step": alarm.step, "kind": alarm.kind} for alarm in files.alarms]
    return [*restarts, *chosen, *alarms]


def _captioned(files: RunFiles, frames: Frames) -> list[dict[str, Any]]:
    """Each frame with its step and the held-out scores known by then."""
    scores = held_out_scores(files)
    captioned = []
    for frame in frames.shown:
        scored = max((step for step in scores if step <= frame.step), default=None)
        known = {} if scored is None else scores[scored]
        facts = [[score_label(name), figure(value)] for name, value in known.items()]
        caption = f"step {count(frame.step)}"
        captioned.append({"picture": frame.picture, "caption": caption, "facts": facts})
    return captioned
