"""A trained generator of pictures from latents."""

import dataclasses
import os
from functools import cached_property

import jax
import numpy as np

from cinegan_jax.checkpointing.pretrained import Which
from cinegan_jax.core.errors import UserError
from cinegan_jax.families.api import LatentFamily, makes_from_latents
from cinegan_jax.families.registry import build_family
from cinegan_jax.inference.run_networks import WorkdirNetworks, read_config, read_networks
from cinegan_jax.metrics.devices import OnDevices
from cinegan_jax.ops.images import to_signed, to_uint8

PER_DEVICE = 16
"""Pictures that a device makes at a time. A picture's last bit may depend on how many are made with
it, so they are always as many."""


@dataclasses.dataclass(frozen=True)
class LatentGenerator:
    """Numbers to pictures: picture k of a seed is the same however many are made.

    Attributes:
        family: that was trained.
        networks: of the run, from whichever step.
        seed: 0 to 2^32 - 1.
        truncation: how far from 0 an entry of a latent may lie (arXiv 1809.11096); 0: however far.
    """

    family: LatentFamily
    networks: WorkdirNetworks
    seed: int = 0
    truncation: float = 0.0

    def latents(self, numbers: np.ndarray) -> np.ndarray:
        """Latents of the pictures of these numbers: integers [n] to float32 [n, latent_size].

        Raises:
            UserError: the family has no truncation and one is asked for.
        """
        return self._draw(numbers.astype(np.uint32))

    def decode(self, latents: np.ndarray) -> np.ndarray:
        """Pictures uint8 [n, h, w, 3] of latents [n, latent_size]."""
        return self._decode(latents)

    def judge(self, pictures: np.ndarray) -> np.ndarray:
        """The discriminator's logits [n] of pictures uint8 [n, h, w, 3]."""
        return self._judge(pictures)

    @cached_property
    def _draw(self) -> OnDevices:
        key = jax.random.key(self.seed)

        def draw(_: None, numbers: jax.Array) -> jax.Array:
            keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, numbers)
            return self.family.latents(keys, self.truncation)

        return OnDevices(draw, per_device=PER_DEVICE)

    @cached_property
    def _decode(self) -> OnDevices:
        def decode(networks: WorkdirNetworks, latents: jax.Array) -> jax.Array:
            return to_uint8(self.family.decode(networks.params, networks.state, latents))

        return OnDevices(decode, self.networks, per_device=PER_DEVICE)

    @cached_property
    def _judge(self) -> OnDevices:
        def judge(networks: WorkdirNetworks, pictures: jax.Array) -> jax.Array:
            return self.family.judge(networks.params, networks.state, to_signed(pictures))

        return OnDevices(judge, self.networks, per_device=PER_DEVICE)


def open_generator(
    workdir: str | os.PathLike[str], which: Which = "newest", seed: int = 0, truncation: float = 0.0
) -> LatentGenerator:
    """The generator of a run, its average where the run kept one, computing in float32.

    Args:
        workdir: the run's folder; may be in a bucket.
        which: of its checkpoints.
        seed, truncation: see `LatentGenerator`.

    Raises:
        UserError: the folder holds no run, no such checkpoint, or a run whose pictures do not come
            from latents alone.
    """
    config = read_config(workdir)
    config.precision = "f32"
    family = build_family(config)
    if not makes_from_latents(family):
        raise UserError(
            f"{workdir} holds a run of family {config.family!r}, which develops photos instead of "
            f"making pictures from latents: use `cinegan apply --weights {workdir} PHOTOS`"
        )
    networks = read_networks(workdir, family, config.data.size, which)
    return LatentGenerator(family, networks, seed, truncation)
