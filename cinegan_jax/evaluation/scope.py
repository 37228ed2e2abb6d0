"""Scope of an evaluation: protocols, metrics, and the number of examples."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.data.pairs import Pair
from cinegan_jax.data.transforms import squash
from cinegan_jax.metrics.registry import MAIN_METRICS, PAIRED_METRICS, PairedMetric, lpips_metric

Prepare = Callable[[np.ndarray], np.ndarray]
"""Function from a stored image to the compared one: uint8 [h, w, 3] to uint8 [h', w', 3]."""

PROTOCOLS = ("filmnet", "native")
FILMNET_SIZE = 512
"""Side of the squashed images that FilmNet's authors compare, in pixels."""


@dataclasses.dataclass(frozen=True)
class Scope:
    """Choice of protocols, metrics and examples.

    Attributes:
        protocols: names in `PROTOCOLS`.
        size: side of the `filmnet` protocol's squashed images, in pixels.
        limit: the number of pairs or images, spread evenly over the split; None: the default.
        metrics: names in `PAIRED_METRICS`.
        learned: further metrics of image pairs, with weights of their own.
        inception: file of Inception's weights, to score FID and KID too.
        weights: files of networks that metrics use, by metric.
    """

    protocols: tuple[str, ...] = PROTOCOLS
    size: int = FILMNET_SIZE
    limit: int | None = None
    metrics: tuple[str, ...] = tuple(PAIRED_METRICS)
    learned: tuple[PairedMetric, ...] = ()
    inception: str | os.PathLike[str] | None = None
    weights: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @cached_property
    def prepares(self) -> Mapping[str, Prepare]:
        """Functions that prepare images, by protocol.

        Raises:
            UserError: there is no protocol of a name.
        """
        return make_protocols(self.size, self.protocols)

    @property
    def paired_options(self) -> tuple[str, ...]:
        """Names of the options that were set and that only image pairs have."""
        changed = {
            "protocol": self.protocols != PROTOCOLS,
            "without": self.metrics != tuple(PAIRED_METRICS),
            "lpips": bool(self.learned),
        }
        return tuple(name for name, given in changed.items() if given)


def make_scope(
    protocol: str,
    limit: int | None,
    without: Iterable[str],
    lpips: str | os.PathLike[str] | None,
    inception: str | os.PathLike[str] | None,
) -> Scope:
    """Return the scope that the arguments of `evaluate` ask for.

    Raises:
        UserError: an argument is out of range, or a file cannot be used.
    """
    if protocol not in (*PROTOCOLS, "all"):
        raise UserError(f"protocol {protocol!r} is not one of {', '.join(PROTOCOLS)}, all")
    if limit is not None and limit < 1:
        raise UserError(f"limit {limit} must be 1 or more")
    left_out, optional = tuple(without), [m for m in PAIRED_METRICS if m not in MAIN_METRICS]
    for name in left_out:
        if name not in optional:
            raise UserError(f"--without {name}: choose from {', '.join(optional)}")
    files = (("lpips", lpips), ("fid", inception))
    return Scope(
        protocols=PROTOCOLS if protocol == "all" else (protocol,),
        limit=limit,
        metrics=tuple(name for name in PAIRED_METRICS if name not in left_out),
        learned=(lpips_metric(lpips),) if lpips else (),
        inception=inception,
        weights={metric: os.fspath(file) for metric, file in files if file},
    )


def make_protocols(
    size: int = FILMNET_SIZE, names: Iterable[str] = PROTOCOLS
) -> Mapping[str, Prepare]:
    """Return the functions that prepare images for comparison, by protocol.

    - `filmnet`: squash every image to size x size before anything else, as FilmNet (Li et al.,
      IJCAI 2023) and the methods in its table are compared, at 512. The aspect ratio is lost.
    - `native`: keep size and aspect ratio as stored.

    Raises:
        UserError: there is no protocol of a name.
    """
    known = dict(zip(PROTOCOLS, (lambda image: squash(image, size), as_stored), strict=True))
    for name in names:
        if name not in known:
            raise UserError(f"protocol {name!r} is not one of {', '.join(PROTOCOLS)}")
    return {name: known[name] for name in names}


def as_stored(image: np.ndarray) -> np.ndarray:
    """Return the image itself."""
    return image


def prepare_pair(pair: Pair, prepare: Prepare) -> Pair:
    """Return the pair with all its images prepared."""
    clean = None if pair.clean is None else prepare(pair.clean)
    return Pair(pair.name, prepare(pair.input), prepare(pair.target), clean)
