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

from cinegan_jax.config.run import ActivationPrecision
from cinegan_jax.core.errors import UserError
from cinegan_jax.core.types import Batch, Images, Params, Scalar

PixelPairs = tuple[np.ndarray, np.ndarray]
"""Pixels of photos and of their targets: unit float32 [p, 3] both."""

Learned = Literal["pairs", "images"]
"""The content of a family's batches: `target`, the real images, and for pairs `input` as well."""

_DTYPES: Mapping[ActivationPrecision, jnp.dtype] = {
    "bf16": jnp.dtype(jnp.bfloat16),
    "f32": jnp.dtype(jnp.float32),
}


def activation_dtype(precision: ActivationPrecision) -> jnp.dtype:
    """Return the dtype of activations for `config.precision`; parameters are always float32."""
    return _DTYPES[precision]


def unaveraged(tree: Any) -> Any:
    """Return the tree as it is: the mean over a single replica."""
    return tree


class Variables(NamedTuple):
    """The parameters and the state of a family."""

    params: Mapping[str, Params]
    """Trainable float32 masters, one entry per player (`generator`, `discriminator`)."""
    state: Any
    """Arrays that a step advances without a gradient (singular vectors, batch statistics)."""


class Aux(NamedTuple):
    """The results of an objective beside its losses."""

    state: Any
    metrics: Mapping[str, Scalar]
    diagnostics: Mapping[str, Scalar] = {}
    """Signs of health, means over the batch: `discriminator/accuracy_real_full`.
    Most steps do not read them, and then do not compute them."""
    generated: Images | None = None
    """The generated images, signed. The trainer compares them with the batch's targets in steps
    that measure health."""


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["step", "keys"],
    meta_fields=["average", "replicas"],
)
@dataclass(frozen=True)
class StepContext:
    """The step and the random keys of one call of an objective, and its replicas."""

    step: int | jax.Array
    """Steps taken before this one."""
    keys: jax.Array
    """One random key per example of the batch, [n]. So the numbers drawn for an example do not
    depend on the partitioning over devices or parts."""
    average: Callable[[Any], Any] = unaveraged
    """Computes the mean over replicas of every array in a tree."""
    replicas: int = 1
    """The number of replicas; each has the same number of examples."""


def step_context(
    step: int | jax.Array,
    key: jax.Array,
    examples: int,
    first: int | jax.Array = 0,
    average: Callable[[Any], Any] = unaveraged,
    replicas: int = 1,
) -> StepContext:
    """Return the context of `examples` examples, which start at the batch's number `first`."""
    return StepContext(step, example_keys(key, examples, first), average, replicas)


def example_keys(key: jax.Array, examples: int, first: int | jax.Array = 0) -> jax.Array:
    """Return one key [n] per example, by its place in the batch."""
    fold = jax.vmap(jax.random.fold_in, in_axes=(None, 0))
    return fold(key, first + jnp.arange(examples))


class Objective(Protocol):
    """A pure function that returns one scalar loss per player, all from one forward pass."""

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
    """Repetitions in a step, each on its own minibatch."""
    every: int = 1
    """Carried out only at steps divisible by this. At the others its metrics are zero and it costs
    nothing (lazy regularisation, arXiv 1912.04958)."""
    name: str = ""
    """Suffix of its losses and gradient norms; distinguishes updates of the same player."""


class GanFamily(Protocol):
    """A family of GANs, as the trainer sees it. Methods with a body may be inherited."""

    learns_from: Learned
    updates: tuple[Update, ...]
    """Carried out in this order at each step."""
    averaged: tuple[str, ...]
    """The players whose moving average (EMA) the trainer keeps, if the config asks for one."""

    def init(self, rng: jax.Array, batch: Batch, /) -> Variables:
        """Return parameters and state for images of the shapes in `batch`."""
        ...

    def fitted(self, pixels: Callable[[], PixelPairs], /) -> Mapping[str, Params]:
        """Return parameters that are fitted to colours in closed form before the first step.

        Args:
          pixels: returns pixels of the training pairs; called only if something is fitted.

        Returns:
          For each player concerned, the part of its parameters that takes other values.
        """
        return {}

    def load_frozen(self) -> Any:
        """Read the arrays that the objectives use and nothing trains.

        Raises:
          UserError: a file is missing or wrong.
        """
        return None

    def frozen_shapes(self) -> Any:
        """Return the shapes of the frozen arrays, without reading a file."""
        return None

    def generator_variables(self, params: Mapping[str, Params], state: Any, /) -> dict[str, Any]:
        """Return the collections with which the generator's Flax module is applied."""
        return {"params": params["generator"]}

    def generate(
        self, params: Mapping[str, Params], state: Any, batch: Batch, rng: jax.Array, /
    ) -> Images:
        """Return signed images [n, h, w, 3], one for each input or each target of the batch."""
        ...


class LatentFamily(GanFamily, Protocol):
    """A family that generates images from latents alone."""

    learns_from: Learned = "images"
    latent_size: int

    def latents(self, keys: jax.Array, truncation: float = 0.0, /) -> jax.Array:
        """Return one latent per key, float32 [n, latent_size]: by default standard normal.

        Args:
          keys: [n].
          truncation: largest distance of an entry from 0 (arXiv 1809.11096); 0: unbounded.

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
        """Return signed images [n, h, w, 3] generated from latents [n, latent_size]."""
        ...

    def judge(self, params: Mapping[str, Params], state: Any, images: Images, /) -> jax.Array:
        """Return the discriminator's logits [n] for signed images [n, h, w, 3]."""
        ...

    def generate(
        self, params: Mapping[str, Params], state: Any, batch: Batch, rng: jax.Array, /
    ) -> Images:
        """Return images from latents, each drawn with its own key."""
        keys = example_keys(rng, len(batch["target"]))
        return self.decode(params, state, self.latents(keys))


def makes_from_latents(family: GanFamily) -> TypeGuard[LatentFamily]:
    """Return whether the family generates images from latents alone."""
    return hasattr(family, "latent_size")
