"""The format of records in shards."""

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cinegan_jax.data.shards import decode_record, encode_record


def _images(
    rng: np.random.Generator, shape: tuple[int, ...] = (7, 5, 3), count: int = 3
) -> dict[str, np.ndarray]:
    keys = ("input", "target", "clean")[:count]
    return {key: rng.integers(0, 256, shape, np.uint8) for key in keys}


@pytest.mark.parametrize("count", [2, 3])
def test_record_gives_back_what_was_encoded(rng: np.random.Generator, count: int) -> None:
    images = _images(rng, count=count)
    record = decode_record(encode_record("DSCF01200 iso1600 é", **images))
    assert record.pop("name") == "DSCF01200 iso1600 é"
    assert record.keys() == images.keys()
    for key, image in images.items():
        np.testing.assert_array_equal(record[key], image)
        assert record[key].dtype == np.uint8


def test_images_are_stored_raw_one_after_another(rng: np.random.Generator) -> None:
    images = _images(rng)
    raw = b"".join(images[key].tobytes() for key in ("input", "target", "clean"))
    assert encode_record("a", **images).endswith(raw)


@given(st.data())
def test_truncated_record_is_refused(data: st.DataObject) -> None:
    record = encode_record("a", **_images(np.random.default_rng(0), (2, 2, 3), 2))
    length = data.draw(st.integers(0, len(record) - 1))
    with pytest.raises(ValueError, match="not a whole record"):
        decode_record(record[:length])


@pytest.mark.parametrize(
    "foreign", [b"", b"pair", b"not a record of ours", msgpack.packb({"name": "a"})]
)
def test_foreign_record_is_refused(foreign: bytes) -> None:
    with pytest.raises(ValueError, match="not a whole record"):
        decode_record(foreign)


@given(st.binary(max_size=64))
def test_damaged_header_raises_value_error_only(noise: bytes) -> None:
    with pytest.raises(ValueError, match="not a whole record"):
        decode_record(b"pair\x10\x00\x00\x00" + noise)


def test_images_of_other_shape_or_type_are_refused(rng: np.random.Generator) -> None:
    images = _images(rng)
    with pytest.raises(ValueError, match=r"a: target is uint8 \(7, 4, 3\), not uint8 \(7, 5, 3\)"):
        encode_record("a", **{**images, "target": images["target"][:, :4]})
    with pytest.raises(ValueError, match="float32"):
        encode_record("a", **{**images, "clean": images["clean"].astype(np.float32)})
