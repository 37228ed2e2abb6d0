"""The networks of a training run's workdir."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from cinegan_jax.checkpointing.pretrained import Which, restore_networks
from cinegan_jax.config.load import load_config
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.event_loop import outside_event_loop
from cinegan_jax.core.storage import absolute, base_name, open_path
from cinegan_jax.core.types import Params
from cinegan_jax.families.api import GanFamily
from cinegan_jax.families.cinegan import CineGan
from cinegan_jax.families.registry import build_family
from cinegan_jax.inference.look import NetworkLook


class WorkdirNetworks(NamedTuple):
    """The arguments of a family's `generate`."""

    params: Mapping[str, Params]
    """Parameters by player; averages in the place of those of which the run kept one."""
    state: Any
    """The part of a train state that a step advances without a gradient."""
    step: int
    """The step at which they were saved."""


@dataclass(frozen=True)
class SavedNetworks:
    """The networks of one checkpoint, as they were saved.

    Attributes:
      params: trained parameters by player.
      ema: averaged parameters by player, of the players of which the run kept an average.
      state: the part of the train state that a step advances without a gradient.
      step: the step at which they were saved.
    """

    params: Mapping[str, Params]
    ema: Mapping[str, Params]
    state: Any
    step: int

    @property
    def averaged(self) -> WorkdirNetworks:
        """The networks that generate: averages in the place of parameters where there are any."""
        return WorkdirNetworks({**self.params, **self.ema}, self.state, self.step)


def read_config(workdir: str | os.PathLike[str]) -> ml_collections.ConfigDict:
    """Read the config that a run saved; the workdir may be in a bucket.

    Raises:
      UserError: the folder holds no run.
    """
    file = open_path(absolute(workdir)) / "config.json"
    if not file.is_file():
        raise UserError(f"{workdir} is no workdir of a run: it has no config.json")
    return load_config(file)


def read_saved(
    workdir: str | os.PathLike[str], family: GanFamily, size: int, which: Which = "newest"
) -> SavedNetworks:
    """Read the networks of a run; where there are several processes, all call it together.

    Args:
      workdir: the run's folder; may be in a bucket.
      family: the family that was trained.
      size: height and width of the images that it was trained on, in pixels.
      which: the checkpoint.

    Raises:
      UserError: there is no such checkpoint, it is damaged, or it has other networks.
    """
    image = jax.ShapeDtypeStruct((1, size, size, 3), np.uint8)
    shapes = jax.eval_shape(family.init, jax.random.key(0), {"input": image, "target": image})
    wanted = {
        "step": jax.ShapeDtypeStruct((), jnp.int32),
        "params": shapes.params,
        "model_state": shapes.state,
        "ema": {player: shapes.params[player] for player in family.averaged},
    }
    found = outside_event_loop(
        lambda: restore_networks(workdir, wanted, which=which, optional=("ema",))
    )
    return SavedNetworks(
        found["params"], found.get("ema", {}), found["model_state"], int(found["step"])
    )


def read_networks(
    workdir: str | os.PathLike[str], family: GanFamily, size: int, which: Which = "newest"
) -> WorkdirNetworks:
    """Read the networks of a run that generate; see `read_saved`."""
    return read_saved(workdir, family, size, which).averaged


def read_workdir(workdir: str | os.PathLike[str], which: Which = "newest") -> NetworkLook:
    """Read the generator of a run as a look: its average where the run kept one.

    Args:
      workdir: the run's folder; may be in a bucket.
      which: the checkpoint.

    Raises:
      UserError: the folder holds no run of CineGAN, or no such checkpoint.
    """
    config = read_config(workdir)
    family = build_family(config)
    if not isinstance(family, CineGan):
        raise UserError(f"{workdir} holds a run of family {config.family!r}, not 'cinegan'")
    networks = read_networks(workdir, family, config.data.size, which)
    return look_of(family, networks, base_name(workdir))


def look_of(family: CineGan, networks: WorkdirNetworks, name: str) -> NetworkLook:
    """Return the generator of a CineGAN as a look, with spectral normalisation folded in."""
    kernels = jax.device_get(family.generator_variables(networks.params, networks.state)["params"])
    return NetworkLook(name, family.generator.clone(dtype=jnp.float32), kernels)
