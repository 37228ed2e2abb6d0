"""Sets of images, against the metrics of their features all at once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import pytest
from several_processes import in_processes

from cinegan_jax.core.errors import UserError
from cinegan_jax.metrics.devices import OnDevices, own_indices
from cinegan_jax.metrics.registry import SET_METRICS
from cinegan_jax.metrics.set_distances import frechet_distance, kid
from cinegan_jax.metrics.sets import (
    ImageSet,
    SetFeatures,
    cut_patches,
    inception_on_devices,
    set_scores,
    small_set_notes,
)
from cinegan_jax.metrics.streaming import Moments
from cinegan_jax.nets.inception import InceptionPool3, inception_shapes, resize_for_inception

COUNT = 13


def blurred(_: None, images: Any) -> Any:
    """Twelve features, the means of four quarters: of numpy arrays in float64."""
    xp = images.__array_namespace__()
    kind = xp.float64 if xp is np else xp.float32
    halves = (slice(0, 150), slice(150, 299))
    means = [images[:, i, j].mean((1, 2), dtype=kind) for i in halves for j in halves]
    return xp.concatenate(means, -1)


def photos(noise: float) -> dict[str, np.ndarray]:
    """Unit images of many sizes by name, in no order of names."""
    rng = np.random.default_rng(2)
    sizes = rng.integers(290, 340, (COUNT, 2))
    images = {}
    for index, (height, width) in enumerate(sizes):
        slope = rng.uniform(0.1, 0.8, (1, 1, 3)) + np.linspace(0, 0.2, width)[None, :, None]
        images[f"{index * 7 % COUNT:02}"] = np.repeat(slope, height, 0).astype(np.float32)
    other = np.random.default_rng(3)
    return {
        name: np.clip(image + noise * other.normal(size=(1, 1, 3)), 0, 1).astype(np.float32)
        for name, image in images.items()
    }


def gathered(
    images: Mapping[str, np.ndarray], devices: Sequence[jax.Device] | None = None, seed: int = 0
) -> SetFeatures:
    network = OnDevices(blurred, per_device=3, devices=devices)
    images_set = ImageSet(network, dimensions=12, patches=2, seed=seed)
    for name, image in images.items():
        images_set.add(name, image)
    return images_set.gather()


@pytest.fixture(scope="module")
def sets() -> tuple[SetFeatures, SetFeatures]:
    return gathered(photos(0.2)), gathered(photos(0))


def test_scores_are_those_of_all_features_at_once(sets: tuple[SetFeatures, SetFeatures]) -> None:
    whole, patches = [], []
    for images in (photos(0.2), photos(0)):
        ordered = sorted(images.items())
        whole.append(blurred(None, np.stack([resize_for_inception(image) for _, image in ordered])))
        cut = [cut_patches(image, name, 2) for name, image in ordered]
        patches.append(blurred(None, np.concatenate(cut)))
    expected = {
        "fid": frechet_distance(*map(Moments.of, whole)),
        "patch_fid": frechet_distance(*map(Moments.of, patches)),
        "kid": kid(*whole).mean,
    }
    scores = set_scores(*sets)
    assert list(scores) == [name for name in SET_METRICS if name in scores]
    assert np.isnan(scores.pop("kid_std"))
    assert scores == pytest.approx(expected, rel=1e-4)
    bare = [SetFeatures(each.features, each.moments) for each in sets]
    del expected["patch_fid"]
    assert set_scores(*bare) == pytest.approx(
        {**expected, "kid_std": np.nan}, nan_ok=True, rel=1e-4
    )
    assert min(map(abs, scores.values())) > 1e-2


def test_features_are_in_order_of_names(sets: tuple[SetFeatures, SetFeatures]) -> None:
    ordered = np.stack([resize_for_inception(image) for _, image in sorted(photos(0).items())])
    np.testing.assert_allclose(sets[1].features, blurred(None, ordered), atol=1e-6)
    assert sets[1].patch_moments.count == 2 * COUNT


def test_one_device_finds_what_eight_find(sets: tuple[SetFeatures, SetFeatures]) -> None:
    one = gathered(photos(0.2), jax.devices()[:1])
    np.testing.assert_array_equal(one.features, sets[0].features)
    np.testing.assert_allclose(one.patch_moments.scatter, sets[0].patch_moments.scatter, atol=1e-6)


def test_levels_are_taken_as_unit_images() -> None:
    levels = {name: np.round(255 * p).astype(np.uint8) for name, p in photos(0.2).items()}
    unit = gathered({name: (p / 255).astype(np.float32) for name, p in levels.items()})
    np.testing.assert_allclose(gathered(levels).features, unit.features, atol=1e-6)


def test_a_set_has_no_distance_from_itself(sets: tuple[SetFeatures, SetFeatures]) -> None:
    scores = set_scores(sets[0], sets[0])
    assert scores["fid"] < 1e-9
    assert scores["patch_fid"] < 1e-9
    assert scores["kid"] <= 0


def of_size(count: int, patches: int) -> SetFeatures:
    features = np.zeros((count, 3), np.float32)
    return SetFeatures(features, Moments.of(features), Moments.of(np.zeros((patches, 3))))


def test_small_sets_are_named() -> None:
    assert small_set_notes(of_size(2048, 4096), of_size(3000, 4096)) == []
    fid, patch_fid, kid_note = small_set_notes(of_size(628, 5000), of_size(5000, 2047))
    assert "FID of 628 images" in fid
    assert "Patch-FID of 2,047 patches" in patch_fid
    assert "KID of 628 images: fewer than a subset of 1,000" in kid_note
    assert len(small_set_notes(of_size(1000, 2048), of_size(1000, 2048))) == 1


def test_sets_too_small_for_any_score(sets: tuple[SetFeatures, SetFeatures]) -> None:
    with pytest.raises(UserError, match="two or more images, got 1"):
        set_scores(of_size(1, 4), of_size(9, 36))
    assert len(gathered({}).features) == 0


def own_set() -> SetFeatures:
    """Gather, in one process, the features of every other photo."""
    named = list(photos(0.2).items())
    return gathered({named[i][0]: named[i][1] for i in own_indices(COUNT)})


@pytest.mark.slow
def test_two_processes_find_what_one_finds(sets: tuple[SetFeatures, SetFeatures]) -> None:
    for found in in_processes(own_set):
        np.testing.assert_array_equal(found.features, sets[0].features)
        np.testing.assert_array_equal(found.moments.scatter, sets[0].moments.scatter)
        scatter = found.patch_moments.scatter
        np.testing.assert_allclose(scatter, sets[0].patch_moments.scatter, rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_inception_on_eight_devices_gives_the_features_of_one(
    random_params: Callable[..., Any], rng: np.random.Generator
) -> None:
    params = random_params(InceptionPool3(), np.zeros((1, 299, 299, 3), np.float32))
    assert len(jax.tree.leaves(params)) == len(inception_shapes())
    images = rng.uniform(size=(9, 299, 299, 3)).astype(np.float32)
    got = inception_on_devices(params, per_device=1)(images)
    expected = inception_on_devices(params, per_device=1, devices=jax.devices()[:1])(images)
    assert got.shape == (9, 2048)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5 * expected.std())
