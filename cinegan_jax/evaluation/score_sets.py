"""Sets of pictures, made of chance or trained on, against held-out ones."""

from collections.abc import Callable

import numpy as np

from cinegan_jax.data.shapes import SHAPE_MODES, SHAPES_PATH
from cinegan_jax.evaluation.picture_target import PictureTarget
from cinegan_jax.evaluation.result import Evaluation, SetScore
from cinegan_jax.metrics.devices import OnDevices
from cinegan_jax.metrics.modes import mode_scores
from cinegan_jax.metrics.set_distances import (
    RandomSet,
    random_features_on_devices,
    random_set_scores,
)
from cinegan_jax.metrics.sets import SetFeatures, set_scores, small_set_notes
from cinegan_jax.metrics.streaming import Moments
from cinegan_jax.nets.inception import resize

REFERENCE = "held-out pictures"
RANDOM_NOTE = (
    "Feature distance and kernel distance are FID's and KID's formulas in the features of an "
    "untrained network: they compare with those of equally many pictures of the same data alone."
)
TRAINING_NOTE = (
    "Training pictures are real ones: they get what a generator would get that had learnt all "
    "there is to learn."
)
MODES_NOTE = (
    f"The drawn shapes have {len(SHAPE_MODES)} modes, equally many pictures of each; what is told "
    "of modes is of the good pictures, those that show one of them."
)


def score_sets(target: PictureTarget, inception: OnDevices | None = None) -> Evaluation:
    """Scores the generator's pictures, and training pictures beside them, as whole sets.

    Several processes each find the same.

    Args:
        target: what is evaluated.
        inception: of `inception_on_devices`, to score FID and KID too.

    Raises:
        UserError: fewer than two held-out pictures can be read.
    """
    size = target.held_out.shape[1]
    measures = [_in_random_features(target.held_out)]
    if inception is not None:
        measures.append(_in_inception(inception, target.held_out))
    found = []
    for method, pictures in target.sets.items():
        scores: dict[str, float] = {}
        notes = [TRAINING_NOTE, RANDOM_NOTE]
        for measure in measures:
            measured, noted = measure(pictures)
            scores |= measured
            notes += noted
        if target.data.path == SHAPES_PATH:
            scores |= mode_scores(pictures)
            notes.append(MODES_NOTE)
        about = f"{size}x{size}", REFERENCE, method, len(pictures)
        found.append(SetScore(*about, scores, tuple(notes)))
    return Evaluation((), tuple(found), {}, size, target.about)


Measure = Callable[[np.ndarray], tuple[dict[str, float], list[str]]]
"""Pictures, uint8 [n, h, w, 3], to scores by metric and what is to be said beside them."""


def _in_random_features(references: np.ndarray) -> Measure:
    network = random_features_on_devices()
    known = RandomSet(network(references))
    return lambda pictures: (random_set_scores(RandomSet(network(pictures)), known), [])


def _in_inception(network: OnDevices, references: np.ndarray) -> Measure:
    known = _inception_features(network, references)

    def measure(pictures: np.ndarray) -> tuple[dict[str, float], list[str]]:
        found = _inception_features(network, pictures)
        return set_scores(found, known), small_set_notes(found, known)

    return measure


def _inception_features(network: OnDevices, pictures: np.ndarray) -> SetFeatures:
    """A batch at a time, since pictures grow to 299x299."""
    starts = range(0, len(pictures), network.batch_size)
    parts = (pictures[start : start + network.batch_size] for start in starts)
    features = np.concatenate([network(resize(part) / 255) for part in parts])
    return SetFeatures(features, Moments.of(features))
