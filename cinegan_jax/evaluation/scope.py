"""What an evaluation covers: protocols, pairs, metrics."""

import dataclasses
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

from cinegan_jax.core.errors import UserError
from cinegan_jax.evaluation.metric_facts import MAIN_METRICS
from cinegan_jax.evaluation.protocols import FILMNET_SIZE, PROTOCOLS, Prepare, protocols
from cinegan_jax.metrics.paired import PAIRED_METRICS, PairedMetric, lpips_metric


@dataclasses.dataclass(frozen=True)
class Scope:
    """What is scored.

    Attributes:
        protocols: their names.
        size: side of the `filmnet` protocol's squashed pictures.
        limit: so many pairs, spread evenly over the split; None: all.
        metrics: names in `PAIRED_METRICS`.
        learned: further metrics of single pictures, with weights of their own.
    """

    protocols: tuple[str, ...] = PROTOCOLS
    size: int = FILMNET_SIZE
    limit: int | None = None
    metrics: tuple[str, ...] = tuple(PAIRED_METRICS)
    learned: tuple[PairedMetric, ...] = ()

    @cached_property
    def prepares(self) -> Mapping[str, Prepare]:
        """What prepares pictures, by protocol.

        Raises:
            UserError: there is no protocol of a name.
        """
        return protocols(self.size, self.protocols)


EVERYTHING = Scope()


def make_scope(
    protocol: str, limit: int | None, without: Iterable[str], lpips: Path | None
) -> Scope:
    """The scope that options ask for.

    Args:
        protocol: one protocol, or `all`.
        limit: as `Scope`.
        without: metrics to leave out; those of the main table cannot be.
        lpips: file to score LPIPS by.

    Raises:
        UserError: there is no such metric to leave out, or the file cannot be used.
    """
    optional = [name for name in PAIRED_METRICS if name not in MAIN_METRICS]
    for name in without:
        if name not in optional:
            raise UserError(f"--without {name}: it is not one of {', '.join(optional)}")
    return Scope(
        protocols=PROTOCOLS if protocol == "all" else (protocol,),
        limit=limit,
        metrics=tuple(name for name in PAIRED_METRICS if name not in without),
        learned=(lpips_metric(lpips),) if lpips else (),
    )
