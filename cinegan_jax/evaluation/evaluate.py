"""Evaluation of a run, a look or a folder of results on held-out data: the one way in."""

import os
from collections.abc import Sequence
from typing import Literal

import ml_collections
from etils import epath

from cinegan_jax.core.processes import on_first_process
from cinegan_jax.core.storage import make_folder, open_path
from cinegan_jax.evaluation.paired_target import PairedTarget
from cinegan_jax.evaluation.result import Evaluation
from cinegan_jax.evaluation.sample_target import SampleTarget
from cinegan_jax.evaluation.scope import make_scope
from cinegan_jax.evaluation.target import open_target

ProtocolChoice = Literal["filmnet", "native", "all"]


def evaluate(
    target: str | os.PathLike[str],
    *,
    data: str | None = None,
    look: str | None = None,
    output: str | os.PathLike[str] | None = None,
    protocol: ProtocolChoice = "all",
    limit: int | None = None,
    without: Sequence[str] = (),
    lpips: str | os.PathLike[str] | None = None,
    inception: str | os.PathLike[str] | None = None,
    config: ml_collections.ConfigDict | None = None,
) -> Evaluation:
    """Score a target on held-out data, write the results and return them.

    A target that changes photos is scored image by image, beside the photos themselves, a fitted
    LUT and an oracle. A run that generates images from latents is scored as whole sets. Several JAX
    processes may call this together: they share the work, all return the same result, and the first
    one writes.

    Args:
        target: a workdir, a look file, the name of an installed look, or a folder of results that
            are named as the test pairs.
        data: the pairs or images, as `data.path` of a config; None: those of the workdir's config.
        look: their look; None: that of the workdir's config, or the installed look's own name.
        output: folder to write into; None: see `output_folder`.
        protocol: `filmnet` (squashed to 512x512), `native` (size as stored), or `all`.
        limit: the number of pairs or images to score, from all over the split; None: all pairs, or
            10,000 images.
        without: metrics of image pairs to leave out, such as `random_features`.
        lpips: file of `cinegan convert lpips`, to score LPIPS too.
        inception: file of `cinegan convert inception`, to score FID and KID too.
        config: the config of the workdir `target`, in place of the one that it holds.

    Returns:
        The scores. `result_files` names the files written.

    Raises:
        UserError: an argument or the target cannot be used, or nothing could be scored.
    """
    scope = make_scope(protocol, limit, without, lpips, inception)
    opened = open_target(os.fspath(target), data, look, config, scope)
    folder = output_folder(target, output)
    on_first_process(lambda: make_folder(folder))
    evaluation = opened.score()
    on_first_process(lambda: opened.write(evaluation, folder))
    return evaluation


def output_folder(
    target: str | os.PathLike[str], output: str | os.PathLike[str] | None = None
) -> epath.Path:
    """Return the folder that `evaluate` writes into: the workdir itself, else `TARGET-evaluation`.

    Args:
        target: as `evaluate`.
        output: a folder that takes precedence.
    """
    if output is not None:
        return open_path(output)
    path = open_path(target)
    if (path / "config.json").exists():
        return path
    return epath.Path(f"{path.name.removesuffix('.safetensors')}-evaluation")


def result_files(evaluation: Evaluation) -> tuple[str, ...]:
    """Return the names of the files that `evaluate` writes for an evaluation."""
    return PairedTarget.files if evaluation.photos else SampleTarget.files
