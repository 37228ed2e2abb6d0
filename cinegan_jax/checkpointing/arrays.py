"""The arrays of a checkpoint: their description, their comparison with networks, and their reading.

A path names an array, such as `params/generator/block1/kernel`. Checkpoints of versions before 0.2
have other paths for some arrays (`core.renamed`); they are read as if they had the present ones.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from etils import epath

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.renamed import current_path


def describe_arrays(tree: Any) -> dict[str, str]:
    """Return dtype and shape of each array by its path, such as `float32[3, 3, 64, 3]`."""
    return {
        _path(keys): f"{jnp.result_type(leaf)}{list(np.shape(leaf))}"
        for keys, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }


def abstract_arrays(tree: Any) -> Any:
    """Return shapes, dtypes and shardings of `tree`; without a sharding, the first local device."""
    first = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])

    def abstract(leaf: Any) -> jax.ShapeDtypeStruct:
        sharding = getattr(leaf, "sharding", None) or first
        return jax.ShapeDtypeStruct(np.shape(leaf), jnp.result_type(leaf), sharding=sharding)

    return jax.tree.map(abstract, tree)


def with_current_paths(saved: Mapping[str, str]) -> dict[str, str]:
    """Return the description of saved arrays by the present paths."""
    return {current_path(path): array for path, array in saved.items()}


def check_arrays(saved: Mapping[str, str], wanted: Mapping[str, str], folder: epath.Path) -> None:
    """Compare the arrays of a checkpoint, by present paths, with those wanted.

    Raises:
      UserError: some differ; all are named with both values.
    """
    differing = [
        f"  {path}: saved {saved.get(path, 'nothing')}, wanted {wanted.get(path, 'nothing')}"
        for path in sorted(saved.keys() | wanted.keys())
        if saved.get(path) != wanted.get(path)
    ]
    if differing:
        raise UserError(
            f"The checkpoint {folder} was written with another architecture or optimizer. "
            f"{len(differing)} arrays differ:\n" + "\n".join(differing) + "\n"
            "Use the configuration that wrote it, or another workdir."
        )


def read_arrays(folder: epath.Path, template: Any) -> Any:
    """Read a part of the arrays of a step, whatever their paths were when they were saved.

    Args:
      folder: the step's folder.
      template: a tree of arrays or `jax.ShapeDtypeStruct`s, all of which are saved.

    Returns:
      A tree like `template`, in fresh buffers.
    """
    leaves, structure = jax.tree_util.tree_flatten_with_path(abstract_arrays(template))
    wanted = {_path(keys): leaf for keys, leaf in leaves}
    # The handler, since a checkpointer would warn that the item has no metadata of a step.
    saved = ocp.PyTreeCheckpointHandler().metadata(folder / "state").tree
    item = jax.tree_util.tree_map_with_path(
        lambda keys, _: wanted.get(current_path(_path(keys)), ocp.PLACEHOLDER), saved
    )
    with ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as checkpointer:
        restored = checkpointer.restore(
            folder / "state",
            args=ocp.args.PyTreeRestore(
                item=item, restore_args=ocp.checkpoint_utils.construct_restore_args(item)
            ),
        )
    arrays = {
        current_path(_path(keys)): array
        for keys, array in jax.tree_util.tree_leaves_with_path(restored)
    }
    return jax.tree.unflatten(structure, [arrays[path] for path in wanted])


def _path(keys: Any) -> str:
    return jax.tree_util.keystr(keys, simple=True, separator="/")
