"""Sets of pictures against sets of pictures: FID, KID and patch-FID."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import cast

import jax
import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.types import Params
from cinegan_jax.metrics.devices import OnDevices, gather_bytes
from cinegan_jax.metrics.patches import cut_patches
from cinegan_jax.metrics.set_distances import SUBSET_SIZE, frechet_distance, kid
from cinegan_jax.metrics.streaming import BLOCK, Moments, RunningMoments
from cinegan_jax.nets.inception import FEATURES, InceptionPool3, resize_for_inception

PATCHES = 4
"""Of each picture, for patch-FID."""


@dataclasses.dataclass(frozen=True)
class SetMetric:
    """A metric of sets and what a table needs to show it."""

    name: str
    """In files and options."""
    label: str
    """For people."""
    decimals: int
    """How many are worth showing."""
    higher_is_better: bool = False


SET_METRICS: Mapping[str, SetMetric] = {
    metric.name: metric
    for metric in (
        SetMetric("fid", "FID", 2),
        SetMetric("patch_fid", "patch-FID", 2),
        SetMetric("kid", "KID", 5),
        SetMetric("kid_std", "KID, deviation", 5),
        SetMetric("feature_distance", "feature distance", 4),
        SetMetric("kernel_distance", "kernel distance", 6),
        SetMetric("high_quality", "share of good pictures", 3, higher_is_better=True),
        SetMetric("modes_covered", "modes covered", 0, higher_is_better=True),
        SetMetric("mode_total_variation", "modes, total variation", 3),
        SetMetric("mode_reverse_kl", "modes, reverse KL", 3),
    )
}
"""In the order of tables."""


@dataclasses.dataclass(frozen=True)
class SetFeatures:
    """What the metrics need to know of a set.

    Attributes:
        features: float32 [n, d] of the pictures squashed to 299x299, in order of their names.
        moments: of these.
        patch_moments: of the features of patches at full resolution, where there are patches.
    """

    features: np.ndarray
    moments: Moments
    patch_moments: Moments | None = None


def inception_on_devices(
    params: Params, *, per_device: int = 8, devices: Sequence[jax.Device] | None = None
) -> OnDevices:
    """Inception, for pictures unit [n, 299, 299, 3] to features [n, 2048]; for several sets.

    Args:
        params: of `load_inception`.
        per_device, devices: see `OnDevices`.
    """

    def features(params: Params, images: jax.Array) -> jax.Array:
        return cast(jax.Array, InceptionPool3().apply({"params": params}, images))

    return OnDevices(features, params, per_device=per_device, devices=devices)


class PictureSet:
    """Takes in the pictures of a set one by one, of whatever sizes.

    The features of each are kept, for KID: 8 kB of Inception's. All else is running sums. Where
    several processes share the work, each adds pictures of its own.
    """

    def __init__(
        self,
        network: OnDevices,
        *,
        dimensions: int = FEATURES,
        patches: int = PATCHES,
        seed: int = 0,
    ):
        """An empty set.

        Args:
            network: of `inception_on_devices`, or another one: then no score may be called FID or
                KID.
            dimensions: of the network's features.
            patches: of each picture.
            seed: of their places, which are the same for pictures of one name and size.
        """
        self._network, self._dimensions = network, dimensions
        self._patches, self._seed = patches, seed
        self._names: list[str] = []
        self._features: list[np.ndarray] = []
        self._patch_moments = RunningMoments(dimensions)
        self._waiting: list[np.ndarray] = []
        self._waiting_are_patches: list[bool] = []

    def add(self, name: str, picture: np.ndarray) -> None:
        """Takes a picture, uint8 or unit [h, w, 3]; its name is to be unique in the set."""
        patches = cut_patches(picture, name, self._patches, self._seed)
        squares = np.concatenate([resize_for_inception(picture)[None], patches])
        if picture.dtype == np.uint8:
            squares /= 255
        self._names.append(name)
        self._waiting += list(squares)
        self._waiting_are_patches += [False] + [True] * len(patches)
        while len(self._waiting) >= self._network.batch_size:
            self._run(self._network.batch_size)

    def gather(self) -> SetFeatures:
        """What all pictures so far, of all processes, amount to; all processes must ask."""
        if self._waiting:
            self._run(len(self._waiting))
        features = self._gather_features()
        moments = RunningMoments(self._dimensions)
        for start in range(0, len(features), BLOCK):
            moments.add(features[start : start + BLOCK])
        return SetFeatures(features, moments.moments(), self._patch_moments.moments().gather())

    def _run(self, count: int) -> None:
        features = self._network(np.stack(self._waiting[:count]))
        patches = np.array(self._waiting_are_patches[:count])
        self._features.append(features[~patches])
        self._patch_moments.add(features[patches])
        del self._waiting[:count], self._waiting_are_patches[:count]

    def _gather_features(self) -> np.ndarray:
        own = np.concatenate([np.zeros((0, self._dimensions), np.float32), *self._features])
        names = [
            n for part in gather_bytes(json.dumps(self._names).encode()) for n in json.loads(part)
        ]
        rows = np.frombuffer(b"".join(gather_bytes(own.tobytes())), np.float32)
        return rows.reshape(-1, self._dimensions)[np.argsort(names, kind="stable")]


def set_scores(
    pictures: SetFeatures, references: SetFeatures, *, seed: int = 0
) -> dict[str, float]:
    """The scores of a set by the names in `SET_METRICS`; `kid_std` is NaN for small sets.

    Sets without patches have no patch-FID.

    Args:
        pictures: of `PictureSet.gather`.
        references: likewise.
        seed: of KID's subsets.

    Raises:
        UserError: there are fewer than two pictures in a set.
    """
    fewest = min(len(pictures.features), len(references.features))
    if fewest < 2:
        raise UserError(f"FID and KID compare sets of two pictures or more; there is {fewest}")
    distance = kid(pictures.features, references.features, seed=seed)
    scores = {"fid": frechet_distance(pictures.moments, references.moments)}
    if pictures.patch_moments and references.patch_moments:
        scores["patch_fid"] = frechet_distance(pictures.patch_moments, references.patch_moments)
    return {**scores, "kid": distance.mean, "kid_std": distance.std}


def small_set_notes(pictures: SetFeatures, references: SetFeatures) -> list[str]:
    """What is to be said beside the scores of sets too small for them; empty for large ones."""
    photos = min(len(each.features) for each in (pictures, references))
    counts = [("FID", photos, "pictures")]
    if pictures.patch_moments and references.patch_moments:
        patches = min(each.count for each in (pictures.patch_moments, references.patch_moments))
        counts.append(("Patch-FID", patches, "patches"))
    notes = [
        f"{metric} of {count:,} {what}: fewer than its {FEATURES:,} dimensions, so that its "
        "covariance is singular and it is biased; compare it only with scores of equally many."
        for metric, count, what in counts
        if count < FEATURES
    ]
    if photos < SUBSET_SIZE:
        notes.append(
            f"KID of {photos:,} pictures: fewer than a subset of {SUBSET_SIZE:,}, so it is that of "
            "all at once, without a deviation."
        )
    return notes
