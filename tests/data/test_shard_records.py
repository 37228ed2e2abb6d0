"""The record codec."""

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cinegan_jax.data.shards import decode_record, encode_record


def _pictures(rng, shape=(7, 5, 3), count=3):
    keys = ("input", "target", "clean")[:count]
    return {key: rng.integers(0, 256, shape, np.uint8) for key in keys}


@pytest.mark.parametrize("count", [2, 3])
def test_record_gives_back_what_was_encoded(rng, count):
    pictures = _pictures(rng, count=count)
    record = decode_record(encode_record("DSCF01200 iso1600 é", **pictures))
    assert record.pop("name") == "DSCF01200 iso1600 é"
    assert record.keys() == pictures.keys()
    for key, picture in pictures.items():
        np.testing.assert_array_equal(record[key], picture)
        assert record[key].dtype == np.uint8


def test_pictures_are_stored_raw_one_after_another(rng):
    pictures = _pictures(rng)
    raw = b"".join(pictures[key].tobytes() for key in ("input", "target", "clean"))
    assert encode_record("a", **pictures).endswith(raw)


@given(st.data())
def test_truncated_record_is_refused(data):
    record = encode_record("a", **_pictures(np.random.default_rng(0), (2, 2, 3), 2))
    length = data.draw(st.integers(0, len(record) - 1))
    with pytest.raises(ValueError, match="not a whole record"):
        decode_record(record[:length])


@pytest.mark.parametrize(
    "foreign", [b"", b"pair", b"not a record of ours", msgpack.packb({"name": "a"})]
)
def test_foreign_record_is_refused(foreign):
    with pytest.raises(ValueError, match="not a whole record"):
        decode_record(foreign)


@given(st.binary(max_size=64))
def test_damaged_header_raises_value_error_only(noise):
    with pytest.raises(ValueError, match="not a whole record"):
        decode_record(b"pair\x10\x00\x00\x00" + noise)


def test_pictures_of_other_shape_or_type_are_refused(rng):
    pictures = _pictures(rng)
    with pytest.raises(ValueError, match=r"a: target is uint8 \(7, 4, 3\), not uint8 \(7, 5, 3\)"):
        encode_record("a", **{**pictures, "target": pictures["target"][:, :4]})
    with pytest.raises(ValueError, match="float32"):
        encode_record("a", **{**pictures, "clean": pictures["clean"].astype(np.float32)})
