"""Scores of all pictures of a method together: FID, KID and patch-FID."""

import os
from collections.abc import Iterable, Mapping

import numpy as np

from cinegan_jax.data.pairs import Pair
from cinegan_jax.evaluation.result import SetScore
from cinegan_jax.metrics.devices import OnDevices
from cinegan_jax.metrics.sets import PictureSet, inception_on_devices, set_scores, small_set_notes
from cinegan_jax.nets.inception import FEATURES, load_inception

REFERENCES = ("target", "clean")


class SetScorer:
    """Takes the pictures of one photo after another.

    Where several processes share the photos, each adds its own.
    """

    def __init__(
        self,
        network: OnDevices,
        protocols: Iterable[str],
        methods: Iterable[str],
        *,
        dimensions: int = FEATURES,
    ):
        """Empty sets.

        Args:
            network: of `inception_on_devices`.
            protocols: the names of all that will be added.
            methods: likewise.
            dimensions: of the network's features.
        """
        self._methods = tuple(methods)
        self._sets = {  # the same on every process, since all gather one after another
            protocol: {
                name: PictureSet(network, dimensions=dimensions)
                for name in (*REFERENCES, *self._methods)
            }
            for protocol in protocols
        }

    def add(self, protocol: str, pair: Pair, pictures: Mapping[str, np.ndarray]) -> None:
        """Takes one photo's pictures by method, beside its prepared pair."""
        references = {"target": pair.target, "clean": pair.clean}
        for name, picture in {**references, **pictures}.items():
            if picture is not None:
                self._sets[protocol][name].add(pair.name, picture)

    def scores(self) -> tuple[SetScore, ...]:
        """Of each method against each reference that all photos have; all processes must ask.

        Raises:
            UserError: there are fewer than two photos.
        """
        found = []
        for protocol, sets in self._sets.items():
            gathered = {name: pictures.gather() for name, pictures in sets.items()}
            for reference in REFERENCES:
                count = len(gathered[reference].features)
                for method in self._methods:
                    if count == len(gathered[method].features):
                        pair = gathered[method], gathered[reference]
                        scores, notes = set_scores(*pair), tuple(small_set_notes(*pair))
                        found.append(SetScore(protocol, reference, method, count, scores, notes))
        return tuple(found)


def open_sets(
    inception: str | os.PathLike[str], protocols: Iterable[str], methods: Iterable[str]
) -> SetScorer:
    """Sets for a file of `cinegan convert inception`.

    Raises:
        UserError: the file cannot be used.
    """
    network = inception_on_devices(load_inception(inception))
    return SetScorer(network, protocols, methods)
