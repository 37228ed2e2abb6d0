"""The seam between the trainer and a family of GANs.

A family owns its networks and *what* to minimise. The trainer owns *how*: gradients, averaging
over devices, optimizers, EMA, keys, lowering and saving. A new family never edits the trainer.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from cinegan_jax.types import Batch, Images, Params, Scalar

PixelPairs = tuple[np.ndarray, np.ndarray]
"""Pixels of photos and the same of their targets: unit float32 [p, 3] both."""


class Variables(NamedTuple):
    """What a family starts from."""

    params: Mapping[str, Params]
    """Trainable float32 masters, one entry a player (`generator`, `critics`, ...)."""
    state: Any
    """What a step advances without a gradient (singular vectors, batch statistics)."""


class Aux(NamedTuple):
    """What an objective gives back beside its losses."""

    state: Any
    metrics: Mapping[str, Scalar]
    signals: Mapping[str, Scalar] = {}
    """Signs of health, means over the batch, named `WHOSE/what/PART`: `critics/accuracy_real_full`.
    Most steps leave them out, and then their computation too."""
    generated: Images | None = None
    """The pictures that the losses were computed of, signed; the trainer measures them now and
    then, beside what the batch says that they should be."""


class Moment(NamedTuple):
    """When an objective is asked: what its schedules and its randomness follow."""

    step: int | jax.Array
    """Steps taken before this one."""
    keys: jax.Array
    """One random key a pair of the batch, [n]: what is drawn for a pair does not depend on how
    pairs are spread over devices or parts."""


def moment_at(
    step: int | jax.Array, key: jax.Array, pairs: int, first: int | jax.Array = 0
) -> Moment:
    """The moment of so many pairs of a batch, the first of them being the batch's `first`."""
    fold = jax.vmap(jax.random.fold_in, in_axes=(None, 0))
    return Moment(step, fold(key, first + jnp.arange(pairs)))


class Objective(Protocol):
    """Pure: one scalar loss for each player it moves, all from one forward pass."""

    def __call__(
        self, params: Mapping[str, Params], state: Any, frozen: Any, batch: Batch, moment: Moment, /
    ) -> tuple[Mapping[str, Scalar], Aux]: ...


class Update(NamedTuple):
    """Players that move together: one vjp of `objective` gives each of them its gradient."""

    objective: Objective
    players: tuple[str, ...]
    repeats: int = 1
    """Times in a step, each on a minibatch of its own."""
    every: int = 1
    """Only at steps that this divides; in the others its metrics are zero and it costs nothing
    (lazy regularisation, arXiv 1912.04958)."""
    name: str = ""
    """Ends the names of its losses and gradient norms: updates that share a player differ in it."""


class GanFamily(Protocol):
    """A family of GANs, as the trainer sees it."""

    updates: tuple[Update, ...]
    """Carried out in this order at each step."""
    averaged: tuple[str, ...]
    """The players of which the trainer keeps an EMA when one is asked for."""

    def init(self, rng: jax.Array, batch: Batch, /) -> Variables:
        """Parameters and state for pictures of the shapes in `batch`."""
        ...

    def fitted(self, pixels: Callable[[], PixelPairs], /) -> Mapping[str, Params]:
        """The parameters, if any, that are fitted to colours in closed form before the first step.

        Args:
          pixels: gives pixels of the training pairs; called only if something is fitted to them.

        Returns:
          For each player concerned the part of its parameters that takes other values.
        """
        ...

    def load_frozen(self) -> Any:
        """Arrays that the objectives read and nothing trains; read from disk here, not before.

        Raises:
          UserError: a file is missing or wrong.
        """
        ...

    def frozen_shapes(self) -> Any:
        """The same as shapes, without reading anything."""
        ...

    def generate(
        self, params: Mapping[str, Params], state: Any, batch: Batch, rng: jax.Array, /
    ) -> Images:
        """Signed pictures [n, h, w, 3] for the batch's inputs."""
        ...
