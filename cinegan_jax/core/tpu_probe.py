"""Machines without a TPU where libtpu is installed: JAX is kept from starting it.

libtpu would print errors at each start that it finds no TPU, its accelerator type or its workers.
"""

import importlib.util
import os
import sys
from importlib.metadata import entry_points
from pathlib import Path

_PCI_DEVICES = Path("/sys/bus/pci/devices")
_GOOGLE = "0x1ae0"
_NO_TPUS = ("0x001f", "0x0042")
"""Google's disks and network cards."""
_GPU_FILES = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


def skip_absent_tpu() -> None:
    """Set JAX_PLATFORMS=cpu where libtpu is installed but there is neither a TPU nor a GPU.

    Call it before JAX touches a device. A platform that is set already is kept, as is the choice
    where another plugin of JAX is installed.
    """
    chosen = "JAX_PLATFORMS" in os.environ or "JAX_FORCE_TPU_INIT" in os.environ
    if chosen or not importlib.util.find_spec("libtpu"):
        return
    others = any(map(os.path.exists, _GPU_FILES)) or entry_points(group="jax_plugins")
    if others or _has_tpu():
        return
    os.environ["JAX_PLATFORMS"] = "cpu"
    if "jax" in sys.modules:  # which has read the environment
        import jax

        jax.config.update("jax_platforms", "cpu")


def _has_tpu() -> bool:
    if not _PCI_DEVICES.is_dir():
        return True  # unknown
    return any(_is_tpu(device) for device in _PCI_DEVICES.iterdir())


def _is_tpu(device: Path) -> bool:
    vendor, model = ((device / name).read_text().strip() for name in ("vendor", "device"))
    return vendor == _GOOGLE and model not in _NO_TPUS
