"""Fine-tuning: fresh train states with the networks of another run or of a look."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from etils import epath

from cinegan_jax.checkpointing.pretrained import Which, restore_networks
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import absolute, open_path
from cinegan_jax.families.api import GanFamily
from cinegan_jax.families.cinegan import CineGan
from cinegan_jax.inference.look import LOOK_SUFFIX, Look, NetworkLook, installed_looks, load_look
from cinegan_jax.inference.look_file import architecture
from cinegan_jax.nets.spectral import converge
from cinegan_jax.training.state import TrainState


def with_networks_from(
    source: str, step: str, workdir: epath.Path, family: GanFamily, fresh: TrainState
) -> TrainState:
    """Return a fresh state with the networks that `restore_from` and `restore_step` name.

    Args:
      source: a run's workdir, the folder of one of its checkpoints, a look file or the name of an
        installed look.
      step: `newest`, `best` or the number of a step; only for a workdir.
      workdir: that of the new run.
      family: the family of the new run.
      fresh: its state before the first step.

    Raises:
      UserError: there is no such source, it is the run's own workdir, or its networks have other
        shapes.
    """
    if source in installed_looks() or source.endswith(LOOK_SUFFIX):
        _require_newest(source, step, "a look")
        return with_look(load_look(source), family, fresh)
    folder = absolute(open_path(source))
    if folder.parent.name == "checkpoints" and folder.name.isdigit():
        _require_newest(source, step, "one checkpoint")
        folder, step = folder.parent.parent, folder.name
    if folder == absolute(workdir):
        raise UserError(f"restore_from={source} is the workdir; fine-tune in another one")
    return with_networks_of(folder, fresh, _which(step))


def require_source(source: str) -> None:
    """Raise a UserError if the source of `with_networks_from` does not exist."""
    if source not in installed_looks() and not open_path(source).exists():
        raise UserError(
            f"restore_from={source!r} is none of the shipped looks "
            f"({', '.join(installed_looks())}), and there is no such workdir or file"
        )


def with_networks_of(workdir: epath.Path, fresh: TrainState, which: Which = "newest") -> TrainState:
    """Return a fresh state with the networks of a checkpoint of another run.

    Optimizers, step, key and counters stay new. Where the new run keeps an EMA, it starts from that
    of the other run, or from its parameters if it kept none.

    Raises:
      UserError: there is no such run or checkpoint, or its networks have other shapes.
    """
    wanted = {"params": fresh.params, "model_state": fresh.model_state}
    if fresh.ema:
        wanted["ema"] = fresh.ema
    found = restore_networks(workdir, wanted, which=which, optional=("ema",))
    return _with_ema(dataclasses.replace(fresh, **found), restored="ema" in found)


def with_look(look: Look, family: GanFamily, fresh: TrainState) -> TrainState:
    """Return a fresh state whose generator computes the look; the discriminators stay fresh.

    A look holds kernels that are divided by their spectral norm already, so the power iteration
    starts converged, with norms of 1.

    Raises:
      UserError: the look is a LUT, the run is none of CineGAN, or its generator has other fields.
    """
    if not isinstance(look, NetworkLook):
        raise UserError(
            f"restore_from: the look {look.name} is a LUT, which has no network to start from; "
            "train on it with data.look instead"
        )
    if not isinstance(family, CineGan):
        raise UserError(
            f"restore_from: the look {look.name} is a generator of the family 'cinegan', which "
            "this run is not"
        )
    _require_same_architecture(look, family)
    kernels = jax.tree.map(jnp.array, dict(look.kernels))  # copies: a state's buffers are donated
    vectors = converge(kernels, fresh.model_state["generator"])
    print(f"generator: from the look {look.name}; discriminator: not in a look, starts fresh")
    state = dataclasses.replace(
        fresh,
        params={**fresh.params, "generator": kernels},
        model_state={**fresh.model_state, "generator": vectors},
    )
    return _with_ema(state, restored=False)


def _with_ema(state: TrainState, *, restored: bool) -> TrainState:
    """Start the moving averages at the parameters, unless they were restored."""
    if restored:
        return state
    averages: dict[str, Any] = {p: jax.tree.map(jnp.copy, state.params[p]) for p in state.ema}
    return dataclasses.replace(state, ema=averages)


def _require_same_architecture(look: NetworkLook, family: CineGan) -> None:
    found, wanted = architecture(look.generator), architecture(family.generator)
    differing = [
        f"generator.{name}={wanted[name]!r}, in the look {found[name]!r}"
        for name in wanted
        if found[name] != wanted[name]
    ]
    if differing:
        raise UserError(
            f"restore_from: the look {look.name} has another generator than this run: "
            f"{'; '.join(differing)}. Set these keys to the look's values"
        )


def _require_newest(source: str, step: str, kind: str) -> None:
    if step != "newest":
        raise UserError(
            f"restore_step={step!r} chooses among the checkpoints of a workdir, but "
            f"restore_from={source!r} is {kind}: leave restore_step out"
        )


def _which(step: str) -> Which:
    if step == "newest":
        return "newest"
    if step == "best":
        return "best"
    if step.isdigit():
        return int(step)
    raise UserError(f"restore_step={step!r} must be 'newest', 'best' or the number of a step")
