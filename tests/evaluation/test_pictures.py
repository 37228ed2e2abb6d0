import numpy as np
from skimage.color import deltaE_cie76, rgb2lab

from cinegan_jax.data.pairs import BrokenPair, Pair
from cinegan_jax.evaluation.methods import of_photo, unchanged
from cinegan_jax.evaluation.pictures import difference, make_pictures
from cinegan_jax.evaluation.protocols import as_stored, protocols


def test_a_picture_of_differences_is_delta_e_in_grey(rng):
    picture, reference = rng.integers(0, 256, (2, 20, 30, 3), dtype=np.uint8)
    picture[:10] = np.clip(reference[:10] + 3.0, 0, 255)
    shown = difference(picture, reference)
    expected = 255 * np.minimum(deltaE_cie76(rgb2lab(picture), rgb2lab(reference)) / 20, 1)
    assert shown.dtype == np.uint8
    np.testing.assert_allclose(shown, expected[..., None].repeat(3, -1), atol=0.6)
    assert not difference(picture, picture).any()


def test_pictures_are_made_for_the_names_that_are_asked_for(rng, listed_pairs):
    photos = rng.integers(0, 200, (3, 12, 16, 3), dtype=np.uint8)
    pairs = [Pair(n, p, p + np.uint8(5), None) for n, p in zip("abc", photos, strict=True)]
    pairs[1] = BrokenPair("b", "torn")
    methods = {"input": unchanged, "generator": of_photo(lambda photo: 255 - photo)}
    found = list(make_pictures(listed_pairs(pairs), methods, as_stored, ["c", "b", "a"]))
    assert [pictures.name for pictures in found] == ["c", "a"]
    np.testing.assert_array_equal(found[0].results["generator"], 255 - photos[2])
    np.testing.assert_array_equal(found[0].target, photos[2] + 5)
    assert found[0].clean is None


def test_pictures_are_prepared_by_the_protocol(rng, listed_pairs):
    photo = rng.integers(0, 200, (12, 16, 3), dtype=np.uint8)
    pairs = listed_pairs([Pair("a", photo, photo, photo)])
    squash = protocols(8)["filmnet"]
    (found,) = make_pictures(pairs, {"input": unchanged}, squash, ["a"])
    for picture in (found.photo, found.target, found.clean, found.results["input"]):
        assert picture.shape == (8, 8, 3)
