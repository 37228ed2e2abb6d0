"""A trained generator of images from latents."""

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

_PER_DEVICE = 16
"""Images per device and batch. It is fixed, since the last bit of an image can depend on the batch
size."""


@dataclasses.dataclass(frozen=True)
class LatentGenerator:
    """Generator whose image k of a seed is the same, however many images are generated.

    Attributes:
        family: the model family that was trained.
        networks: the networks of one step of the run.
        seed: 0 to 2^32 - 1.
        truncation: maximum absolute value of an entry of a latent (arXiv 1809.11096); 0: none.
    """

    family: LatentFamily
    networks: WorkdirNetworks
    seed: int = 0
    truncation: float = 0.0

    def latents(self, numbers: np.ndarray) -> np.ndarray:
        """Draw the latents of the images with these numbers, [n], as float32 [n, latent_size].

        Raises:
            UserError: truncation is requested and the family does not support it.
        """
        return self._draw(numbers.astype(np.uint32))

    def decode(self, latents: np.ndarray) -> np.ndarray:
        """Generate images, uint8 [n, h, w, 3], from latents [n, latent_size]."""
        return self._decode(latents)

    def judge(self, images: np.ndarray) -> np.ndarray:
        """Return the discriminator's logits, [n], of images uint8 [n, h, w, 3]."""
        return self._judge(images)

    @cached_property
    def _draw(self) -> OnDevices:
        key = jax.random.key(self.seed)

        def draw(_: None, numbers: jax.Array) -> jax.Array:
            keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, numbers)
            return self.family.latents(keys, self.truncation)

        return OnDevices(draw, per_device=_PER_DEVICE)

    @cached_property
    def _decode(self) -> OnDevices:
        def decode(networks: WorkdirNetworks, latents: jax.Array) -> jax.Array:
            return to_uint8(self.family.decode(networks.params, networks.state, latents))

        return OnDevices(decode, self.networks, per_device=_PER_DEVICE)

    @cached_property
    def _judge(self) -> OnDevices:
        def judge(networks: WorkdirNetworks, images: jax.Array) -> jax.Array:
            return self.family.judge(networks.params, networks.state, to_signed(images))

        return OnDevices(judge, self.networks, per_device=_PER_DEVICE)


def open_generator(
    workdir: str | os.PathLike[str], which: Which = "newest", seed: int = 0, truncation: float = 0.0
) -> LatentGenerator:
    """Load the generator of a run, averaged if the run kept an average, in float32.

    Args:
        workdir: workdir of the run, local or in a bucket.
        which: checkpoint to load.
        seed, truncation: see `LatentGenerator`.

    Raises:
        UserError: the folder has no run or no such checkpoint, or the run does not generate images
            from latents alone.
    """
    config = read_config(workdir)
    config.precision = "f32"
    family = build_family(config)
    if not makes_from_latents(family):
        raise UserError(
            f"{workdir} has a run of family {config.family!r}, which develops photos instead of "
            f"generating images from latents: use `cinegan apply --weights {workdir} PHOTOS`"
        )
    networks = read_networks(workdir, family, config.data.size, which)
    return LatentGenerator(family, networks, seed, truncation)
