"""JAX does not start libtpu where there is no TPU."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cinegan_jax.core import tpu_probe
from cinegan_jax.core.tpu_probe import skip_absent_tpu


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The devices of a machine with libtpu, of which none is a GPU; the test adds others."""
    monkeypatch.delenv("JAX_PLATFORMS")
    monkeypatch.delitem(sys.modules, "jax")  # its config stays as it is
    monkeypatch.setattr(tpu_probe, "_PCI_DEVICES", tmp_path)
    monkeypatch.setattr(tpu_probe, "_GPU_FILES", (str(tmp_path / "gpu"),))
    monkeypatch.setattr(tpu_probe, "entry_points", lambda group: ())
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    return tmp_path


def add_device(machine: Path, vendor: str, model: str) -> None:
    device = machine / f"{vendor}:{model}"
    device.mkdir()
    (device / "vendor").write_text(f"{vendor}\n")
    (device / "device").write_text(f"{model}\n")


@pytest.mark.parametrize(
    ("vendor", "model", "platforms"),
    [
        ("0x1af4", "0x1041", "cpu"),  # a virtual network card
        ("0x1ae0", "0x0042", "cpu"),  # Google's network card
        ("0x1ae0", "0x0063", None),  # a TPU v5e
    ],
)
def test_the_processor_is_chosen_where_no_device_is_a_tpu(
    machine: Path, vendor: str, model: str, platforms: str | None
) -> None:
    add_device(machine, vendor, model)
    skip_absent_tpu()
    assert os.environ.get("JAX_PLATFORMS") == platforms
    os.environ.pop("JAX_PLATFORMS", None)


def test_a_gpu_and_a_choice_of_the_user_are_left_alone(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAX_PLATFORMS", "tpu")
    skip_absent_tpu()
    assert os.environ["JAX_PLATFORMS"] == "tpu"
    monkeypatch.delenv("JAX_PLATFORMS")
    (machine / "gpu").touch()
    skip_absent_tpu()
    assert "JAX_PLATFORMS" not in os.environ


@pytest.mark.skipif(not importlib.util.find_spec("libtpu"), reason="needs libtpu")
def test_a_start_without_a_tpu_prints_nothing() -> None:
    script = (
        "import jax; from cinegan_jax.core.tpu_probe import skip_absent_tpu; "
        "skip_absent_tpu(); print(jax.default_backend())"
    )
    environment = {**os.environ, "ALLOW_MULTIPLE_LIBTPU_LOAD": "1"}
    del environment["JAX_PLATFORMS"]
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
    )
    if done.stdout == "cpu\n":
        assert done.stderr == ""
