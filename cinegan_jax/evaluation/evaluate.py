"""Evaluation of a run, a look or a folder of results on held-out data.

`evaluate` is the one entry: for `cinegan evaluate`, for `--mode=evaluate` and for Python.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal, Protocol

import jax
import ml_collections
from etils import epath

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.processes import on_first_process
from cinegan_jax.core.storage import AnyPath, base_name, make_folder, open_path
from cinegan_jax.core.types import Images
from cinegan_jax.core.versions import versions
from cinegan_jax.evaluation.methods import look_method, photo_method, results_method
from cinegan_jax.evaluation.paired_target import PairedTarget
from cinegan_jax.evaluation.result import About, Evaluation
from cinegan_jax.evaluation.sample_target import SampleTarget, open_sample_target
from cinegan_jax.evaluation.scope import Scope, make_scope
from cinegan_jax.families.registry import build_family
from cinegan_jax.inference.look import installed_looks, load_look
from cinegan_jax.inference.look_file import read_look
from cinegan_jax.inference.network import make_generate
from cinegan_jax.inference.run_networks import WorkdirNetworks, read_config, read_networks

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
    folder = output_folder(target, output if config is None else output or target)
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
    return epath.Path(f"{base_name(target).removesuffix('.safetensors')}-evaluation")


def result_files(evaluation: Evaluation) -> tuple[str, ...]:
    """Return the names of the files that `evaluate` writes for an evaluation."""
    return PairedTarget.files if evaluation.photos else SampleTarget.files


class Target(Protocol):
    """A generator with the held-out data that it is scored on."""

    files: ClassVar[tuple[str, ...]]
    """Names of the files that `write` leaves."""

    def score(self) -> Evaluation:
        """Score the generator and what it is compared with; all processes must call it together.

        Raises:
            UserError: nothing could be scored.
        """
        ...

    def write(self, evaluation: Evaluation, folder: AnyPath) -> None:
        """Write the evaluation, as files for programs and for people, into a folder that exists.

        Raises:
            OSError: a file cannot be written.
        """
        ...


def open_target(
    target: str,
    data: str | None = None,
    look: str | None = None,
    config: ml_collections.ConfigDict | None = None,
    scope: Scope | None = None,
) -> Target:
    """Open a target by its name or path; see `evaluate` for the arguments.

    Raises:
        UserError: there is no such target, or its held-out data are not known.
    """
    scope = scope or Scope()
    if config is None and target in installed_looks():
        about = _about(target, data, look or target)
        return PairedTarget(look_method(load_look(target)), about, scope)
    path = open_path(target)
    if config is None and path.suffix == ".safetensors":
        about = _about(target, data, look)
        return PairedTarget(look_method(read_look(Path(path))), about, scope)
    if config is None and not path.is_dir():
        raise UserError(
            f"{target} is no folder, no .safetensors file and no installed look "
            f"({', '.join(installed_looks())})"
        )
    if config is not None or (path / "config.json").exists():
        used = read_config(path) if config is None else config.copy_and_resolve_references()
        used.data.path, used.data.look = data or used.data.path, look or used.data.look
        return workdir_target(path, used, scope)
    return PairedTarget(results_method(path), _about(target, data, look), scope)


def workdir_target(
    workdir: AnyPath, config: ml_collections.ConfigDict, scope: Scope | None = None
) -> Target:
    """Open the newest generator of a run; of several processes all must call it together.

    Raises:
        UserError: there is no good checkpoint of the config's networks.
    """
    scope = scope or Scope()
    family, data = build_family(config), config.data
    if family.learns_from != "pairs":
        return open_sample_target(workdir, data, scope)
    networks = read_networks(workdir, family, data.size)

    def apply(networks: WorkdirNetworks, images: Images) -> Images:
        batch = {"input": images}
        return family.generate(networks.params, networks.state, batch, jax.random.key(0))

    about = About(os.fspath(workdir), data.path, data.look, step=networks.step, versions=versions())
    method = photo_method(make_generate(apply, networks))
    return PairedTarget(method, about, scope, data.cache, config.seed)


def _about(target: str, data: str | None, look: str | None) -> About:
    if not data or not look:
        missing = [f"--{name}" for name, value in (("data", data), ("look", look)) if not value]
        raise UserError(
            f"{target} does not say which pairs to score it on: give {' and '.join(missing)}"
        )
    return About(target, data, look, versions=versions())
