"""Confidence intervals of means over photos, and of the difference of two methods."""

import dataclasses
import math

import numpy as np
from scipy import stats

RESAMPLES = 10_000
CONFIDENCE = 0.95
_BATCH = 1000  # resamples at once, to bound memory


def mean_interval(
    values: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the 95 % bootstrap interval of means, from expanded percentiles.

    Percentiles of resampled means are too narrow for few photos, by about the ratio of a normal
    interval to Student's. Hesterberg (The American Statistician 69(4), 2015, section 4.2) therefore
    takes wider ones. Then the interval holds the mean in 95 % of cases from 8 normal values on, and
    in 91 % for 5.

    Args:
        values: [..., n]; means are taken over the last axis. One resample serves all rows.
        resamples: number of resamples.
        seed: of the resamples.

    Returns:
        Lower and upper ends, [...] each; NaN where a row has one value only, or an infinite one.
    """
    values = np.asarray(values, np.float64)
    count = values.shape[-1]
    finite = np.isfinite(values).all(axis=-1, keepdims=True) & (count > 1)
    if not finite.any():
        return np.full(values.shape[:-1], np.nan), np.full(values.shape[:-1], np.nan)
    found = stats.bootstrap(
        (np.where(finite, values, 0.0),),
        np.mean,
        n_resamples=resamples,
        batch=_BATCH,
        axis=-1,
        confidence_level=_expanded(count),
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    low, high = (np.where(finite[..., 0], end, np.nan) for end in found)
    return low, high


def _expanded(count: int) -> float:
    """Return the level of percentiles as wide as Student's interval of `count` normal values."""
    student = stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)
    tail = float(stats.norm.cdf(-math.sqrt(count / (count - 1)) * student))
    return 1 - 2 * tail


@dataclasses.dataclass(frozen=True)
class PairedDifference:
    """Scores of one method minus those of another, photo by photo."""

    photos: int
    """Photos on which both have a score."""
    mean: float
    low: float
    """Lower end of the mean's 95 % interval: `mean_interval` of the differences."""
    high: float
    larger: float
    """Share of photos on which the first method's score is the larger."""
    smaller: float
    """Share of photos on which it is the smaller; on the others both are equal."""

    @property
    def significant(self) -> bool:
        """True if the interval excludes zero."""
        return self.low > 0 or self.high < 0


def paired_difference(
    scores: np.ndarray, others: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0
) -> PairedDifference:
    """Compute the mean of `scores - others` and its interval.

    Photos are resampled, not scores: what is hard for both methods cancels in each difference. A
    photo on which either score is NaN is left out; two infinite scores differ by zero.

    Args:
        scores: [n], of one method on n photos.
        others: [n], of another on the same photos in the same order.
        resamples, seed: see `mean_interval`.

    Raises:
        ValueError: the shapes are not two equal [n].
    """
    scores, others = np.asarray(scores, np.float64), np.asarray(others, np.float64)
    if scores.shape != others.shape or scores.ndim != 1:
        raise ValueError(f"paired scores are two arrays [n], got {scores.shape}, {others.shape}")
    known = ~(np.isnan(scores) | np.isnan(others))
    scores, others = scores[known], others[known]
    differences = np.subtract(
        scores, others, where=scores != others, out=np.zeros_like(scores)
    )  # inf - inf is NaN
    if not differences.size:
        return PairedDifference(0, *[float("nan")] * 5)
    low, high = mean_interval(differences, resamples=resamples, seed=seed)
    return PairedDifference(
        photos=differences.size,
        mean=float(differences.mean()),
        low=float(low),
        high=float(high),
        larger=float(np.mean(differences > 0)),
        smaller=float(np.mean(differences < 0)),
    )
