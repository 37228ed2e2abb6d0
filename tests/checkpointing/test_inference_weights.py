"""The generator in a checkpoint, restored by Orbax in a process with one device."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from flax.traverse_util import flatten_dict

from cinegan_jax.inference.look import load_look

RESTORE = """
import sys
import numpy as np
import orbax.checkpoint as ocp
from flax.traverse_util import flatten_dict
import jax
assert jax.device_count() == 1
with ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as checkpointer:
    variables = checkpointer.restore(sys.argv[1])
np.savez(sys.argv[2], **flatten_dict(variables, sep="/"))
assert "cinegan_jax" not in sys.modules
"""


def test_orbax_alone_restores_the_folded_generator(trained: Path, tmp_path: Path) -> None:
    """A run on 8 devices saved it; its kernels are those of the look of the run."""
    folder = trained / "checkpoints" / "4" / "generator"
    environment = {k: v for k, v in os.environ.items() if k not in ("XLA_FLAGS", "PYTHONPATH")}
    subprocess.run(
        [sys.executable, "-c", RESTORE, str(folder), str(tmp_path / "found.npz")],
        check=True,
        cwd=tmp_path,
        env=environment | {"JAX_PLATFORMS": "cpu"},
    )
    found = dict(np.load(tmp_path / "found.npz"))
    kernels = flatten_dict(dict(load_look(trained).kernels), sep="/")
    assert found.keys() == {f"params/{name}" for name in kernels}
    for name, kernel in kernels.items():
        np.testing.assert_allclose(found[f"params/{name}"], kernel, rtol=1e-5, atol=1e-7)
