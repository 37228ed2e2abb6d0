"""The files that an evaluation of whole sets leaves."""

from pathlib import PurePath
from typing import Any

import numpy as np
from PIL import Image

from cinegan_jax.core.storage import AnyPath, write_whole
from cinegan_jax.evaluation.page_tables import HTML, set_tables
from cinegan_jax.evaluation.picture_target import PictureTarget
from cinegan_jax.evaluation.report import to_markdown
from cinegan_jax.evaluation.result import Evaluation
from cinegan_jax.evaluation.result_file import RESULT_FILE, save
from cinegan_jax.pages.image_grid import picture_grid
from cinegan_jax.pages.inline_picture import data_uri, to_jpeg
from cinegan_jax.pages.page import render

COLUMNS, SHOWN = 8, 64
SIDE, QUALITY = 1200, 92
"""Of the grids in the page, as JPEG."""


def write_picture_outputs(
    evaluation: Evaluation, target: PictureTarget, folder: AnyPath
) -> tuple[str, ...]:
    """Writes scores, tables and a page with samples into a folder that exists.

    Returns:
        The names of these files.

    Raises:
        OSError: they cannot be written.
    """
    save(evaluation, folder / RESULT_FILE)
    write_whole(folder / "evaluation.md", to_markdown(evaluation))
    write_whole(folder / "evaluation.html", to_html(evaluation, target))
    return RESULT_FILE, "evaluation.md", "evaluation.html"


def to_html(evaluation: Evaluation, target: PictureTarget) -> str:
    """The page's text: the scores, and the first pictures beside as many held-out ones."""
    grids = {"Generated": target.sets["generator"], "Held out": target.held_out}
    values: dict[str, Any] = {
        "evaluation": evaluation,
        "name": PurePath(evaluation.about.target).name,
        "sets": set_tables(evaluation),
        "notes": list(dict.fromkeys(note for score in evaluation.sets for note in score.notes)),
        "grids": [
            {"caption": caption, "picture": _shown(pictures)} for caption, pictures in grids.items()
        ],
        "data": {},
    }
    styles, scripts = ["evaluation.css"], ["tables.js", "pictures.js"]
    return render([HTML], "pictures.html", values, styles=styles, scripts=scripts)


def _shown(pictures: np.ndarray) -> str:
    """Some of them, in no order."""
    some = np.random.default_rng(0).permutation(len(pictures))[:SHOWN]
    return data_uri(to_jpeg(Image.fromarray(picture_grid(pictures[some], COLUMNS)), SIDE, QUALITY))
