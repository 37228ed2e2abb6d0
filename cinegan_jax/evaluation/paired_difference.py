"""Whether one method beats another on the same photos."""

import dataclasses

import numpy as np

from cinegan_jax.evaluation.bootstrap import RESAMPLES, mean_interval


@dataclasses.dataclass(frozen=True)
class PairedDifference:
    """Scores of one method less those of another, photo by photo."""

    photos: int
    """On which both have a score."""
    mean: float
    low: float
    """Lower end of the mean's 95 % interval, `bootstrap.mean_interval` of the differences."""
    high: float
    larger: float
    """Share of photos on which the first one's score is the larger."""
    smaller: float
    """Share on which it is the smaller; on the others both are equal."""

    @property
    def told_apart(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


def paired_difference(
    scores: np.ndarray, others: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0
) -> PairedDifference:
    """The mean of `scores - others` and how sure it is.

    Photos are resampled, not scores: what is hard for both cancels in each difference. A photo on
    which either score is NaN is left out; two infinite scores differ by zero.

    Args:
        scores: [n], of one method on n photos.
        others: [n], of another on the same photos in the same order.
        resamples: see `mean_interval`; so is `seed`.

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
