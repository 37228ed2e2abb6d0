"""The networks of a training run's workdir."""

import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from cinegan_jax.checkpointing.pretrained import Which, restore_networks
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import absolute, base_name
from cinegan_jax.core.types import Params
from cinegan_jax.families.api import GanFamily
from cinegan_jax.families.cinegan import CineGan
from cinegan_jax.families.registry import build_family
from cinegan_jax.inference.look import Look
from cinegan_jax.nets import spectral


class WorkdirNetworks(NamedTuple):
    """What a family's `generate` takes."""

    params: Mapping[str, Params]
    """By player; averages in the place of those of which the run kept one."""
    state: Any
    step: int
    """That they were saved at."""


def read_config(workdir: str | os.PathLike[str]) -> ml_collections.ConfigDict:
    """The config that a run wrote down; may be in a bucket.

    Raises:
      UserError: the folder holds no run.
    """
    file = absolute(workdir) / "config.json"
    if not file.exists():
        raise UserError(f"{workdir} is no workdir of a run: it has no config.json")
    return ml_collections.ConfigDict(json.loads(file.read_text()))


def read_networks(
    workdir: str | os.PathLike[str], family: GanFamily, size: int, which: Which = "newest"
) -> WorkdirNetworks:
    """The networks of a run; of several processes all read them together.

    Args:
      workdir: the run's folder; may be in a bucket.
      family: that was trained.
      size: of the pictures that it was trained on, in pixels.
      which: of the run's checkpoints.

    Raises:
      UserError: there is no such checkpoint that is good, or it is of other networks.
    """
    picture = jax.ShapeDtypeStruct((1, size, size, 3), np.uint8)
    shapes = jax.eval_shape(family.init, jax.random.key(0), {"input": picture, "target": picture})
    wanted = {
        "step": jax.ShapeDtypeStruct((), jnp.int32),
        "params": shapes.params,
        "model_state": shapes.state,
        "ema": {player: shapes.params[player] for player in family.averaged},
    }
    found = restore_networks(workdir, wanted, which=which, optional=("ema",))
    params = {**found["params"], **found.get("ema", {})}
    return WorkdirNetworks(params, found["model_state"], int(found["step"]))


def read_workdir(workdir: str | os.PathLike[str], which: Which = "newest") -> Look:
    """Read the generator of a run, its average where the run kept one; may be in a bucket.

    Raises:
      UserError: the folder holds no run of CineGAN, or no good checkpoint.
    """
    config = read_config(workdir)
    family = build_family(config)
    if not isinstance(family, CineGan):
        raise UserError(f"{workdir} holds a run of family {config.family!r}, not 'cinegan'")
    params, state, _ = read_networks(workdir, family, config.data.size, which)
    kernels = jax.device_get(spectral.normalize(params["generator"], state["generator"]))
    generator = family.generator.clone(dtype=jnp.float32)
    return Look(base_name(workdir), generator, kernels)
