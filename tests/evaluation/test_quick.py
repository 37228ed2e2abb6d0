import jax.numpy as jnp
import numpy as np
import pytest

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.pairs import Pair
from cinegan_jax.data.transforms import centre_crop
from cinegan_jax.evaluation.quick import QuickEvaluator


@pytest.fixture
def pairs(rng: np.random.Generator) -> list[Pair]:
    photos = [rng.integers(0, 200, (24 + i, 40, 3), dtype=np.uint8) for i in range(3)]
    return [Pair(str(i), p, p + np.uint8(50), p + np.uint8(10)) for i, p in enumerate(photos)]


def test_scores_have_closed_forms(pairs: list[Pair]) -> None:
    scores = dict(QuickEvaluator(pairs, 16)(lambda photos: photos))
    assert scores.keys() == {"psnr", "delta_e", "psnr_clean", "delta_e_clean"}
    assert scores["psnr"] == pytest.approx(20 * np.log10(255 / 50), abs=1e-3)
    assert scores["psnr_clean"] == pytest.approx(20 * np.log10(255 / 10), abs=1e-3)
    assert scores["delta_e_clean"] < scores["delta_e"]


def test_the_generator_gets_one_batch_of_squashed_images(pairs: list[Pair]) -> None:
    shapes = []

    def generate(photos: np.ndarray) -> np.ndarray:
        shapes.append((photos.shape, photos.dtype))
        return photos + jnp.uint8(50)

    scores = dict(QuickEvaluator(pairs, 16)(generate))
    assert shapes == [((3, 16, 16, 3), jnp.uint8)]
    assert scores["delta_e"] == pytest.approx(0, abs=1e-3)


def test_the_clean_target_is_left_out_unless_all_pairs_have_one(pairs: list[Pair]) -> None:
    pairs[1] = pairs[1]._replace(clean=None)
    evaluator = QuickEvaluator(pairs, 16)
    assert evaluator.clean is None
    assert [name for name, _ in evaluator(lambda photos: photos)] == ["psnr", "delta_e"]


def test_no_pairs_is_an_error() -> None:
    with pytest.raises(UserError, match="no held-out pair"):
        QuickEvaluator([], 16)


def test_centre_crops_keep_pixels_as_they_are(rng: np.random.Generator) -> None:
    photos = [rng.integers(0, 256, shape, np.uint8) for shape in ((21, 40, 3), (33, 16, 3))]
    pairs = [Pair(str(n), photo, 255 - photo) for n, photo in enumerate(photos)]
    evaluator = QuickEvaluator(pairs, 16, centre_crop)
    np.testing.assert_array_equal(evaluator.inputs[0], photos[0][2:18, 12:28])
    np.testing.assert_array_equal(evaluator.inputs[1], photos[1][8:24])
    np.testing.assert_array_equal(evaluator.targets[1], 255 - photos[1][8:24])
