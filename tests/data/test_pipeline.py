"""Training batches: order, shares of processes, crops, resuming, and broken pairs."""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.examples import BrokenExample
from cinegan_jax.data.pairs import Pair
from cinegan_jax.data.pipeline import TrainBatches, train_batches


class Numbered:
    """Pairs whose pixels say which pair and which place they are: red number, green y, blue x.

    The target is the input's negative.
    """

    kind = "pairs"

    def __init__(
        self, count: int, height: int = 6, width: int = 8, broken: Iterable[int] = ()
    ) -> None:
        self.names = [f"p{i}" for i in range(count)]
        self._shape, self._broken = (height, width), set(broken)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Pair:
        if index in self._broken:
            raise BrokenExample(self.names[index], "damaged")
        y, x = np.indices(self._shape)
        photo = np.stack([np.full_like(y, index), y, x], axis=-1).astype(np.uint8)
        return Pair(self.names[index], photo, 255 - photo)


class Loader(NamedTuple):
    """Arguments of train_batches that matter little to a test."""

    size: int = 4
    crop: str = "crop"
    batch_size: int = 2
    seed: int = 0
    threads: int = 2

    def open(self, source: Any, **arguments: Any) -> TrainBatches:
        return train_batches(source, **{**self._asdict(), **arguments})


LOADER = Loader()


def _numbers(batch: Mapping[str, np.ndarray]) -> list[int]:
    return batch["input"][:, 0, 0, 0].tolist()


def _take(batches: TrainBatches, count: int) -> list[list[int]]:
    taken = [_numbers(batch) for batch in itertools.islice(batches, count)]
    batches.close()
    return taken


@settings(max_examples=15, deadline=None)
@given(
    count=st.integers(4, 40),
    local=st.integers(1, 3),
    processes=st.sampled_from([1, 2, 4]),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_epoch_covers_each_pair_at_most_once_over_all_processes(
    count: int, local: int, processes: int, seed: int
) -> None:
    global_batch = local * processes
    if count < global_batch:
        count += global_batch
    source, steps = Numbered(count), count // global_batch
    shares = []
    for index in range(processes):
        batches = LOADER.open(
            source, batch_size=local, seed=seed, process_index=index, process_count=processes
        )
        assert batches.batches_per_epoch == steps
        shares.append(_take(batches, 2 * steps))
    for epoch in range(2):
        part = slice(epoch * steps, (epoch + 1) * steps)
        seen = [number for share in shares for batch in share[part] for number in batch]
        assert len(seen) == len(set(seen)) == steps * global_batch
        if count % global_batch == 0:
            assert set(seen) == set(range(count))


def test_order_changes_every_epoch_and_repeats_with_the_seed() -> None:
    epochs = [np.ravel(_take(LOADER.open(Numbered(30)), 45)).reshape(3, 30) for _ in range(2)]
    np.testing.assert_array_equal(*epochs)
    for first, second in itertools.combinations(epochs[0], 2):
        assert (first == second).mean() < 0.3
    other = np.ravel(_take(LOADER.open(Numbered(30), seed=1), 15))
    assert (other == epochs[0][0]).mean() < 0.3


def test_left_out_remainder_differs_between_epochs() -> None:
    taken = np.ravel(_take(LOADER.open(Numbered(9), batch_size=8), 12)).reshape(12, 8)
    assert len({tuple(sorted(epoch)) for epoch in taken}) > 1


def test_global_batches_do_not_depend_on_the_number_of_processes() -> None:
    source = Numbered(24)
    whole = next(LOADER.open(source, batch_size=8))
    shares = [
        next(LOADER.open(source, batch_size=2, process_index=i, process_count=4)) for i in range(4)
    ]
    for key in ("input", "target"):
        together = np.concatenate([share[key] for share in shares])
        np.testing.assert_array_equal(together, whole[key])


def test_both_images_get_the_same_crop_and_flip_and_all_occur() -> None:
    batches = LOADER.open(Numbered(64), batch_size=64)
    windows = set()
    for batch in itertools.islice(batches, 10):
        assert batch["input"].shape == batch["target"].shape == (64, 4, 4, 3)
        assert batch["input"].dtype == batch["target"].dtype == np.uint8
        np.testing.assert_array_equal(batch["target"], 255 - batch["input"])
        for image in batch["input"].astype(int):
            rows, columns = image[:, 0, 1], image[0, :, 2]
            assert (np.diff(rows) == 1).all()
            assert set(np.diff(columns)) in ({1}, {-1})
            windows.add((rows[0], columns.min(), columns[1] > columns[0]))
    batches.close()
    assert windows == set(itertools.product(range(3), range(5), (True, False)))


def test_squash_is_the_published_resize() -> None:
    batches = LOADER.open(Numbered(4, 6, 7), crop="squash", size=5, batch_size=4)
    y, x = np.indices((6, 7)).astype(np.float32)
    expected = jax.image.resize(np.stack([y, x]), (2, 5, 5), "bilinear", antialias=False)
    for image in next(batches)["input"].astype(float):
        np.testing.assert_allclose(image[..., 1], expected[0], atol=0.501)
        flipped = image[0, 0, 2] > image[0, -1, 2]
        columns = image[:, ::-1, 2] if flipped else image[..., 2]
        np.testing.assert_allclose(columns, expected[1], atol=0.501)
    batches.close()


@pytest.mark.parametrize("position", [0, 1, 7, 8, 13])
def test_resume_continues_byte_for_byte(position: int) -> None:
    first = LOADER.open(Numbered(17))
    for _ in range(position):
        next(first)
    state = first.get_state()
    second = LOADER.open(Numbered(17))
    next(second)
    second.set_state(state)
    for _ in range(20):
        expected, got = next(first), next(second)
        for key in expected:
            np.testing.assert_array_equal(got[key], expected[key])
    first.close()
    second.close()


def test_state_goes_over_to_another_number_of_processes() -> None:
    source = Numbered(32)
    whole = LOADER.open(source, batch_size=4)
    for _ in range(11):
        next(whole)
    halves = [LOADER.open(source, batch_size=2, process_index=i, process_count=2) for i in range(2)]
    for half in halves:
        half.set_state(whole.get_state())
    numbers = [_numbers(next(half)) for half in halves]
    assert np.ravel(numbers).tolist() == _numbers(next(whole))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 5}, "seed=0, .* seed=5"),
        ({"batch_size": 4}, "global_batch=2, .* global_batch=4"),
    ],
)
def test_resume_under_other_settings_is_refused(change: dict[str, Any], message: str) -> None:
    state = LOADER.open(Numbered(8)).get_state()
    with pytest.raises(UserError, match=message):
        LOADER.open(Numbered(8), **change).set_state(state)


def test_broken_pair_is_replaced_by_the_next_of_its_epoch() -> None:
    expected = np.reshape(_take(LOADER.open(Numbered(64)), 64), (2, -1))
    replaced = LOADER.open(Numbered(64, broken=[5]), corrupt_ceiling=0.02)
    got = np.reshape(_take(replaced, 64), (2, -1))
    following = np.roll(expected, -1, axis=1)
    np.testing.assert_array_equal(got, np.where(expected == 5, following, expected))
    assert replaced.broken == {"p5": "damaged"}


def test_what_replaces_a_broken_pair_does_not_depend_on_the_number_of_processes() -> None:
    source, arguments = Numbered(16, broken=[3, 9]), {"corrupt_ceiling": 0.2}
    whole = _take(LOADER.open(source, batch_size=8, **arguments), 4)
    shares = [
        _take(LOADER.open(source, process_index=i, process_count=4, **arguments), 4)
        for i in range(4)
    ]
    assert np.concatenate(shares, axis=1).tolist() == whole


def test_pair_too_small_for_the_crop_is_broken() -> None:
    class OneSmall(Numbered):
        def __getitem__(self, index: int) -> Pair:
            pair = super().__getitem__(index)
            return pair if index else Pair("p0", pair.input[:3], pair.target[:3])

    batches = LOADER.open(OneSmall(8), corrupt_ceiling=0.1)
    assert 0 not in np.ravel(_take(batches, 8))
    assert list(batches.broken) == ["p0"]
    assert "8x3 is too small for crops of 4x4" in batches.broken["p0"]


def test_too_many_broken_pairs_stop_the_run_and_are_named() -> None:
    batches = LOADER.open(Numbered(100, broken=[3, 60]), corrupt_ceiling=0.01)
    with pytest.raises(UserError, match=r"2 of 100 pairs .* the 1 that .*p\d+ \(damaged\)") as stop:
        _take(batches, 50)
    assert "p3" in str(stop.value)
    assert "p60" in str(stop.value)


@pytest.mark.parametrize(
    ("examples", "broken", "settings"),
    [
        (100, 2, {"corrupt_ceiling": 0.01, "corrupt_floor": 10}),
        (100, 10, {"corrupt_ceiling": 0.01, "corrupt_floor": 10}),
        (20, 2, {"corrupt_ceiling": 0.01, "corrupt_floor": 10}),
    ],
)
def test_a_few_broken_pairs_of_a_small_set_do_not_stop_the_run(
    examples: int, broken: int, settings: dict[str, Any]
) -> None:
    batches = LOADER.open(Numbered(examples, broken=range(broken)), **settings)
    _take(batches, examples // 2)
    assert len(batches.broken) == broken


@pytest.mark.parametrize(
    ("examples", "broken", "settings", "allowed"),
    [
        (100, 11, {"corrupt_ceiling": 0.01, "corrupt_floor": 10}, 10),
        (20, 3, {"corrupt_ceiling": 0.01, "corrupt_floor": 10}, 2),
        (100, 1, {"corrupt_ceiling": 0.0, "corrupt_floor": 10}, 0),
        (100, 31, {"corrupt_ceiling": 0.3, "corrupt_floor": 10}, 30),
    ],
)
def test_one_broken_pair_more_stops_the_run(
    examples: int, broken: int, settings: dict[str, Any], allowed: int
) -> None:
    batches = LOADER.open(Numbered(examples, broken=range(broken)), **settings)
    with pytest.raises(UserError, match=rf"more than the {allowed} that data.corrupt_ceiling and"):
        _take(batches, examples // 2)


def test_no_good_pair_at_all_is_an_error() -> None:
    batches = LOADER.open(Numbered(4, broken=range(4)), corrupt_ceiling=1.0)
    with pytest.raises(UserError, match="all pairs are broken"):
        next(batches)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0"),
        ({"batch_size": 9}, "8 training pairs are fewer than one batch of 9"),
        ({"batch_size": 5, "process_count": 2}, "fewer than one batch of 10"),
        ({"crop": "stretch"}, "no crop 'stretch': choose one of crop, short_side, centre, squash"),
        ({"size": 0}, "size is 0"),
        ({"threads": 0}, "threads is 0"),
    ],
)
def test_settings_out_of_range_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        LOADER.open(Numbered(8), **arguments)
