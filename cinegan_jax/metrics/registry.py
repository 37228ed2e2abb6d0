"""Every metric by name: how it is computed, written and compared."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Protocol

import jax

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.types import Images
from cinegan_jax.metrics.delta_e import delta_e_76, delta_e_2000
from cinegan_jax.metrics.feature_distance import SMALLEST_SIDE, random_feature_distance
from cinegan_jax.metrics.highlights import delta_e_highlights, psnr_highlights
from cinegan_jax.metrics.histogram import histogram_distance
from cinegan_jax.metrics.lpips import load_lpips
from cinegan_jax.metrics.psnr_ssim import SSIM_WINDOW, psnr, ssim


@dataclasses.dataclass(frozen=True)
class MetricFacts:
    """How the values of a metric are written and compared."""

    name: str
    """Name in files and options."""
    label: str
    """Name in tables, without the unit."""
    higher_is_better: bool
    decimals: int
    """Decimals worth showing."""
    unit: str = ""

    @property
    def heading(self) -> str:
        """The label with the unit."""
        return f"{self.label} {self.unit}".strip()


class PairedFunction(Protocol):
    """Scores float [n] of images, unit [n, h, w, 3], against their references.

    With `ignore_nans`, pixels that are NaN in both, such as padding at the bottom and right, do not
    count. Without it they make the score NaN.
    """

    def __call__(
        self, images: Images, references: Images, *, ignore_nans: bool = False
    ) -> jax.Array: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairedMetric(MetricFacts):
    """A metric of one image against its reference."""

    function: PairedFunction
    smallest_side: int = 1
    """Shortest side of an image that can be scored, in pixels."""
    may_lack: bool = False
    """True if some images may have no score (NaN); means leave those out."""


_HIGHER, _LOWER = True, False

PAIRED_METRICS: Mapping[str, PairedMetric] = {
    metric.name: metric
    for metric in (
        PairedMetric("psnr", "PSNR", _HIGHER, 2, "dB", function=psnr),
        PairedMetric("ssim", "SSIM", _HIGHER, 4, function=ssim, smallest_side=SSIM_WINDOW),
        PairedMetric("delta_e_76", "delta E 76", _LOWER, 2, function=delta_e_76),
        PairedMetric("delta_e_2000", "delta E 2000", _LOWER, 2, function=delta_e_2000),
        PairedMetric("histogram", "colour histograms", _LOWER, 2, function=histogram_distance),
        PairedMetric(
            "random_features",
            "random features",
            _LOWER,
            4,
            function=random_feature_distance,
            smallest_side=SMALLEST_SIDE,
        ),
        PairedMetric(
            "psnr_highlights",
            "PSNR, highlights",
            _HIGHER,
            2,
            "dB",
            function=psnr_highlights,
            may_lack=True,
        ),
        PairedMetric(
            "delta_e_highlights",
            "delta E 76, highlights",
            _LOWER,
            2,
            function=delta_e_highlights,
            may_lack=True,
        ),
    )
}
"""Metrics of image pairs that need no weights file, in the order of tables."""

SET_METRICS: Mapping[str, MetricFacts] = {
    metric.name: metric
    for metric in (
        MetricFacts("fid", "FID", _LOWER, 2),
        MetricFacts("patch_fid", "patch-FID", _LOWER, 2),
        MetricFacts("kid", "KID", _LOWER, 5),
        MetricFacts("kid_std", "KID, deviation", _LOWER, 5),
        MetricFacts("feature_distance", "feature distance", _LOWER, 4),
        MetricFacts("kernel_distance", "kernel distance", _LOWER, 6),
        MetricFacts("high_quality", "share of recognised images", _HIGHER, 3),
        MetricFacts("modes_covered", "modes covered", _HIGHER, 0),
        MetricFacts("mode_total_variation", "modes, total variation", _LOWER, 3),
        MetricFacts("mode_reverse_kl", "modes, reverse KL", _LOWER, 3),
    )
}
"""Metrics of whole sets of images, in the order of tables."""

_LPIPS: Mapping[str, MetricFacts] = {
    "lpips_alex": MetricFacts("lpips_alex", "LPIPS (AlexNet)", _LOWER, 4),
    "lpips_vgg": MetricFacts("lpips_vgg", "LPIPS (VGG16)", _LOWER, 4),
}

METRICS: Mapping[str, MetricFacts] = {**PAIRED_METRICS, **_LPIPS, **SET_METRICS}
"""All metrics, in the order of tables."""
MAIN_METRICS = ("psnr", "ssim", "delta_e_76", "delta_e_2000")
"""Metrics that the terminal shows and every evaluation of image pairs has."""


def facts(metric: str) -> MetricFacts:
    """Return the facts of a metric.

    Raises:
        UserError: there is no metric of that name.
    """
    if metric not in METRICS:
        raise UserError(f"metric {metric!r} is not one of {', '.join(METRICS)}")
    return METRICS[metric]


def lpips_metric(path: str | os.PathLike[str]) -> PairedMetric:
    """Return LPIPS with the weights of a file that `cinegan convert lpips` wrote.

    Raises:
        UserError: as `load_lpips`.
    """
    lpips = load_lpips(path)
    known = _LPIPS[lpips.name]
    return PairedMetric(
        **dataclasses.asdict(known), function=lpips, smallest_side=lpips.smallest_side
    )
