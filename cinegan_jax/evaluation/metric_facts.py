"""What is to be known of each metric to show it and to say which of two values is better."""

import dataclasses
from collections.abc import Mapping

from cinegan_jax.core.errors import UserError
from cinegan_jax.metrics.paired import PAIRED_METRICS, PairedMetric
from cinegan_jax.metrics.sets import SET_METRICS


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


def _facts(metric: PairedMetric) -> MetricFacts:
    label = f"{metric.label} {metric.unit}".strip()
    return MetricFacts(label, metric.higher_is_better, metric.decimals)


METRICS: Mapping[str, MetricFacts] = {
    **{name: _facts(metric) for name, metric in PAIRED_METRICS.items()},
    "lpips_alex": MetricFacts("LPIPS (AlexNet)", False, 4),
    "lpips_vgg": MetricFacts("LPIPS (VGG16)", False, 4),
    **{
        name: MetricFacts(metric.label, metric.higher_is_better, metric.decimals)
        for name, metric in SET_METRICS.items()
    },
}
"""By the name in files and options, in the order of tables."""
MAIN_METRICS = ("psnr", "ssim", "delta_e_76", "delta_e_2000")
"""Which the terminal shows, and every evaluation has."""


def facts(metric: str) -> MetricFacts:
    """The facts of a metric.

    Raises:
        UserError: there is no metric of that name.
    """
    if metric not in METRICS:
        raise UserError(f"metric {metric!r} is not one of {', '.join(METRICS)}")
    return METRICS[metric]
