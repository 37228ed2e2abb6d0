"""Settings of CineGAN's networks, as sections of a config. Imports no JAX."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cinegan_jax.config.schema import Section, key

NormName = Literal["instance", "layer"]
"""Normalisation of the generator's blocks: over the image, or over the channels of each pixel."""


@dataclass(frozen=True)
class ResUnetSettings(Section):
    """The residual U-Net generator."""

    width: int = key(64, "Channels of the full-size stages.", at_least=1, at_most=1024)
    num_blocks: int = key(9, "Residual blocks at an eighth of the size.", at_least=0, at_most=64)
    residual: bool = key(
        False, "Add the last convolution, zero at the start, to the input instead of using tanh."
    )
    colour_path: int = key(
        0,
        "Channels of 1x1 convolutions past all normalisation; 0: none.",
        at_least=0,
        at_most=4096,
    )
    glow_path: int = key(
        0,
        "Channels of blurred light that enter the colour path; 0: none. Needs `colour_path`.",
        at_least=0,
        at_most=1024,
    )
    colour_table: int = key(
        0,
        "Nodes per axis of a LUT, fitted to the training pairs before the first step, that takes "
        "the place of the input in `residual`; 0: none, else 2 or more.",
        at_least=0,
        at_most=256,
    )
    norm: NormName = key(
        "instance",
        "Normalisation: `instance` over the image, `layer` over the channels of each pixel.",
    )
    monochrome: bool = key(False, "Average the channels of the result, for black-and-white looks.")

    def broken_rules(self, at: str) -> Iterator[str]:
        if self.colour_table == 1:
            yield f"{at}colour_table=1 must be 0 (no table) or 2 or more nodes per axis"
        if self.colour_table and not self.residual:
            yield (
                f"{at}colour_table={self.colour_table} needs {at}residual=True; "
                f"set it, or {at}colour_table=0"
            )
        if self.glow_path and not self.colour_path:
            yield (
                f"{at}glow_path={self.glow_path} needs {at}colour_path of 1 or more channels; "
                f"set it, or {at}glow_path=0"
            )


@dataclass(frozen=True)
class PatchDiscriminatorSettings(Section):
    """Both PatchGAN discriminators."""

    width: int = key(64, "Channels of the first layer.", at_least=1)
