"""The generator of a training run's workdir, as a look."""

import os
from pathlib import PurePath

import jax
import jax.numpy as jnp

from cinegan_jax.errors import UserError
from cinegan_jax.families.cinegan import CineGan
from cinegan_jax.families.registry import build_family
from cinegan_jax.inference.trained_look import TrainedLook
from cinegan_jax.inference.workdir_networks import read_config, read_networks
from cinegan_jax.nets import spectral


def read_workdir(workdir: str | os.PathLike[str]) -> TrainedLook:
    """The newest generator of a run, its average where the run kept one; may be in a bucket.

    Raises:
      UserError: the folder holds no run of CineGAN, or no good checkpoint.
    """
    config = read_config(workdir)
    family = build_family(config)
    if not isinstance(family, CineGan):
        raise UserError(f"{workdir} holds a run of family {config.family!r}, not 'cinegan'")
    params, state, _ = read_networks(workdir, family, config.data.size)
    kernels = jax.device_get(spectral.normalize(params["generator"], state["generator"]))
    generator = family.generator.clone(dtype=jnp.float32)
    return TrainedLook(PurePath(workdir).name, generator, kernels)
