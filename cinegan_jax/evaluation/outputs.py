"""The files that an evaluation leaves, and what it says."""

import numpy as np
from etils import epath
from rich.console import Console

from cinegan_jax.core.storage import AnyPath, open_path
from cinegan_jax.evaluation.difference_picture import WHITE, difference_picture
from cinegan_jax.evaluation.page import write_page
from cinegan_jax.evaluation.page_pictures import PhotoPictures, pictures_of
from cinegan_jax.evaluation.protocols import protocols
from cinegan_jax.evaluation.report import (
    set_lines,
    skipped_line,
    summary_line,
    to_markdown,
    to_tables,
    worst_photos,
)
from cinegan_jax.evaluation.result import Evaluation
from cinegan_jax.evaluation.result_file import RESULT_FILE, save
from cinegan_jax.evaluation.target import Target
from cinegan_jax.pages.image_grid import COLUMNS, contact_sheet

SHEET_ROWS = 4
WORST_COLUMNS = (*COLUMNS, f"difference ({WHITE:.0f} delta E: white)")


def default_folder(target: str) -> epath.Path:
    """A run's own workdir, and for others a new folder beside where the command is given."""
    path = open_path(target)
    if (path / "config.json").exists():
        return path
    return epath.Path(f"{path.name.removesuffix('.safetensors')}-evaluation")


def write_outputs(evaluation: Evaluation, target: Target, folder: AnyPath) -> tuple[str, ...]:
    """Writes everything there is to see into a folder that exists.

    `evaluation.json` has every score, `evaluation.md` the tables, `evaluation.html` tables and
    pictures, `before_after.png` the first photos, and `worst.jpg` those that the generator fails
    most.

    Returns:
        The names of these files.

    Raises:
        OSError: they cannot be written.
    """
    save(evaluation, folder / RESULT_FILE)
    (folder / "evaluation.md").write_text(to_markdown(evaluation), encoding="utf-8")
    protocol = evaluation.photos[-1].protocol  # native, where that was scored
    prepare = protocols(evaluation.size)[protocol]
    pictures = pictures_of(target.test_pairs, target.methods, prepare)
    names = dict.fromkeys(photo.name for photo in evaluation.photos)
    first = [_before_after(found) for found in pictures(list(names)[:SHEET_ROWS])]
    contact_sheet(COLUMNS, first, folder / "before_after.png")
    worst = [_with_difference(f) for f in pictures(p.name for p in worst_photos(evaluation))]
    contact_sheet(WORST_COLUMNS, worst, folder / "worst.jpg")
    write_page(evaluation, pictures, folder / "evaluation.html")
    return RESULT_FILE, "evaluation.md", "evaluation.html", "before_after.png", "worst.jpg"


def _before_after(found: PhotoPictures) -> list[np.ndarray]:
    return [found.photo, found.results["generator"], found.target]


def _with_difference(found: PhotoPictures) -> list[np.ndarray]:
    result = found.results["generator"]
    reference = found.target if found.clean is None else found.clean
    return [found.photo, result, reference, difference_picture(result, reference)]


def print_result(evaluation: Evaluation) -> None:
    """Tables and a line on standard output."""
    console = Console(soft_wrap=True, highlight=False)
    lines = (*set_lines(evaluation), skipped_line(evaluation), summary_line(evaluation))
    for part in (*to_tables(evaluation), *filter(None, lines)):
        console.print(part)
