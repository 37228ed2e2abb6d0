"""Every metric of a picture against its reference, by name."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Protocol

import jax

from cinegan_jax.core.types import Images
from cinegan_jax.metrics.delta_e import delta_e_76, delta_e_2000
from cinegan_jax.metrics.feature_distance import SMALLEST_SIDE, random_feature_distance
from cinegan_jax.metrics.highlights import delta_e_highlights, psnr_highlights
from cinegan_jax.metrics.histogram import histogram_distance
from cinegan_jax.metrics.lpips import load_lpips
from cinegan_jax.metrics.psnr import psnr
from cinegan_jax.metrics.ssim import WINDOW, ssim


class Measure(Protocol):
    """Scores pictures, unit [n, h, w, 3], against their references: float [n].

    With `ignore_nans`, pixels that are NaN in both, as padding at the bottom and right, do not
    count; without it they make the score NaN.
    """

    def __call__(
        self, images: Images, references: Images, *, ignore_nans: bool = False
    ) -> jax.Array: ...


@dataclasses.dataclass(frozen=True)
class PairedMetric:
    """A metric and what a table needs to show it."""

    name: str
    """In files and options."""
    label: str
    """For people."""
    unit: str
    """Empty where it has none."""
    function: Measure
    higher_is_better: bool
    decimals: int
    """How many are worth showing."""
    smallest_side: int = 1
    """Pictures with a shorter side cannot be scored, in pixels."""
    may_lack: bool = False
    """Whether it is NaN for pictures that lack what it looks at; means leave those out."""


PAIRED_METRICS: Mapping[str, PairedMetric] = {
    metric.name: metric
    for metric in (
        PairedMetric("psnr", "PSNR", "dB", psnr, True, 2),
        PairedMetric("ssim", "SSIM", "", ssim, True, 4, smallest_side=WINDOW),
        PairedMetric("delta_e_76", "delta E 76", "", delta_e_76, False, 2),
        PairedMetric("delta_e_2000", "delta E 2000", "", delta_e_2000, False, 2),
        PairedMetric("histogram", "colour histograms", "", histogram_distance, False, 2),
        PairedMetric(
            "random_features",
            "random features",
            "",
            random_feature_distance,
            False,
            4,
            smallest_side=SMALLEST_SIDE,
        ),
        PairedMetric(
            "psnr_highlights", "PSNR, highlights", "dB", psnr_highlights, True, 2, may_lack=True
        ),
        PairedMetric(
            "delta_e_highlights",
            "delta E 76, highlights",
            "",
            delta_e_highlights,
            False,
            2,
            may_lack=True,
        ),
    )
}
"""In the order of tables."""


def lpips_metric(path: str | os.PathLike[str]) -> PairedMetric:
    """LPIPS by the weights file that `cinegan convert lpips` writes.

    Raises:
        UserError: as `load_lpips`.
    """
    lpips = load_lpips(path)
    label = {"alex": "LPIPS (AlexNet)", "vgg": "LPIPS (VGG16)"}[lpips.net]
    return PairedMetric(lpips.name, label, "", lpips, False, 4, smallest_side=lpips.smallest_side)
