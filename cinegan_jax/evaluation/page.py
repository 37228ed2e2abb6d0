"""The page of an evaluation: tables, sheets sorted by error, a divider between two pictures."""

import math
from typing import Any

from cinegan_jax.core.storage import AnyPath, write_whole
from cinegan_jax.evaluation.metric_facts import METRICS, facts
from cinegan_jax.evaluation.page_pictures import UNCHANGED, Pictures, by_need, embed
from cinegan_jax.evaluation.page_tables import (
    HTML,
    heading,
    label,
    score_tables,
    set_tables,
    worst_table,
)
from cinegan_jax.evaluation.report import groups, shown
from cinegan_jax.evaluation.result import Evaluation
from cinegan_jax.pages.page import render

INFINITE = 1e9
"""For sorting, in place of an infinite score."""


def write_page(evaluation: Evaluation, pictures: Pictures, path: AnyPath) -> None:
    """Writes the page as one HTML file that needs no network.

    Pictures are reduced, and those of the worst photos come first; what does not fit is named.

    Args:
        evaluation: of at least one photo.
        pictures: makes the pictures of photos; it is asked for no more than are shown, and one.
        path: the file to write.

    Raises:
        OSError: it cannot be written.
    """
    write_whole(path, to_html(evaluation, pictures))


def to_html(evaluation: Evaluation, pictures: Pictures) -> str:
    """The page's text; see `write_page`."""
    _, protocol, reference = list(groups(evaluation))[-1]
    method = evaluation.select(protocol=protocol, reference=reference)[-1].method
    names = by_need(evaluation, protocol, reference, method)
    photos = embed(pictures, names)
    there = {photo["name"] for photo in photos}
    values = {
        "evaluation": evaluation,
        "tables": score_tables(evaluation),
        "sets": set_tables(evaluation),
        "worst": worst_table(evaluation),
        "method": label(method),
        "shown": len(photos),
        "left_out": [name for name in names if name not in there],
        "data": {"photos": photos, "start": method, **_choices(evaluation)},
    }
    return render(
        [HTML],
        "evaluation.html",
        values,
        styles=["compare.css", "evaluation.css"],
        scripts=["data.js", "compare.js", "tables.js", "evaluation.js"],
    )


def _choices(evaluation: Evaluation) -> dict[str, Any]:
    """What a person may choose from, and the scores of every choice."""
    titles = list(groups(evaluation))
    methods = list(dict.fromkeys(photo.method for photo in evaluation.photos))
    measured = {metric for photo in evaluation.photos for metric in photo.scores}
    return {
        "groups": [title for title, _, _ in titles],
        "metrics": [
            {"name": m, "label": heading(m).label, "higher": facts(m).higher_is_better}
            for m in METRICS
            if m in measured
        ],
        "methods": [
            {"name": m, "label": label(m), "picture": "photo" if m == UNCHANGED else m}
            for m in methods
        ],
        "scores": [_scores(evaluation, *group) for _, *group in titles],
    }


def _scores(evaluation: Evaluation, protocol: str, reference: str) -> dict[str, Any]:
    """[number, text] by photo, method and metric; null where there is no score."""
    scores: dict[str, Any] = {}
    for photo in evaluation.select(protocol=protocol, reference=reference):
        found = {metric: _number(metric, value) for metric, value in photo.scores.items()}
        scores.setdefault(photo.name, {})[photo.method] = found
    return scores


def _number(metric: str, value: float) -> tuple[float, str] | None:
    if math.isnan(value):
        return None
    number = value if math.isfinite(value) else math.copysign(INFINITE, value)
    return number, shown(metric, value)
