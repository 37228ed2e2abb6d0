"""Workdirs of runs of the toy family of latents, made without training."""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import runs
from toy_latent_family import ToyLatentFamily

from cinegan_jax.checkpointing.checkpoints import Checkpoints

SIZE = runs.TOY_LATENT["data.size"]


def saved_state(step: int) -> dict[str, Any]:
    """Parameters that differ from step to step, and an average that is neither."""
    shapes = {"target": jax.ShapeDtypeStruct((1, SIZE, SIZE, 3), np.uint8)}
    params, state = ToyLatentFamily().init(jax.random.key(step), shapes)
    averaged, _ = ToyLatentFamily().init(jax.random.key(1000 + step), shapes)
    ema = {"generator": averaged["generator"]}
    return {"step": jnp.int32(step), "params": dict(params), "model_state": state, "ema": ema}


def write_run(workdir: Path, **settings: Any) -> Path:
    """The workdir of a run whose second step of three is the best."""
    with Checkpoints(workdir, best_metric="psnr") as checkpoints:
        for step, psnr in ((2, 20.0), (4, 30.0), (6, 25.0)):
            checkpoints.save(step, saved_state(step), None, {}, {"psnr": psnr})
    config = runs.config_of({**runs.TOY_LATENT, **settings})
    (workdir / "config.json").write_text(json.dumps(config.to_dict()))
    return workdir
