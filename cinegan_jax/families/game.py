"""Settings of the adversarial game, as a section of a config. Imports no JAX."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from cinegan_jax.config.schema import Section, key

AdversarialLoss = Literal["hinge", "least_squares", "logistic"]
LABELLED_LOSSES = ("least_squares", "logistic")
"""The losses of logits against labels, 1 for real and 0 for fake."""

Augmentation = Literal["colour", "translation", "cutout"]
"""The policies of `ops.diff_augment`."""


@dataclass(frozen=True)
class Adversarial(Section):
    """The losses of discriminators and generator, and their stabilisers (docs/stabilisers.md)."""

    loss: AdversarialLoss = key(
        "hinge",
        "`hinge`, `least_squares` (arXiv 1611.04076) or `logistic`, the non-saturating loss "
        "(arXiv 1406.2661).",
    )
    label_smoothing: float = key(
        0.0,
        "Subtracted from the discriminators' label of real examples (one-sided, arXiv 1606.03498). "
        "Not for `hinge`.",
        at_least=0,
        below=1,
    )
    label_flips: float = key(
        0.0,
        "Share of examples whose labels are swapped for the discriminators (Chintala et al., "
        '"How to train a GAN", 2016). Not for `hinge`.',
        at_least=0,
        below=1,
    )
    noise: float = key(
        0.0,
        "Standard deviation of the noise on real and fake at the first step, in signed range "
        "(arXiv 1610.04490).",
        at_least=0,
    )
    noise_steps: int = key(
        0, "Steps in which the noise falls linearly to zero; 0: it stays.", at_least=0
    )
    augment: str = key(
        "",
        "DiffAugment policies on the discriminators' images, separated by commas: "
        "`colour,translation,cutout` (arXiv 2006.10738).",
    )
    r1: float = key(
        0.0,
        "Weight gamma of R1: gamma / 2 times the discriminators' squared gradient at real examples "
        "(arXiv 1801.04406).",
        at_least=0,
    )
    r1_every: int = key(
        16,
        "Steps from one R1 update to the next, whose loss is multiplied by this "
        "(arXiv 1912.04958).",
        at_least=1,
    )
    discriminator_updates: int = key(
        1,
        "Discriminator updates per step, each on its own minibatch (arXiv 1406.2661, algorithm 1).",
        at_least=1,
    )
    generator_updates: int = key(
        1,
        "Generator updates per step. In CineGAN, with 1 and 1 both players move together; with "
        "more of either, and in the other families always, in turn.",
        at_least=1,
    )

    def broken_rules(self, at: str) -> Iterator[str]:
        for policy in self.policies:
            if policy not in get_args(Augmentation):
                yield f"{at}augment={policy!r} is not one of {', '.join(get_args(Augmentation))}"
        for name in ("label_smoothing", "label_flips"):
            share = getattr(self, name)
            if share and self.loss not in LABELLED_LOSSES:
                yield (
                    f"{at}{name}={share} needs labels, which the loss {self.loss!r} has not; "
                    f"set {at}loss to one of {', '.join(LABELLED_LOSSES)}"
                )

    @property
    def policies(self) -> tuple[str, ...]:
        """The names in `augment`."""
        return tuple(filter(None, (name.strip() for name in self.augment.split(","))))

    @property
    def boundary(self) -> float:
        """The logit midway between the loss's aims for real and for fake."""
        return 0.5 if self.loss == "least_squares" else 0.0

    @property
    def simultaneous(self) -> bool:
        """True if both players may move from one forward pass."""
        return self.discriminator_updates == self.generator_updates == 1
