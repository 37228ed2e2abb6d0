import weakref
from functools import partial

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from cinegan_jax.data.pairs import BrokenPair, Pair
from cinegan_jax.errors import UserError
from cinegan_jax.evaluation import baselines
from cinegan_jax.evaluation import evaluate as module
from cinegan_jax.evaluation.baselines import fit_lut_baseline, lut_generate
from cinegan_jax.evaluation.evaluate import evaluate, score_methods
from cinegan_jax.evaluation.result import Score
from cinegan_jax.ops.lut import fit_lut

SIZE = 32


def _photo(rng, height=24, width=40, high=200):
    return rng.integers(0, high, (height, width, 3), dtype=np.uint8)


def _identity(photo):
    return photo


@pytest.fixture
def coarse_lut(monkeypatch):
    """A small LUT fitted to few pixels, which is quick."""
    monkeypatch.setattr(baselines, "fit_lut", partial(fit_lut, size=5))
    monkeypatch.setattr(module, "fit_lut_baseline", partial(fit_lut_baseline, pixels=1000))


def _one(evaluation, **fields) -> Score:
    (score,) = evaluation.select(**fields)
    return score


def test_scores_are_means_over_pictures_of_closed_forms(rng, listed_pairs):
    """Offsets of 10 and 50 levels: the mean of two PSNRs is not the PSNR of the mean error."""
    photos = {10: _photo(rng), 50: _photo(rng, 70, 20)}
    pairs = [Pair(str(k), photo, photo + np.uint8(k)) for k, photo in photos.items()]
    evaluation = score_methods(listed_pairs(pairs), {"input": _identity}, SIZE)
    expected = 20 * np.log10(255 / np.array([10, 50])).mean()
    for protocol in ("filmnet", "native"):
        score = _one(evaluation, protocol=protocol)
        assert score.pictures == 2
        assert score.psnr == pytest.approx(expected, abs=1e-3)


def test_an_identity_generator_scores_as_the_input(rng, listed_pairs, coarse_lut):
    pairs = listed_pairs([Pair(str(i), _photo(rng), _photo(rng)) for i in range(2)])
    evaluation = evaluate(pairs, pairs, _identity, size=SIZE)
    for protocol in ("filmnet", "native"):
        given = _one(evaluation, protocol=protocol, method="input")
        made = _one(evaluation, protocol=protocol, method="generator")
        assert (made.psnr, made.ssim, made.delta_e) == (given.psnr, given.ssim, given.delta_e)


def test_a_generator_that_is_a_lut_scores_as_that_lut(rng, listed_pairs):
    lut = rng.random((5, 5, 5, 3))
    interpolate = RegularGridInterpolator([np.linspace(0, 1, 5)] * 3, lut)

    def generate(photo):
        return np.rint(255 * interpolate(photo / 255)).astype(np.uint8)

    methods = {"lut": lut_generate(lut), "generator": generate}
    pairs = listed_pairs([Pair("one", _photo(rng), _photo(rng))])
    evaluation = score_methods(pairs, methods, SIZE)
    for protocol in ("filmnet", "native"):
        ours = _one(evaluation, protocol=protocol, method="lut")
        theirs = _one(evaluation, protocol=protocol, method="generator")
        assert ours.psnr == pytest.approx(theirs.psnr, abs=1e-2)
        assert ours.ssim == pytest.approx(theirs.ssim, abs=1e-3)
        assert ours.delta_e == pytest.approx(theirs.delta_e, abs=2e-2)


def test_without_a_generator_only_the_baselines_are_scored(rng, listed_pairs, coarse_lut):
    pairs = listed_pairs([Pair("one", _photo(rng), _photo(rng))])
    evaluation = evaluate(pairs, pairs, None, size=SIZE)
    assert [score.method for score in evaluation.select(protocol="native")] == ["input", "lut"]


def test_the_clean_target_is_scored_where_it_is_known(rng, listed_pairs):
    photo = _photo(rng)
    pairs = [
        Pair("known", photo, photo + np.uint8(50), photo + np.uint8(10)),
        Pair("unknown", photo, photo + np.uint8(50)),
    ]
    evaluation = score_methods(listed_pairs(pairs), {"input": _identity}, SIZE)
    clean = _one(evaluation, protocol="native", reference="clean")
    assert clean.pictures == 1
    assert clean.psnr == pytest.approx(20 * np.log10(255 / 10), abs=1e-3)
    assert _one(evaluation, protocol="native", reference="target").pictures == 2


def test_pairs_that_cannot_be_scored_are_named_and_skipped(rng, listed_pairs):
    photo = _photo(rng)
    pairs = [
        BrokenPair("torn.png", "truncated"),
        Pair("whole.png", photo, photo + np.uint8(10)),
        Pair("tiny.png", photo[:10], photo[:10]),
    ]
    evaluation = score_methods(listed_pairs(pairs), {"input": _identity}, SIZE)
    assert evaluation.skipped["torn.png"] == "truncated"
    assert "11x11" in evaluation.skipped["tiny.png"]
    assert all(score.pictures == 1 for score in evaluation.scores)


def test_no_pair_to_score_is_an_error_that_names_them(listed_pairs):
    pairs = listed_pairs([BrokenPair("torn.png", "truncated")])
    with pytest.raises(UserError, match=r"torn\.png.*truncated"):
        score_methods(pairs, {"input": _identity}, SIZE)


def test_the_squashed_protocol_squashes_before_the_generator_runs(rng, listed_pairs):
    seen = []

    def generate(photo):
        seen.append(photo.shape)
        return photo

    score_methods(listed_pairs([Pair("one", _photo(rng), _photo(rng))]), {"input": generate}, SIZE)
    assert seen == [(SIZE, SIZE, 3), (24, 40, 3)]


def test_pairs_are_not_kept(rng):
    read, alive = [], []

    class Source:
        names = tuple(map(str, range(6)))

        def __len__(self):
            return len(self.names)

        def __getitem__(self, index):
            alive.append(sum(photo() is not None for photo in read))
            pair = Pair(str(index), _photo(rng), _photo(rng))
            read.append(weakref.ref(pair.input))
            return pair

    score_methods(Source(), {"input": _identity}, SIZE)
    assert len(alive) == 6
    assert max(alive) <= 1
