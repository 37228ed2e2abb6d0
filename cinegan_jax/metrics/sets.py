"""FID, KID and patch-FID: sets of images against sets of images, in Inception's features.

Patch-FID compares squares of photos at full resolution and sees what squashing hides. Sets of
photos are compared by patches in HiFiC (Mentzer, Toderici, Tschannen and Agustsson, arXiv
2006.09965) and in any-resolution training (Chai et al., arXiv 2204.07156). Here the squares have
the 299 pixels of Inception's input, so that nothing is resized.
"""

import dataclasses
import json
import zlib
from collections.abc import Sequence
from typing import cast

import jax
import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.types import Params
from cinegan_jax.metrics.devices import OnDevices, gather_bytes
from cinegan_jax.metrics.set_distances import SUBSET_SIZE, frechet_distance, kid
from cinegan_jax.metrics.streaming import BLOCK, Moments, RunningMoments
from cinegan_jax.nets.inception import FEATURES, INPUT_SIZE, InceptionPool3, resize_for_inception

_PATCHES = 4
"""Patches of each image, for patch-FID."""


@dataclasses.dataclass(frozen=True)
class SetFeatures:
    """Features of a set of images, and their moments.

    Attributes:
        features: float32 [n, d] of the images squashed to 299x299, in order of their names.
        moments: of these features.
        patch_moments: of the features of patches at full resolution, where there are patches.
    """

    features: np.ndarray
    moments: Moments
    patch_moments: Moments | None = None


def inception_on_devices(
    params: Params, *, per_device: int = 8, devices: Sequence[jax.Device] | None = None
) -> OnDevices:
    """Return Inception, which maps images unit [n, 299, 299, 3] to features [n, 2048].

    Args:
        params: see `load_inception`.
        per_device, devices: see `OnDevices`.
    """

    def features(params: Params, images: jax.Array) -> jax.Array:
        return cast(jax.Array, InceptionPool3().apply({"params": params}, images))

    return OnDevices(features, params, per_device=per_device, devices=devices)


class ImageSet:
    """A set of images of any sizes, added one by one.

    The features of each image are kept, for KID: 8 kB of Inception's. All else is running sums.
    Where several processes share the work, each adds images of its own.
    """

    def __init__(
        self,
        network: OnDevices,
        *,
        dimensions: int = FEATURES,
        patches: int = _PATCHES,
        seed: int = 0,
    ):
        """Create an empty set.

        Args:
            network: see `inception_on_devices`. With another network, no score may be called FID
                or KID.
            dimensions: of the network's features.
            patches: of each image.
            seed: of their places, which are the same for images of one name and size.
        """
        self._network, self._dimensions = network, dimensions
        self._patches, self._seed = patches, seed
        self._names: list[str] = []
        self._features: list[np.ndarray] = []
        self._patch_moments = RunningMoments(dimensions)
        self._waiting: list[np.ndarray] = []
        self._waiting_are_patches: list[bool] = []

    def add(self, name: str, image: np.ndarray) -> None:
        """Add an image, uint8 or unit [h, w, 3], whose name must be unique in the set."""
        patches = cut_patches(image, name, self._patches, self._seed)
        squares = np.concatenate([resize_for_inception(image)[None], patches])
        if image.dtype == np.uint8:
            squares /= 255
        self._names.append(name)
        self._waiting += list(squares)
        self._waiting_are_patches += [False] + [True] * len(patches)
        while len(self._waiting) >= self._network.batch_size:
            self._run(self._network.batch_size)

    def gather(self) -> SetFeatures:
        """Return the features of the images of all processes; all must call it together."""
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


def set_scores(images: SetFeatures, references: SetFeatures, *, seed: int = 0) -> dict[str, float]:
    """Compute the scores of a set by the names in `SET_METRICS`; `kid_std` is NaN for small sets.

    Sets without patches have no patch-FID.

    Args:
        images: see `ImageSet.gather`.
        references: likewise.
        seed: of KID's subsets.

    Raises:
        UserError: a set has fewer than two images.
    """
    fewest = min(len(images.features), len(references.features))
    if fewest < 2:
        raise UserError(f"FID and KID compare sets of two or more images, got {fewest}")
    distance = kid(images.features, references.features, seed=seed)
    scores = {"fid": frechet_distance(images.moments, references.moments)}
    if images.patch_moments and references.patch_moments:
        scores["patch_fid"] = frechet_distance(images.patch_moments, references.patch_moments)
    return {**scores, "kid": distance.mean, "kid_std": distance.std}


def small_set_notes(images: SetFeatures, references: SetFeatures) -> list[str]:
    """Return remarks on the scores of sets that are too small for them; empty for large sets."""
    photos = min(len(each.features) for each in (images, references))
    counts = [("FID", photos, "images")]
    if images.patch_moments and references.patch_moments:
        patches = min(each.count for each in (images.patch_moments, references.patch_moments))
        counts.append(("Patch-FID", patches, "patches"))
    notes = [
        f"{metric} of {count:,} {what}: fewer than its {FEATURES:,} dimensions. Its covariance is "
        "singular and it is biased; compare it only with scores of equally many."
        for metric, count, what in counts
        if count < FEATURES
    ]
    if photos < SUBSET_SIZE:
        notes.append(
            f"KID of {photos:,} images: fewer than a subset of {SUBSET_SIZE:,}. It is computed "
            "from all images at once and has no deviation."
        )
    return notes


def cut_patches(photo: np.ndarray, name: str, count: int, seed: int = 0) -> np.ndarray:
    """Cut squares of 299x299 pixels at places that depend on name, size and seed alone.

    The squares are the same in all versions of one photo, on any device or host. They may overlap.
    In a photo with a side below 299 they are squares of that side, enlarged.

    Args:
        photo: unit or uint8 [h, w, 3].
        name: of the photo.
        count: number of squares.
        seed: of the places.

    Returns:
        float32 [count, 299, 299, 3] in the range of the photo.
    """
    height, width = photo.shape[:2]
    side = min(INPUT_SIZE, height, width)
    draw = np.random.default_rng([seed, zlib.crc32(name.encode())])
    tops = draw.integers(0, height - side + 1, count)
    lefts = draw.integers(0, width - side + 1, count)
    squares = [
        photo[top : top + side, left : left + side] for top, left in zip(tops, lefts, strict=True)
    ]
    return np.asarray(resize_for_inception(np.stack(squares)))
