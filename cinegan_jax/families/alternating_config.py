"""The config of families whose discriminator and generator move in turn. Imports no JAX."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cinegan_jax.config.run import DataSettings, LatentRunConfig
from cinegan_jax.config.schema import key, section
from cinegan_jax.families.game import Adversarial

BatchNormScope = Literal["global", "replica"]
"""The examples whose statistics batch norm uses in training."""


@dataclass(frozen=True)
class AlternatingConfig(LatentRunConfig):
    """The keys of every such run."""

    batch_norm: BatchNormScope = key(
        "global",
        "Statistics of batch norm in training: of the whole batch, or of each device's part "
        "(`replica`, with `pmap` only).",
    )
    adversarial: Adversarial = section(Adversarial(loss="logistic"))

    def broken_rules(self, at: str) -> Iterator[str]:
        yield from super().broken_rules(at)
        yield from _broken_size_rules(self.data, self.spatial, self.family, at)
        if self.batch_norm == "replica" and self.parallelism != "pmap":
            yield (
                f"{at}batch_norm='replica' needs {at}parallelism='pmap', not "
                f"{self.parallelism!r}, under which the batch is one; "
                f"choose {at}batch_norm='global'"
            )


def _broken_size_rules(data: DataSettings, spatial: int, family: str, at: str) -> Iterator[str]:
    if data.size & (data.size - 1):
        yield (
            f"{at}data.size={data.size} must be a power of two: family {family!r} doubles 4x4 "
            "feature maps up to it"
        )
    if spatial != 1:
        yield (
            f"{at}spatial={spatial} splits the rows of large images; family {family!r} has "
            f"feature maps of 4 rows, so set {at}spatial=1"
        )
