"""Sets of pictures against each other by an untrained network: no weights file is needed.

The distances are those of FID and KID, but in other features (`feature_distance`), so that they
bear other names and compare with nothing but each other.
"""

import dataclasses
from functools import cached_property

import numpy as np

from cinegan_jax.metrics.feature_distance import random_features
from cinegan_jax.metrics.frechet import frechet_distance
from cinegan_jax.metrics.kid import kid
from cinegan_jax.metrics.on_devices import OnDevices
from cinegan_jax.metrics.streaming import Moments
from cinegan_jax.ops.images import to_unit


@dataclasses.dataclass(frozen=True)
class RandomSet:
    """What the distances need to know of a set.

    Attributes:
        features: float32 [n, d], see `random_features`.
    """

    features: np.ndarray

    @cached_property
    def moments(self) -> Moments:
        """Of the features."""
        return Moments.of(self.features)


def random_features_on_devices() -> OnDevices:
    """From pictures, uint8 [n, h, w, 3], to features [n, d], on all devices of this process."""
    return OnDevices(lambda _, pictures: random_features(to_unit(pictures)))


def random_set_scores(pictures: RandomSet, references: RandomSet) -> dict[str, float]:
    """Both distances by their names in `SET_METRICS`; 0 is best, the second may fall below it.

    `feature_distance` is biased: it falls with the number of pictures, so it compares with that of
    equally many only. `kernel_distance` is not.

    Args:
        pictures: two or more.
        references: two or more, of the same size.
    """
    return {
        "feature_distance": frechet_distance(pictures.moments, references.moments),
        "kernel_distance": kid(pictures.features, references.features).mean,
    }
