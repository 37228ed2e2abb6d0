"""Fit the LUTs that ship with the installed looks, so that `cinegan lut` need not fit them.

    python -m cinegan_jax.darkroom.shipped_luts

Run it after a look has been added or trained again. Each fit takes minutes.
"""

from importlib import resources
from pathlib import Path

from cinegan_jax.darkroom.lut import fit_look_lut
from cinegan_jax.inference.look import LOOKS_PACKAGE, NetworkLook, installed_looks, load_look
from cinegan_jax.inference.look_lut import sample_key
from cinegan_jax.inference.lut_store import SHIPPED_SUFFIX, encode_lut, find_lut


def ship_luts() -> None:
    """Write NAME.lut.npz beside each look that has none for its present weights."""
    folder = Path(str(resources.files(LOOKS_PACKAGE)))
    for name in installed_looks():
        look = load_look(name)
        if not isinstance(look, NetworkLook):
            continue  # its LUT is in its file
        fit_look_lut(look, 33)
        key = sample_key(look, 1.0)
        if kept := find_lut(name, key):
            (folder / f"{name}{SHIPPED_SUFFIX}").write_bytes(encode_lut(key, kept))


if __name__ == "__main__":
    ship_luts()
