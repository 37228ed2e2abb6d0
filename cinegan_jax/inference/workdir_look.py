"""The generator of a training run's workdir, as a look."""

import json
import os
from pathlib import PurePath

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from cinegan_jax.checkpointing.pretrained import restore_networks
from cinegan_jax.errors import UserError
from cinegan_jax.families.cinegan import CineGan
from cinegan_jax.families.registry import build_family
from cinegan_jax.inference.trained_look import TrainedLook
from cinegan_jax.nets import spectral
from cinegan_jax.storage import absolute


def read_workdir(workdir: str | os.PathLike[str]) -> TrainedLook:
    """The newest generator of a run, its average where the run kept one; may be in a bucket.

    Raises:
      UserError: the folder holds no run of CineGAN, or no good checkpoint.
    """
    file = absolute(workdir) / "config.json"
    if not file.exists():
        raise UserError(f"{workdir} is no workdir of a run: it has no config.json")
    config = ml_collections.ConfigDict(json.loads(file.read_text()))
    family = build_family(config)
    if not isinstance(family, CineGan):
        raise UserError(f"{workdir} holds a run of family {config.family!r}, not 'cinegan'")
    picture = jax.ShapeDtypeStruct((1, config.data.size, config.data.size, 3), np.uint8)
    shapes = jax.eval_shape(family.init, jax.random.key(0), {"input": picture, "target": picture})
    wanted = {
        "params": shapes.params,
        "family": shapes.state,
        "ema": {"generator": shapes.params["generator"]},
    }
    found = restore_networks(workdir, wanted, optional=("ema",))
    masters = {**found["params"], **found.get("ema", {})}["generator"]
    kernels = jax.device_get(spectral.normalize(masters, found["family"]["generator"]))
    generator = family.generator.clone(dtype=jnp.float32)
    return TrainedLook(PurePath(workdir).name, generator, kernels)
