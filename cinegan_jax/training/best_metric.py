"""The scores that can say which checkpoint is best."""

from collections.abc import Mapping

from cinegan_jax.checkpointing.checkpoints import BestMode
from cinegan_jax.errors import UserError
from cinegan_jax.families.api import Learned

BEST_MODES: Mapping[Learned, Mapping[str, BestMode]] = {
    "pairs": {"psnr": "max", "psnr_clean": "max", "delta_e": "min", "delta_e_clean": "min"},
    "pictures": {"feature_distance": "min", "kernel_distance": "min"},
}
"""By what a family learns from; `_clean` is measured where the target is known without its
grain."""


def best_mode(metric: str, learns_from: Learned) -> BestMode:
    """Whether the highest or the lowest value of a score is the best.

    Raises:
      UserError: it is not measured of families that learn from that.
    """
    modes = BEST_MODES[learns_from]
    if metric not in modes:
        raise UserError(
            f"best_metric={metric!r} is not one of {', '.join(modes)}, which are measured of a "
            f"family that learns from {learns_from}"
        )
    return modes[metric]
