"""Slices by name, and chips by the kind that JAX shows."""

import pytest

from cinegan_jax.core.errors import UserError
from cinegan_jax.preflight.chips import CHIPS, chip_of, parse_topology


@pytest.mark.parametrize(
    ("name", "chips", "devices"),
    [("v3:2x2", 4, 8), ("v5e:2x4", 8, 8), ("v5e:16x16", 256, 256), ("v5p:4x4x8", 128, 128)],
)
def test_a_slice_has_its_chips_and_devices(name: str, chips: int, devices: int) -> None:
    assert (parse_topology(name).chips, parse_topology(name).devices) == (chips, devices)


@pytest.mark.parametrize("name", ["v9:2x2", "v3:2x9", "v3", "v4:2x2", "", ":2x2"])
def test_an_unknown_slice_lists_the_known_ones(name: str) -> None:
    with pytest.raises(UserError, match=r"(?s)v3: 2x2 4x4 .*v5e: 2x2 2x4 .*v6e: ") as error:
        parse_topology(name)
    assert repr(name) in str(error.value)


def test_chips_are_found_by_the_kind_of_their_devices() -> None:
    assert [chip_of(chip.kind) for chip in CHIPS.values()] == list(CHIPS.values())
    assert chip_of("cpu") is None
