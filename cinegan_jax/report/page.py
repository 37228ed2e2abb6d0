"""Report of a run as one HTML page that needs no network."""

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
from cinegan_jax.evaluation.html_tables import (
    EVALUATION_HTML,
    score_tables,
    set_tables,
    worst_table,
)
from cinegan_jax.families.registry import FAMILIES
from cinegan_jax.pages.curves import Chart, points_each, to_data
from cinegan_jax.pages.numbers import short_number, thousands
from cinegan_jax.pages.page import render_page
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
    run_progress,
)
from cinegan_jax.report.run_files import RunFiles, read_run
from cinegan_jax.report.samples import Frames, read_frames

_HTML = Path(__file__).with_name("html")
_CHARTS = {"scores": held_out_charts, "losses": loss_charts, "speed": speed_charts}
"""Functions that make the charts of a section; charts of health are grouped by name."""
_MOST_ALARMS = 200
"""Most alarms in the table: the newest."""


class ConfigDifference(NamedTuple):
    """A key of a config whose value differs from the default."""

    key: str
    value: str
    default: str
    """Empty where the default config has no such key."""


def config_differences(config: Mapping[str, Any]) -> list[ConfigDifference] | None:
    """Return where a config differs from its family's default; None for an unknown family."""
    if config.get("family") not in FAMILIES:
        return None
    usual = dict(flat_keys(default_config(config["family"]).to_dict()))
    return [
        ConfigDifference(key, str(value), str(usual.get(key, "")))
        for key, value in flat_keys(config)
        if key not in usual or usual[key] != value
    ]


def write_report(workdir: epath.Path, path: epath.Path, now: float) -> int:
    """Write the page of a workdir and return its size in bytes.

    Args:
      workdir: of a run that is running, was stopped or has finished.
      path: the file to write; an existing one is replaced.
      now: seconds since the epoch.

    Raises:
      UserError: the folder is no workdir, or the file cannot be written.
    """
    page = report_page(read_run(workdir), now).encode()
    try:
        write_whole(path, page)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from error
    return len(page)


def report_page(files: RunFiles, now: float) -> str:
    """Return the page of a run; `now` is in seconds since the epoch."""
    best, progress, frames = find_best(files), run_progress(files, now), read_frames(files)
    panels, most_points = _panels(files)
    values = {
        "files": files,
        "now": now,
        "progress": progress,
        "best": best,
        "figures": key_figures(files, progress, best),
        "alarms": files.alarms[-_MOST_ALARMS:],
        "frames": frames,
        "panels": panels,
        "health": [name for name in panels if name not in _CHARTS],
        "most_points": most_points,
        "tables": score_tables(files.evaluation) if files.evaluation else [],
        "sets": set_tables(files.evaluation) if files.evaluation else [],
        "worst": worst_table(files.evaluation) if files.evaluation else None,
        "differences": config_differences(files.config),
        "config_text": json.dumps(files.config, indent=2),
        "data": {
            "charts": [
                to_data(*panel, most_points) for group in panels.values() for panel in group
            ],
            "marks": _marks(files, best),
            "frames": _captioned(files, frames),
        },
    }
    return render_page(
        [_HTML, EVALUATION_HTML],
        "report.html",
        values,
        styles=["uplot/uPlot.min.css", "charts.css", "roll.css", "strip.css", "report.css"],
        libraries=["uplot/uPlot.iife.min.js"],
        scripts=["data.js", "charts.js", "strip.js", "tables.js", "report.js"],
    )


def _panels(files: RunFiles) -> tuple[dict[str, list[tuple[str, Chart]]], int]:
    """Return (id, chart) of every chart by section, and the points that each curve may have."""
    groups = {name: make(files) for name, make in _CHARTS.items()} | health_charts(files)
    numbers = itertools.count()
    panels = {
        name: [(f"chart-{next(numbers)}", chart) for chart in charts]
        for name, charts in groups.items()
    }
    return panels, points_each([chart for charts in groups.values() for chart in charts])


def _marks(files: RunFiles, best: Best | None) -> list[dict[str, Any]]:
    """Return what charts show besides curves: restarts, the best checkpoint and alarms."""
    restarts = [{"step": start.step, "kind": "restart"} for start in files.starts[1:]]
    chosen = [{"step": best.step, "kind": "best"}] if best else []
    alarms = [{"step": alarm.step, "kind": alarm.kind} for alarm in files.alarms]
    return [*restarts, *chosen, *alarms]


def _captioned(files: RunFiles, frames: Frames) -> list[dict[str, Any]]:
    """Return each frame with its step and the latest held-out scores at that step."""
    scores = held_out_scores(files)
    captioned = []
    for frame in frames.shown:
        scored = max((step for step in scores if step <= frame.step), default=None)
        known = {} if scored is None else scores[scored]
        facts = [[score_label(name), short_number(value)] for name, value in known.items()]
        caption = f"step {thousands(frame.step)}"
        captioned.append({"image": frame.image, "caption": caption, "facts": facts})
    return captioned
