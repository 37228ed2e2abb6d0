"""What is to be known of each metric to show it and to say which of two values is better."""

import dataclasses
from collections.abc import Mapping

from cinegan_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class MetricFacts:
    """How a metric is written.

    Attributes:
        label: for headings, with the unit.
        higher_is_better: whether the larger of two values is the better one.
        decimals: worth showing.
    """

    label: str
    higher_is_better: bool
    decimals: int


METRICS: Mapping[str, MetricFacts] = {
    "psnr": MetricFacts("PSNR dB", True, 2),
    "ssim": MetricFacts("SSIM", True, 4),
    "delta_e_76": MetricFacts("delta E 76", False, 2),
    "delta_e_2000": MetricFacts("delta E 2000", False, 2),
}
"""By the name in files and options, in the order of tables."""


def facts(metric: str) -> MetricFacts:
    """The facts of a metric.

    Raises:
        UserError: there is no metric of that name.
    """
    if metric not in METRICS:
        raise UserError(f"metric {metric!r} is not one of {', '.join(METRICS)}")
    return METRICS[metric]
