"""The seam between the trainer and a family of GANs.

A family owns its networks and *what* to minimise. The trainer owns *how*: gradients, averaging
over devices, optimizers, EMA, keys, partitioning and saving. A new family never edits the trainer.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple, Protocol, TypeGuard

import jax
import jax.numpy as jnp
import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.types import Batch, Images, Params, Scalar

PixelPairs = tuple[np.ndarray, np.ndarray]
"""Pixels of photos and the same of their targets: unit float32 [p, 3] both."""


Learned = Literal["pairs", "images"]
"""What a family's batches hold: `target`, the real pictures, and of pairs `input` as well."""


def unaveraged(tree: Any) -> Any:
    """The mean over replicas where there is only one."""
    return tree


class Variables(NamedTuple):
    """What a family starts from."""

    params: Mapping[str, Params]
    """Trainable float32 masters, one entry a player (`generator`, `discriminators`, ...)."""
    state: Any
    """What a step advances without a gradient (singular vectors, batch statistics)."""


class Aux(NamedTuple):
    """What an objective gives back beside its losses."""

    state: Any
    metrics: Mapping[str, Scalar]
    diagnostics: Mapping[str, Scalar] = {}
    """Signs of health, means over the batch: `discriminator/accuracy_real_full`.
    Most steps leave them out, and then their computation too."""
    generated: Images | None = None
    """The pictures that the losses were computed of, signed; the trainer measures them now and
    then, beside what the batch says that they should be."""


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["step", "keys"],
    meta_fields=["average", "replicas"],
)
@dataclass(frozen=True)
class StepContext:
    """When an objective is asked: what its schedules and its randomness follow."""

    step: int | jax.Array
    """Steps taken before this one."""
    keys: jax.Array
    """One random key an example of the batch, [n]: what is drawn for an example does not depend on
    how they are spread over devices or parts."""
    average: Callable[[Any], Any] = unaveraged
    """The mean over replicas of every array in a tree: of statistics, the whole batch's."""
    replicas: int = 1
    """How many the batch is spread over, each with as many examples."""


def step_context(
    step: int | jax.Array,
    key: jax.Array,
    examples: int,
    first: int | jax.Array = 0,
    average: Callable[[Any], Any] = unaveraged,
    replicas: int = 1,
) -> StepContext:
    """The context of so many examples of a batch, the first of them being the batch's `first`."""
    return StepContext(step, example_keys(key, examples, first), average, replicas)


def example_keys(key: jax.Array, examples: int, first: int | jax.Array = 0) -> jax.Array:
    """One key [n] for each example, by its place in the batch."""
    fold = jax.vmap(jax.random.fold_in, in_axes=(None, 0))
    return fold(key, first + jnp.arange(examples))


class Objective(Protocol):
    """Pure: one scalar loss for each player it moves, all from one forward pass."""

    def __call__(
        self,
        params: Mapping[str, Params],
        state: Any,
        frozen: Any,
        batch: Batch,
        context: StepContext,
        /,
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
    """A family of GANs, as the trainer sees it; one that inherits from it need not write all."""

    learns_from: Learned
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
        return {}

    def load_frozen(self) -> Any:
        """Arrays that the objectives read and nothing trains; read from disk here, not before.

        Raises:
          UserError: a file is missing or wrong.
        """
        return None

    def frozen_shapes(self) -> Any:
        """The same as shapes, without reading anything."""
        return None

    def generate(
        self, params: Mapping[str, Params], state: Any, batch: Batch, rng: jax.Array, /
    ) -> Images:
        """Signed pictures [n, h, w, 3]: for the batch's inputs, or as many as its targets."""
        ...


class LatentFamily(GanFamily, Protocol):
    """A family whose pictures come from nothing but latents."""

    learns_from: Learned = "images"
    latent_size: int

    def latents(self, keys: jax.Array, truncation: float = 0.0, /) -> jax.Array:
        """One latent a key, float32 [n, latent_size]: by default standard normal.

        Args:
          keys: [n].
          truncation: no entry is further from 0 (arXiv 1809.11096); 0: they are not bounded.

        Raises:
          UserError: it is negative, or this family cannot truncate.
        """
        if not 0 <= truncation < math.inf:
            raise UserError(
                f"truncation={truncation} must be a number, 0 or more; 0 does not truncate"
            )

        def draw(key: jax.Array) -> jax.Array:
            if truncation == 0:  # one of millions truncated at infinity is the least float32
                return jax.random.normal(key, (self.latent_size,))
            return jax.random.truncated_normal(key, -truncation, truncation, (self.latent_size,))

        return jax.vmap(draw)(keys)

    def decode(self, params: Mapping[str, Params], state: Any, latents: jax.Array, /) -> Images:
        """Signed pictures [n, h, w, 3] of latents [n, latent_size]."""
        ...

    def judge(self, params: Mapping[str, Params], state: Any, images: Images, /) -> jax.Array:
        """The discriminator's logits [n] of signed pictures [n, h, w, 3]."""
        ...

    def generate(
        self, params: Mapping[str, Params], state: Any, batch: Batch, rng: jax.Array, /
    ) -> Images:
        """Pictures of latents of which each has a key of its own."""
        keys = example_keys(rng, len(batch["target"]))
        return self.decode(params, state, self.latents(keys))


def makes_from_latents(family: GanFamily) -> TypeGuard[LatentFamily]:
    """Whether the family's pictures come from nothing but latents."""
    return hasattr(family, "latent_size")
