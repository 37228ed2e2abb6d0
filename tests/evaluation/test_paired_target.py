import weakref
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import pytest
from listed_pairs import ListedPairs
from scipy.interpolate import RegularGridInterpolator
from several_processes import in_processes

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.examples import BrokenExample
from cinegan_jax.data.pairs import Pair, PairSource
from cinegan_jax.evaluation.methods import PairMethod, lut_generate, photo_method, unchanged
from cinegan_jax.evaluation.paired_target import score_pairs
from cinegan_jax.evaluation.result import About, Evaluation
from cinegan_jax.evaluation.scope import Prepare, Scope
from cinegan_jax.evaluation.scoring import SetScorer
from cinegan_jax.metrics.devices import OnDevices
from cinegan_jax.metrics.set_distances import frechet_distance
from cinegan_jax.metrics.streaming import Moments

SIZE = 32
ABOUT = About("run", "pairs", "Look")


def _photo(
    rng: np.random.Generator, height: int = 24, width: int = 40, high: int = 200
) -> np.ndarray:
    return rng.integers(0, high, (height, width, 3), dtype=np.uint8)


def _evaluate(
    pairs: PairSource,
    methods: Mapping[str, PairMethod] | None = None,
    devices: int = 1,
    sets: SetScorer | None = None,
    **scope: Any,
) -> Evaluation:
    methods = methods or {"input": unchanged}
    scope = {"size": SIZE, "metrics": ("psnr", "ssim", "delta_e_76")} | scope
    return score_pairs(
        pairs, methods, ABOUT, Scope(**scope), sets, devices=jax.local_devices()[:devices]
    )


def _mean(evaluation: Evaluation, metric: str = "psnr", **fields: str) -> float:
    (summary,) = evaluation.summaries(metric=metric, **fields)
    return summary.mean


def test_each_photo_has_the_score_of_a_closed_form(
    rng: np.random.Generator, listed_pairs: type[ListedPairs]
) -> None:
    """Offsets of 10 and 50 levels: the mean of two PSNRs is not the PSNR of the mean error."""
    photos = {10: _photo(rng), 50: _photo(rng, 70, 20)}
    pairs = [Pair(str(k), photo, photo + np.uint8(k)) for k, photo in photos.items()]
    evaluation = _evaluate(listed_pairs(pairs))
    expected = {str(k): pytest.approx(20 * np.log10(255 / k), abs=1e-3) for k in photos}
    for protocol in ("filmnet", "native"):
        scores = {s.name: s.scores["psnr"] for s in evaluation.select(protocol=protocol)}
        assert scores == expected
        mean = 20 * np.log10(255 / np.array([10, 50])).mean()
        assert _mean(evaluation, protocol=protocol) == pytest.approx(mean, abs=1e-3)


def test_an_identity_generator_scores_as_the_input(
    rng: np.random.Generator, listed_pairs: type[ListedPairs]
) -> None:
    pairs = listed_pairs([Pair(str(i), _photo(rng), _photo(rng)) for i in range(2)])
    methods = {"input": unchanged, "generator": photo_method(lambda photo: photo)}
    evaluation = _evaluate(pairs, methods)
    given, made = (evaluation.select(method=method) for method in methods)
    assert len(given) == 4
    assert [score.scores for score in made] == [score.scores for score in given]


def test_a_generator_that_is_a_lut_scores_as_that_lut(
    rng: np.random.Generator, listed_pairs: type[ListedPairs]
) -> None:
    lut = rng.random((5, 5, 5, 3))
    interpolate = RegularGridInterpolator([np.linspace(0, 1, 5)] * 3, lut)

    def generate(photo: np.ndarray) -> np.ndarray:
        return np.rint(255 * interpolate(photo / 255)).astype(np.uint8)

    methods = {"lut": photo_method(lut_generate(lut)), "generator": photo_method(generate)}
    pairs = listed_pairs([Pair("one", _photo(rng), _photo(rng))])
    evaluation = _evaluate(pairs, methods)
    for protocol in ("filmnet", "native"):
        for metric, tolerance in (("psnr", 1e-2), ("ssim", 1e-3), ("delta_e_76", 2e-2)):
            ours = _mean(evaluation, metric, protocol=protocol, method="lut")
            theirs = _mean(evaluation, metric, protocol=protocol, method="generator")
            assert ours == pytest.approx(theirs, abs=tolerance)


def test_the_clean_target_is_scored_where_it_is_known(
    rng: np.random.Generator, listed_pairs: type[ListedPairs]
) -> None:
    photo = _photo(rng)
    pairs = [
        Pair("known", photo, photo + np.uint8(50), photo + np.uint8(10)),
        Pair("unknown", photo, photo + np.uint8(50)),
    ]
    evaluation = _evaluate(listed_pairs(pairs), protocols=("native",))
    (clean,) = evaluation.select(reference="clean")
    assert clean.name == "known"
    assert clean.scores["psnr"] == pytest.approx(20 * np.log10(255 / 10), abs=1e-3)
    assert len(evaluation.select(reference="target")) == 2


def test_pairs_that_cannot_be_scored_are_named_and_skipped(
    rng: np.random.Generator, listed_pairs: type[ListedPairs]
) -> None:
    photo = _photo(rng)
    pairs = [
        BrokenExample("torn.png", "truncated"),
        Pair("whole.png", photo, photo + np.uint8(10)),
        Pair("tiny.png", photo[:10], photo[:10]),
    ]
    evaluation = _evaluate(listed_pairs(pairs))
    assert evaluation.skipped["torn.png"] == "truncated"
    assert "11x11" in evaluation.skipped["tiny.png"]
    assert {score.name for score in evaluation.photos} == {"whole.png"}


def test_a_method_without_an_image_leaves_the_pair_out_for_all(
    rng: np.random.Generator, listed_pairs: type[ListedPairs]
) -> None:
    photo = _photo(rng)

    def generate(pair: Pair, prepare: Prepare) -> np.ndarray:
        if pair.name == "b":
            raise BrokenExample("b", "there is no result")
        return pair.input

    pairs = listed_pairs([Pair(name, photo, photo) for name in "abc"])
    evaluation = _evaluate(pairs, {"input": unchanged, "generator": generate})
    assert {score.name for score in evaluation.photos} == {"a", "c"}
    assert evaluation.skipped == {"b": "there is no result"}


def test_no_pair_to_score_is_an_error_that_names_them(listed_pairs: type[ListedPairs]) -> None:
    with pytest.raises(UserError, match=r"torn\.png.*truncated"):
        _evaluate(listed_pairs([BrokenExample("torn.png", "truncated")]))


def test_an_unknown_protocol_is_an_error_that_lists_them(
    rng: np.random.Generator, listed_pairs: type[ListedPairs]
) -> None:
    pairs = listed_pairs([Pair("one", _photo(rng), _photo(rng))])
    with pytest.raises(UserError, match="'square' is not one of filmnet, native"):
        _evaluate(pairs, protocols=("square",))


def test_the_squashed_protocol_squashes_before_the_generator_runs(
    rng: np.random.Generator, listed_pairs: type[ListedPairs]
) -> None:
    seen = []

    def generate(photo: np.ndarray) -> np.ndarray:
        seen.append(photo.shape)
        return photo

    pairs = listed_pairs([Pair("one", _photo(rng), _photo(rng))])
    _evaluate(pairs, {"generator": photo_method(generate)})
    assert seen == [(SIZE, SIZE, 3), (24, 40, 3)]


def test_a_limit_takes_pairs_from_all_over_the_split(
    rng: np.random.Generator, listed_pairs: type[ListedPairs]
) -> None:
    pairs = listed_pairs([Pair(str(i), _photo(rng), _photo(rng)) for i in range(9)])

    def names(limit: int) -> list[str]:
        evaluation = _evaluate(pairs, protocols=("native",), limit=limit)
        return [score.name for score in evaluation.photos]

    assert names(3) == ["0", "3", "6"]
    assert names(20) == [str(i) for i in range(9)]


def test_pairs_are_not_kept(rng: np.random.Generator) -> None:
    read, alive = [], []

    class Source:
        names = tuple(map(str, range(20)))

        def __len__(self) -> int:
            return len(self.names)

        def __getitem__(self, index: int) -> Pair:
            alive.append(sum(photo() is not None for photo in read))
            pair = Pair(str(index), _photo(rng), _photo(rng))
            read.append(weakref.ref(pair.input))
            return pair

    _evaluate(Source(), protocols=("native",), devices=2)
    assert len(alive) == 20
    assert max(alive) <= 3  # one for each device, and what is just being dropped


def test_several_devices_find_what_one_does(
    rng: np.random.Generator, listed_pairs: type[ListedPairs]
) -> None:
    pairs = listed_pairs([Pair(str(i), _photo(rng), _photo(rng)) for i in range(5)])
    alone, together = (_evaluate(pairs, protocols=("native",), devices=n) for n in (1, 2))
    assert together == alone
    assert [score.name for score in together.photos] == list("01234")


def evaluated() -> tuple[list[Any], Mapping[str, str]]:
    """Evaluate five pairs and a broken one on all processes: scores and skipped pairs."""
    rng = np.random.default_rng(6)
    pairs = [Pair(str(i), _photo(rng), _photo(rng)) for i in range(5)]
    found = _evaluate(
        ListedPairs([*pairs, BrokenExample("torn", "truncated")]), protocols=("native",)
    )
    return [(score.name, score.scores) for score in found.photos], found.skipped


def test_two_processes_find_what_one_does() -> None:
    alone = evaluated()
    assert [name for name, _ in alone[0]] == list("01234")
    assert in_processes(evaluated, devices=1) == [alone, alone]


class TestSets:
    """Colours' means stand for the network's features: the sets' parts are tested on their own."""

    def _sets(self, methods: Mapping[str, PairMethod]) -> SetScorer:
        network = OnDevices(lambda _, images: images.mean((1, 2)), devices=jax.local_devices()[:1])
        return SetScorer(network, ("native",), methods, dimensions=3)

    def _pairs(self, rng: np.random.Generator, known: int = 3) -> list[Pair]:
        pairs = []
        for i in range(3):
            photo = _photo(rng, 299, 299, high=60 * (i + 1))
            pairs.append(Pair(str(i), photo, photo + np.uint8(50), photo + np.uint8(9)))
            if i >= known:
                pairs[-1] = pairs[-1]._replace(clean=None)
        return pairs

    def test_each_method_is_compared_with_each_reference(
        self, rng: np.random.Generator, listed_pairs: type[ListedPairs]
    ) -> None:
        pairs = self._pairs(rng)
        methods = {
            "input": unchanged,
            "generator": photo_method(lambda photo: photo + np.uint8(50)),
        }
        found = _evaluate(
            listed_pairs(pairs), methods, sets=self._sets(methods), protocols=("native",)
        )
        fid = {(score.reference, score.method): score.scores["fid"] for score in found.sets}
        assert fid["target", "generator"] == pytest.approx(0, abs=1e-6)
        means = {
            side: np.stack([getattr(pair, side).mean((0, 1)) / 255 for pair in pairs])
            for side in ("input", "clean")
        }
        expected = frechet_distance(Moments.of(means["input"]), Moments.of(means["clean"]))
        assert fid["clean", "input"] == pytest.approx(expected, rel=1e-3)
        assert all(score.photos == 3 and score.notes for score in found.sets)

    def test_a_reference_that_some_photos_lack_is_left_out(
        self, rng: np.random.Generator, listed_pairs: type[ListedPairs]
    ) -> None:
        methods = {"input": unchanged}
        pairs = listed_pairs(self._pairs(rng, known=2))
        found = _evaluate(pairs, methods, sets=self._sets(methods), protocols=("native",))
        assert [score.reference for score in found.sets] == ["target"]
