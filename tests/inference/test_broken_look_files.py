"""Look files that are damaged or made to harm: each is refused in one line, at once."""

import contextlib
import json
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cinegan_jax.cli import app
from cinegan_jax.core.errors import UserError
from cinegan_jax.inference.look import Grain, NetworkLook
from cinegan_jax.inference.look_file import read_look, write_look
from cinegan_jax.nets.res_unet import ResUnetGenerator

Arrays = dict[str, np.ndarray]
FIELDS = {"width": 2, "num_blocks": 1, "residual": True, "colour_table": 2}


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the bytes of a look file that can be used."""
    generator = ResUnetGenerator(**FIELDS)
    params = generator.init(jax.random.key(0), np.zeros((1, 8, 8, 3), np.float32))["params"]
    path = tmp_path_factory.mktemp("look") / "mine.safetensors"
    write_look(NetworkLook("mine", generator, params, grain=Grain()), path)
    return path.read_bytes()


def rewritten(content: bytes, change: Callable[[Arrays], Any], **texts: str | None) -> bytes:
    """Return the file with changed arrays, and with other metadata; None removes one."""
    arrays = safetensors.numpy.load(content)
    change(arrays)
    (size,) = struct.unpack("<Q", content[:8])
    known = json.loads(content[8 : 8 + size])["__metadata__"] | texts
    return safetensors.numpy.save(arrays, {k: v for k, v in known.items() if v is not None})


def read(path: Path, content: bytes) -> str:
    """Return the message that a file is refused with, after checks of its form and of the time."""
    path.write_bytes(content)
    start = time.process_time()
    with pytest.raises(UserError) as error:
        read_look(path)
    assert time.process_time() - start < 2
    message = str(error.value)
    assert path.name in message
    assert "\n" not in message
    assert len(message) < 1000
    return message


GENERATORS: dict[str, tuple[str, str]] = {
    "empty": ("", "does not say what its network is"),
    "a list": ("[]", "no JSON object"),
    "a number": ("7", "no JSON object"),
    "deep": ("[" * 5000, "does not say what its network is"),
    "deep objects": ('{"a":' * 1900, "does not say what its network is"),
    "long": ("[" * 1_000_000, "has 1000000 characters"),
    "blocks": ('{"num_blocks": 1000000}', "num_blocks=1000000 must be 0 or more, 64 or less"),
    "negative blocks": ('{"num_blocks": -1}', "num_blocks=-1 must be"),
    "negative width": ('{"width": -1}', "width=-1 must be"),
    "width of text": ('{"width": "x"}', "width='x' must be a whole number"),
    "no width": ('{"width": 0}', "width=0 must be"),
    "width null": ('{"width": null}', "width=None must be a whole number"),
    "width list": ('{"width": [4]}', "width=[4] must be a whole number"),
    "width float": ('{"width": 4.5}', "width=4.5 must be a whole number"),
    "width bool": ('{"width": true}', "width=True must be a whole number"),
    "width huge": ('{"width": 1e400}', "width=inf must be a whole number"),
    "width of many digits": ('{"width": ' + "9" * 6000 + "}", "does not say what its network is"),
    "width nan": ('{"width": NaN}', "width=nan must be a whole number"),
    "residual text": ('{"residual": "yes"}', "residual='yes' must be true or false"),
    "table": ('{"colour_table": 100000, "residual": true}', "colour_table=100000 must be"),
    "table alone": ('{"colour_table": 2}', "colour_table=2 needs residual"),
    "path": ('{"colour_path": 10000000}', "colour_path=10000000 must be"),
    "glow alone": ('{"glow_path": 2}', "glow_path=2 needs colour_path"),
    "norm": ('{"norm": "batch"}', "norm='batch' is not one of instance, layer"),
    "norm list": ('{"norm": ["layer"]}', "norm=['layer'] must be a text"),
    "dtype": ('{"dtype": "object"}', "dtype"),
    "parent": ('{"parent": null, "name": "x"}', "does not say what its network is"),
    "another": ('{"width": 3, "num_blocks": 1, "residual": true}', "needs"),
    "more blocks": (json.dumps(FIELDS | {"num_blocks": 60}), "has 1 residual blocks, but num_bl"),
}


@pytest.mark.parametrize("case", GENERATORS)
def test_a_broken_description_of_the_network(tmp_path: Path, content: bytes, case: str) -> None:
    text, message = GENERATORS[case]
    broken = rewritten(content, lambda arrays: None, generator=text)
    assert message in read(tmp_path / "a.safetensors", broken)


TEXTS: dict[str, tuple[dict[str, str | None], str]] = {
    "no generator": ({"generator": None}, "it has no 'generator'"),
    "no grain": ({"grain": None}, "it has no 'grain'"),
    "grain": ({"grain": '{"sigma": 1e9}'}, "sigma=1000000000.0 must be 0 or more, 1 or less"),
    "grain nan": ({"grain": '{"sigma": NaN}'}, "sigma=nan must be a finite number"),
    "grain size": ({"grain": '{"size": 5}'}, "size=5 must be 0 or more, 0.1 or less"),
    "negative grain": ({"grain": '{"sigma": -1}'}, "sigma=-1 must be"),
    "grain text": ({"grain": '{"sigma": "much"}'}, "sigma='much' must be a finite number"),
    "grain field": ({"grain": '{"colour": 1}'}, "colour"),
    "no name": ({"name": None}, "the name '', which cannot be part of a file name"),
    "name of a path": ({"name": "../../x"}, "'../../x', which cannot"),
    "name of a drive": ({"name": "a\\b"}, "which cannot be part of a file name"),
    "control name": ({"name": "a\x1b[2J"}, "which cannot be part of a file name"),
    "long name": ({"name": "a" * 5000}, "which cannot be part of a file name"),
    "no format": ({"format": None}, "its format is '' version '1'"),
    "version": ({"version": "9" * 3000}, "is no look of this program"),
    "a LUT without table": ({"colours": "lut"}, "the table of a LUT needs 2 to 256 nodes"),
}


@pytest.mark.parametrize("case", TEXTS)
def test_broken_metadata(tmp_path: Path, content: bytes, case: str) -> None:
    texts, message = TEXTS[case]
    broken = rewritten(content, lambda arrays: None, **texts)
    assert message in read(tmp_path / "a.safetensors", broken)


def fill(value: float) -> Callable[[Arrays], None]:
    return lambda arrays: arrays["e1/conv/kernel"].fill(value)


ARRAYS: dict[str, tuple[Callable[[Arrays], Any], str]] = {
    "none": (dict.clear, "has 0 residual blocks"),
    "missing": (lambda a: a.pop("e1/conv/kernel"), "e1/conv/kernel has the shape none"),
    "more": (lambda a: a.update(other=np.zeros(3, np.float32)), "other has the shape (3,)"),
    "a folder's name": (lambda a: a.update(e1=np.zeros(1, np.float32)), "e1 has the shape (1,)"),
    "below an array": (
        lambda a: a.update({"e1/conv/kernel/x": np.zeros(1, np.float32)}),
        "e1/conv/kernel/x has the shape (1,)",
    ),
    "no name": (lambda a: a.update({"": np.zeros(1, np.float32)}), " has the shape (1,)"),
    "shape": (
        lambda a: a.update({"e1/conv/kernel": np.zeros((7, 7, 3), np.float16)}),
        "e1/conv/kernel has the shape (7, 7, 3)",
    ),
    "integers": (
        lambda a: a.update({"e1/conv/bias": np.zeros(2, np.int64)}),
        "'e1/conv/bias' holds I64, a look has F16 or F32",
    ),
    "float64": (
        lambda a: a.update({"e1/conv/bias": np.zeros(2, np.float64)}),
        "'e1/conv/bias' holds F64",
    ),
    "nan": (fill(np.nan), "e1/conv/kernel holds a value that is not finite"),
    "infinity": (fill(np.inf), "e1/conv/kernel holds a value that is not finite"),
    "many": (
        lambda a: a.update({f"x{i}": np.zeros(1, np.float32) for i in range(5000)}),
        "x0 has the shape (1,)",
    ),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_broken_arrays(tmp_path: Path, content: bytes, case: str) -> None:
    change, message = ARRAYS[case]
    assert message in read(tmp_path / "a.safetensors", rewritten(content, change))


def with_header(content: bytes, change: Callable[[bytes], bytes]) -> bytes:
    (size,) = struct.unpack("<Q", content[:8])
    header = change(content[8 : 8 + size])
    return struct.pack("<Q", len(header)) + header + content[8 + size :]


CONTENTS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda c: b"",
    "four bytes": lambda c: c[:4],
    "header cut": lambda c: c[:300],
    "arrays cut": lambda c: c[:-1],
    "bytes after": lambda c: c + b"\0",
    "a claim of 2^60 bytes": lambda c: struct.pack("<Q", 2**60) + c[8:],
    "a claim of 2^63 bytes": lambda c: struct.pack("<Q", 2**63) + c[8:],
    "a header of nothing": lambda c: struct.pack("<Q", 0) + c[8:],
    "no text": lambda c: with_header(c, lambda h: b"\xff" * len(h)),
    "another dtype": lambda c: with_header(c, lambda h: h.replace(b'"F16"', b'"OBJECT"', 1)),
    "negative shape": lambda c: with_header(c, lambda h: h.replace(b'"shape":[', b'"shape":[-', 1)),
    "huge shape": lambda c: with_header(
        c, lambda h: h.replace(b'"shape":[', b'"shape":[4611686018427387904,4,', 1)
    ),
    "offsets": lambda c: with_header(c, lambda h: h.replace(b'offsets":[0,', b'offsets":[1,', 1)),
    "deep header": lambda c: with_header(c, lambda h: b'{"a":' * 3000),
    "a large header": lambda c: struct.pack("<Q", 2**21) + b" " * 2**21,
    "a pickle": lambda c: b"\x80\x04\x95" + c,
}


@pytest.mark.parametrize("case", CONTENTS)
def test_broken_files(tmp_path: Path, content: bytes, case: str) -> None:
    message = read(tmp_path / "a.safetensors", CONTENTS[case](content))
    assert "damaged or no safetensors file" in message


def test_a_folder_and_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").mkdir()
    for name in ("a.safetensors", "b.safetensors"):
        with pytest.raises(UserError, match=f"no look file .*{name}"):
            read_look(tmp_path / name)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(position=st.integers(0, 3000), byte=st.integers(0, 255), kept=st.integers(0, 10**6))
def test_any_changed_byte_gives_a_look_or_a_refusal(
    tmp_path: Path, content: bytes, position: int, byte: int, kept: int
) -> None:
    changed = bytearray(content)
    changed[position % len(content)] = byte
    path = tmp_path / "a.safetensors"
    path.write_bytes(bytes(changed[: max(kept, position + 1)]))
    with contextlib.suppress(UserError):
        assert read_look(path).name


def test_the_command_says_it_in_a_line_and_exits_with_2(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(rewritten(content, lambda arrays: None, generator='{"width": -1}'))
    result = CliRunner().invoke(app, ["lut", "--look", str(path)])
    assert result.exit_code == 2
    assert "bad.safetensors does not say what its network is: width=-1 must be" in result.stderr
    assert "Traceback" not in result.output
