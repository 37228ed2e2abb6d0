"""Evaluation of unconditional samples: sets of generated images against held-out images."""

import dataclasses
import os
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, ClassVar

import ml_collections
import numpy as np
from PIL import Image

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import AnyPath, base_name, write_whole
from cinegan_jax.core.versions import versions
from cinegan_jax.data.selection import stratified_images
from cinegan_jax.data.shapes import SHAPE_MODES, SHAPES_PATH
from cinegan_jax.data.sources import open_images
from cinegan_jax.evaluation.html_tables import EVALUATION_HTML, set_tables
from cinegan_jax.evaluation.result import (
    HELD_OUT_IMAGES,
    RESULT_FILE,
    About,
    Evaluation,
    SetScore,
    save,
)
from cinegan_jax.evaluation.scope import Scope
from cinegan_jax.evaluation.tables import to_markdown
from cinegan_jax.metrics.devices import OnDevices
from cinegan_jax.metrics.modes import mode_scores
from cinegan_jax.metrics.set_distances import (
    RandomSet,
    random_features_on_devices,
    random_set_scores,
)
from cinegan_jax.metrics.sets import (
    SetFeatures,
    inception_on_devices,
    set_scores,
    small_set_notes,
)
from cinegan_jax.metrics.streaming import Moments
from cinegan_jax.nets.inception import load_inception, resize_for_inception
from cinegan_jax.pages.image_grid import image_grid
from cinegan_jax.pages.page import data_uri, render_page, to_jpeg
from cinegan_jax.sampling.latent_generator import LatentGenerator, open_generator

MOST_IMAGES = 10_000
"""Images of a set where no limit is given; FID is usually computed with as many."""

_RANDOM_NOTE = (
    "Feature distance and kernel distance are the formulas of FID and KID in the features of an "
    "untrained network. Compare them only with those of equally many images of the same data."
)
_TRAINING_NOTE = (
    "Training images are real images: their scores are those of a generator that has learnt the "
    "data perfectly."
)
_MODES_NOTE = (
    f"The drawn shapes have {len(SHAPE_MODES)} modes with equally many images each. The scores of "
    "modes count recognised images only: those that clearly show one of the modes."
)
_GRID_COLUMNS, _GRID_IMAGES = 8, 64
_GRID_SIDE, _GRID_QUALITY = 1200, 92
"""Longest side in pixels, and JPEG quality, of the image grids in the page."""

_Measure = Callable[[np.ndarray], tuple[dict[str, float], list[str]]]
"""Function from images, uint8 [n, h, w, 3], to scores by metric and notes on them."""


@dataclasses.dataclass(frozen=True)
class SampleTarget:
    """A generator of images from latents, with the images that it is scored on; a `Target`.

    Attributes:
        generator: of the newest checkpoint.
        data: the section of the run's config, with `path`, `look`, `size`, `crop` and `cache`.
        about: names the target and its data.
        scope: the number of images, and Inception's weights.
    """

    files: ClassVar[tuple[str, ...]] = (RESULT_FILE, "evaluation.md", "evaluation.html")

    generator: LatentGenerator
    data: ml_collections.ConfigDict
    about: About
    scope: Scope

    @cached_property
    def held_out(self) -> np.ndarray:
        """The references, spread evenly over the test split: uint8 [n, size, size, 3].

        Raises:
            UserError: fewer than two can be read.
        """
        return self._images_of_split("test", self.scope.limit or MOST_IMAGES)

    @cached_property
    def sets(self) -> Mapping[str, np.ndarray]:
        """Images by method, as many as are held out if there are: uint8 [n, size, size, 3]."""
        count = len(self.held_out)
        return {
            "training": self._images_of_split("train", count),
            "generator": self.generator.decode(self.generator.latents(np.arange(count))),
        }

    def score(self) -> Evaluation:
        """Score generated and training images as whole sets; see `score_sample_sets`."""
        network = None
        if self.scope.inception:
            network = inception_on_devices(load_inception(self.scope.inception))
        return score_sample_sets(self, network)

    def write(self, evaluation: Evaluation, folder: AnyPath) -> None:
        """Write scores, tables and a page with samples."""
        result, markdown, page = self.files
        save(evaluation, folder / result)
        write_whole(folder / markdown, to_markdown(evaluation))
        write_whole(folder / page, samples_page(evaluation, self))

    def _images_of_split(self, split: str, count: int) -> np.ndarray:
        data = self.data
        source = open_images(data.path, split, size=data.size, look=data.look, cache=data.cache)
        return stratified_images(source, count, data.size, data.crop)


def open_sample_target(
    workdir: AnyPath, data: ml_collections.ConfigDict, scope: Scope
) -> SampleTarget:
    """Open the newest generator of a run; of several processes all must call it together.

    Args:
        workdir: the run's folder.
        data: see `SampleTarget`.
        scope: without options of image pairs.

    Raises:
        UserError: there is no good checkpoint, the run's generator does not start from latents, or
            `scope` has options of image pairs.
    """
    if scope.paired_options:
        options = ", ".join(f"--{name}" for name in scope.paired_options)
        raise UserError(
            f"{workdir} generates images from latents, which are scored as whole sets: leave out "
            f"{options}, which apply to image pairs only"
        )
    generator = open_generator(workdir)
    step = generator.networks.step
    about = About(os.fspath(workdir), data.path, look="", step=step, versions=versions())
    return SampleTarget(generator, data, about, scope)


def score_sample_sets(target: SampleTarget, inception: OnDevices | None = None) -> Evaluation:
    """Score the generated images, and the training images beside them, as whole sets.

    Each of several processes finds the same.

    Args:
        target: what is evaluated.
        inception: see `inception_on_devices`, to score FID and KID too.

    Raises:
        UserError: fewer than two held-out images can be read.
    """
    size = target.held_out.shape[1]
    measures = [_random_feature_measure(target.held_out)]
    if inception is not None:
        measures.append(_inception_measure(inception, target.held_out))
    found = []
    for method, images in target.sets.items():
        scores: dict[str, float] = {}
        notes = [_TRAINING_NOTE, _RANDOM_NOTE]
        for measure in measures:
            measured, noted = measure(images)
            scores |= measured
            notes += noted
        if target.data.path == SHAPES_PATH:
            scores |= mode_scores(images)
            notes.append(_MODES_NOTE)
        group = f"{size}x{size}", HELD_OUT_IMAGES, method
        found.append(SetScore(*group, len(images), scores, tuple(notes)))
    about = dataclasses.replace(target.about, weights=target.scope.weights)
    return Evaluation((), tuple(found), {}, size, about)


def _random_feature_measure(references: np.ndarray) -> _Measure:
    network = random_features_on_devices()
    known = RandomSet(network(references))
    return lambda images: (random_set_scores(RandomSet(network(images)), known), [])


def _inception_measure(network: OnDevices, references: np.ndarray) -> _Measure:
    known = _inception_features(network, references)

    def measure(images: np.ndarray) -> tuple[dict[str, float], list[str]]:
        found = _inception_features(network, images)
        return set_scores(found, known), small_set_notes(found, known)

    return measure


def _inception_features(network: OnDevices, images: np.ndarray) -> SetFeatures:
    """Return the features of all images, a batch at a time, since images grow to 299x299."""
    starts = range(0, len(images), network.batch_size)
    parts = (images[start : start + network.batch_size] for start in starts)
    features = np.concatenate([network(resize_for_inception(part) / 255) for part in parts])
    return SetFeatures(features, Moments.of(features))


def samples_page(evaluation: Evaluation, target: SampleTarget) -> str:
    """Return the HTML page: the scores, and generated images beside as many held-out ones."""
    grids = {"Generated": target.sets["generator"], "Held out": target.held_out}
    values: dict[str, Any] = {
        "evaluation": evaluation,
        "name": base_name(evaluation.about.target),
        "sets": set_tables(evaluation),
        "notes": list(dict.fromkeys(note for score in evaluation.sets for note in score.notes)),
        "grids": [{"caption": name, "image": _grid_uri(images)} for name, images in grids.items()],
        "data": {},
    }
    styles, scripts = ["evaluation.css"], ["tables.js", "samples.js"]
    return render_page([EVALUATION_HTML], "samples.html", values, styles=styles, scripts=scripts)


def _grid_uri(images: np.ndarray) -> str:
    """Return a grid of some of the images, in random order, as a data URI."""
    chosen = np.random.default_rng(0).permutation(len(images))[:_GRID_IMAGES]
    grid = Image.fromarray(image_grid(images[chosen], _GRID_COLUMNS))
    return data_uri(to_jpeg(grid, _GRID_SIDE, _GRID_QUALITY))
