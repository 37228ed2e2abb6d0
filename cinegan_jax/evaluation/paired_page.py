"""Files with images that an evaluation on pairs leaves: an HTML page and two contact sheets."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from cinegan_jax.core.storage import AnyPath, write_whole
from cinegan_jax.data.examples import BrokenExample
from cinegan_jax.data.pairs import PairSource
from cinegan_jax.evaluation.html_tables import (
    EVALUATION_HTML,
    method_label,
    metric_heading,
    score_tables,
    set_tables,
    worst_table,
)
from cinegan_jax.evaluation.methods import PairMethod
from cinegan_jax.evaluation.result import Evaluation, save
from cinegan_jax.evaluation.scope import Prepare, as_stored, make_protocols, prepare_pair
from cinegan_jax.evaluation.tables import format_score, groups, to_markdown, worst_photos
from cinegan_jax.metrics.registry import METRICS, facts
from cinegan_jax.ops.colour import srgb_to_lab
from cinegan_jax.pages.image_grid import PAIR_COLUMNS, contact_sheet
from cinegan_jax.pages.page import data_uri, render_page, to_jpeg

EMBEDDED_SIDE = 800
"""Longest side of an image in the page, in pixels."""

_UNCHANGED = "input"
"""The method whose image is the photo itself."""
_EMBEDDED_BYTES = 10 * 2**20
"""Bytes of all images as JPEG, which take a third more in the page."""
_WORST = 10
"""Photos that come first by each metric."""
_INFINITE = 1e9
"""Stands for an infinite score when sorting."""
_SHEET_ROWS = 4
_WHITE = 20.0
"""The delta E 76 that a difference image shows in white."""
_WORST_COLUMNS = (*PAIR_COLUMNS, f"difference ({_WHITE:.0f} delta E: white)")


class PhotoImages(NamedTuple):
    """One photo with its target and the image of each method, uint8 [h, w, 3] each."""

    name: str
    photo: np.ndarray
    target: np.ndarray
    results: Mapping[str, np.ndarray]
    """Image by method."""
    clean: np.ndarray | None = None
    """The target without its grain, where it is known."""


MakeImages = Callable[[Iterable[str]], Iterator[PhotoImages]]
"""Function that makes the images of the named photos, one photo at a time.

A photo that has none is left out."""


def write_paired_results(
    evaluation: Evaluation,
    pairs: PairSource,
    methods: Mapping[str, PairMethod],
    folder: AnyPath,
    names: tuple[str, ...],
) -> None:
    """Write everything that an evaluation on pairs leaves into a folder that exists.

    Args:
        evaluation: of at least one photo.
        pairs: that were scored.
        methods: that were scored, by name.
        folder: to write into.
        names: of five files: every score as JSON, tables as Markdown, the HTML page, a sheet of the
            first photos, and a sheet of the generator's worst ones.

    Raises:
        OSError: they cannot be written.
    """
    result, markdown, page, first_sheet, worst_sheet = (folder / name for name in names)
    save(evaluation, result)
    markdown.write_text(to_markdown(evaluation), encoding="utf-8")
    protocol = evaluation.photos[-1].protocol  # native, where that was scored
    make_images = image_maker(pairs, methods, make_protocols(evaluation.size)[protocol])
    photos = list(dict.fromkeys(photo.name for photo in evaluation.photos))
    first = [_before_after(found) for found in make_images(photos[:_SHEET_ROWS])]
    contact_sheet(PAIR_COLUMNS, first, first_sheet)
    worst = (photo.name for photo in worst_photos(evaluation))
    contact_sheet(_WORST_COLUMNS, [_with_difference(f) for f in make_images(worst)], worst_sheet)
    write_whole(page, paired_page(evaluation, make_images))


def paired_page(evaluation: Evaluation, make_images: MakeImages) -> str:
    """Return the HTML page: tables, photos sorted by error, a divider between two images.

    The page needs no network. Images are reduced, and those of the worst photos come first; photos
    that do not fit are named.

    Args:
        evaluation: of at least one photo.
        make_images: asked for no more photos than are shown, and one.
    """
    _, protocol, reference = list(groups(evaluation))[-1]
    method = evaluation.select(protocol=protocol, reference=reference)[-1].method
    names = display_order(evaluation, protocol, reference, method)
    photos = embed_images(make_images, names)
    embedded = {photo["name"] for photo in photos}
    values = {
        "evaluation": evaluation,
        "tables": score_tables(evaluation),
        "sets": set_tables(evaluation),
        "worst": worst_table(evaluation),
        "method": method_label(method),
        "shown": len(photos),
        "left_out": [name for name in names if name not in embedded],
        "data": {"photos": photos, "start": method, **_choices(evaluation)},
    }
    return render_page(
        [EVALUATION_HTML],
        "evaluation.html",
        values,
        styles=["compare.css", "evaluation.css"],
        scripts=["data.js", "compare.js", "tables.js", "evaluation.js"],
    )


def image_maker(
    pairs: PairSource, methods: Mapping[str, PairMethod], prepare: Prepare = as_stored
) -> MakeImages:
    """Return a function that makes photos' images by every method, prepared by a protocol."""
    indices = {name: index for index, name in enumerate(pairs.names)}
    making = {name: method for name, method in methods.items() if name != _UNCHANGED}

    def make_images(names: Iterable[str]) -> Iterator[PhotoImages]:
        for name in names:
            try:
                pair = prepare_pair(pairs[indices[name]], prepare)
                results = {method: make(pair, prepare) for method, make in making.items()}
            except BrokenExample:
                continue
            yield PhotoImages(name, pair.input, pair.target, results, pair.clean)

    return make_images


def display_order(evaluation: Evaluation, protocol: str, reference: str, method: str) -> list[str]:
    """Return all photos: a method's worst by any metric first, then evenly from worst to best."""
    photos = evaluation.select(protocol=protocol, reference=reference, method=method)
    ranked = [
        [photo.name for photo in evaluation.worst(protocol, reference, method, name, len(photos))]
        for name in METRICS
        if any(name in photo.scores for photo in photos)
    ]
    tops = (names[:_WORST] for names in ranked)
    worst = [name for row in zip_longest(*tops) for name in row if name is not None]
    rest = _scattered(ranked[0]) if ranked else []
    return list(dict.fromkeys([*worst, *rest, *(photo.name for photo in photos)]))


def embed_images(
    make_images: MakeImages, names: Iterable[str], budget: int = _EMBEDDED_BYTES
) -> list[dict[str, Any]]:
    """Return each photo's images as data URIs, until the next photo would exceed the budget."""
    embedded: list[dict[str, Any]] = []
    used = 0
    for found in make_images(names):
        images = {"photo": found.photo, "target": found.target, **found.results}
        jpegs = {
            name: to_jpeg(Image.fromarray(image), EMBEDDED_SIDE) for name, image in images.items()
        }
        used += sum(map(len, jpegs.values()))
        if used > budget and embedded:
            break
        height, width = found.photo.shape[:2]
        uris = {name: data_uri(jpeg) for name, jpeg in jpegs.items()}
        scale = min(1.0, EMBEDDED_SIDE / max(height, width))
        size = {"width": round(width * scale), "height": round(height * scale)}
        embedded.append({"name": found.name, **size, "images": uris})
    return embedded


def difference_image(image: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the delta E 76 of each pixel as grey, black at 0 and white at 20.

    Args:
        image: uint8 [h, w, 3].
        reference: uint8 [h, w, 3].

    Returns:
        uint8 [h, w, 3].
    """
    labs = (np.asarray(srgb_to_lab(levels / np.float32(255))) for levels in (image, reference))
    distance = np.linalg.norm(np.subtract(*labs), axis=-1, keepdims=True)
    share = np.clip(distance / _WHITE, 0, 1)
    return np.rint(255 * share).astype(np.uint8).repeat(3, axis=-1)


def _before_after(found: PhotoImages) -> list[np.ndarray]:
    return [found.photo, found.results["generator"], found.target]


def _with_difference(found: PhotoImages) -> list[np.ndarray]:
    result = found.results["generator"]
    reference = found.target if found.clean is None else found.clean
    return [found.photo, result, reference, difference_image(result, reference)]


def _scattered(names: list[str]) -> list[str]:
    """Return the names so that any first few lie evenly over the whole (van der Corput's order)."""
    bits = max(len(names) - 1, 1).bit_length()
    order = sorted(range(len(names)), key=lambda i: int(f"{i:0{bits}b}"[::-1], 2))
    return [names[i] for i in order]


def _choices(evaluation: Evaluation) -> dict[str, Any]:
    """Return what a reader of the page can choose from, and the scores of every choice."""
    titles = list(groups(evaluation))
    methods = list(dict.fromkeys(photo.method for photo in evaluation.photos))
    measured = {metric for photo in evaluation.photos for metric in photo.scores}
    return {
        "groups": [title for title, _, _ in titles],
        "metrics": [
            {"name": m, "label": metric_heading(m).label, "higher": facts(m).higher_is_better}
            for m in METRICS
            if m in measured
        ],
        "methods": [
            {"name": m, "label": method_label(m), "image": "photo" if m == _UNCHANGED else m}
            for m in methods
        ],
        "scores": [_page_scores(evaluation, *group) for _, *group in titles],
    }


def _page_scores(evaluation: Evaluation, protocol: str, reference: str) -> dict[str, Any]:
    """Return [number, text] by photo, method and metric; null where there is no score."""
    scores: dict[str, Any] = {}
    for photo in evaluation.select(protocol=protocol, reference=reference):
        found = {metric: _number(metric, value) for metric, value in photo.scores.items()}
        scores.setdefault(photo.name, {})[photo.method] = found
    return scores


def _number(metric: str, value: float) -> tuple[float, str] | None:
    if math.isnan(value):
        return None
    number = value if math.isfinite(value) else math.copysign(_INFINITE, value)
    return number, format_score(metric, value)
