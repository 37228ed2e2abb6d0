"""An evaluation as a file: strict JSON, every photo's scores and their summaries."""

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import AnyPath, write_whole
from cinegan_jax.evaluation.result import About, Evaluation, PhotoScore, SetScore

RESULT_FILE = "evaluation.json"
FORMAT = "cinegan-evaluation"
VERSION = 2
"""Version 1 had means only."""


def save(evaluation: Evaluation, path: AnyPath) -> None:
    """Writes JSON; numbers that JSON lacks become "inf", "-inf" and "nan".

    `summaries` are for other readers: they follow from `photos`, and `load` passes them over.

    Raises:
        OSError: the file cannot be written.
    """
    content = {"format": FORMAT, "version": VERSION, **dataclasses.asdict(evaluation)}
    content["summaries"] = [dataclasses.asdict(summary) for summary in evaluation.summaries()]
    write_whole(path, json.dumps(_spelled(content), indent=1, allow_nan=False) + "\n")


def load(path: AnyPath) -> Evaluation:
    """Reads what `save` wrote.

    Raises:
        UserError: the file is missing, damaged, or of another kind or version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise UserError(f"{path} is no JSON ({error}); run the evaluation again") from error
    _check_version(content, path)
    try:
        return Evaluation(
            tuple(_scored(PhotoScore, row) for row in content["photos"]),
            tuple(
                _scored(SetScore, {**row, "notes": tuple(row["notes"])}) for row in content["sets"]
            ),
            content["skipped"],
            content["size"],
            About(**content["about"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error!r}); run the evaluation again") from error


def _check_version(content: Any, path: AnyPath) -> None:
    found = content if isinstance(content, dict) else {}
    if "scores" in found and "format" not in found:
        raise UserError(
            f"{path} has means only, from an earlier version of this program, and no photo's "
            "scores; run the evaluation again"
        )
    if (found.get("format"), found.get("version")) != (FORMAT, VERSION):
        raise UserError(
            f"{path} is no evaluation that can be read: it says format {found.get('format')!r} "
            f"version {found.get('version')!r}, needed is {FORMAT!r} version {VERSION}; run the "
            "evaluation again"
        )


def _scored(kind: type, row: Mapping[str, Any]) -> Any:
    scores = {metric: float(value) for metric, value in row["scores"].items()}
    return kind(**{**row, "scores": scores})


def _spelled(content: Any) -> Any:
    """The same with infinite numbers and NaN as words, which `float` reads."""
    if isinstance(content, Mapping):
        return {key: _spelled(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_spelled(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return str(content)
    return content
