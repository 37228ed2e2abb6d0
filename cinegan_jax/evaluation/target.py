"""What can be evaluated: a run, a look, a folder of results; each as a method with its data."""

import dataclasses
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import jax
import ml_collections
import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import AnyPath, open_path
from cinegan_jax.core.types import Images, Params
from cinegan_jax.core.versions import versions
from cinegan_jax.data.decode import BrokenPhoto, decode
from cinegan_jax.data.examples import BrokenExample
from cinegan_jax.data.pairs import Pair, PairSource, open_pairs, photos_by_name
from cinegan_jax.data.shard_cache import CACHE
from cinegan_jax.evaluation.baselines import fit_lut_baseline, lut_generate
from cinegan_jax.evaluation.methods import Method, of_photo, per_photo_affine, unchanged
from cinegan_jax.evaluation.picture_target import PictureTarget, picture_target
from cinegan_jax.evaluation.protocols import Prepare
from cinegan_jax.evaluation.result import About
from cinegan_jax.families.registry import build_family
from cinegan_jax.inference.look import (
    Look,
    apply_generator,
    installed_looks,
    load_look,
)
from cinegan_jax.inference.look_file import read_look
from cinegan_jax.inference.network import Generate, make_generate
from cinegan_jax.inference.run_networks import WorkdirNetworks, read_config, read_networks
from cinegan_jax.ops.images import to_signed


@dataclasses.dataclass(frozen=True)
class Target:
    """What is evaluated, and on what.

    Attributes:
        method: makes the generator's pictures.
        about: for people; names data and look.
        cache: local folder for shards of a bucket.
        seed: for the pixels that the LUT is fitted to.
    """

    method: Method
    about: About
    cache: str = CACHE
    seed: int = 0

    @cached_property
    def test_pairs(self) -> PairSource:
        """The pairs to score on.

        Raises:
            UserError: there are none, as `open_pairs`.
        """
        return open_pairs(self.about.data, self.about.split, self.about.look, self.cache)

    @cached_property
    def methods(self) -> Mapping[str, Method]:
        """All rows of the table by name; the LUT is fitted when they are first asked for.

        Raises:
            UserError: there are no training pairs to fit the LUT to.
        """
        train = open_pairs(self.about.data, "train", self.about.look, self.cache)
        return {
            "input": unchanged,
            "lut": of_photo(lut_generate(fit_lut_baseline(train, seed=self.seed))),
            "affine": per_photo_affine,
            "generator": self.method,
        }


def open_target(target: str, data: str | None, look: str | None) -> Target | PictureTarget:
    """The target of that name or path; of a run that learns from pictures the other kind.

    Args:
        target: a workdir, a look file, the name of an installed look, or a folder of pictures that
            are named as the test pairs.
        data: the pairs (see `open_pairs`); None: those of the workdir's config.
        look: their look; None: that of the workdir's config, or the installed look's own name.

    Raises:
        UserError: it is none of these, or it does not say what its data are and no one else does.
    """
    if target in installed_looks():
        return _look_target(target, load_look(target), data, look or target)
    path = open_path(target)
    if path.suffix == ".safetensors":
        return _look_target(target, read_look(Path(path)), data, look)
    if not path.is_dir():
        raise UserError(
            f"{target} is no folder, no .safetensors file and no installed look "
            f"({', '.join(installed_looks())})"
        )
    if (path / "config.json").exists():
        config = read_config(path)
        config.data.path, config.data.look = data or config.data.path, look or config.data.look
        return workdir_target(path, config)
    return Target(of_folder(path), About(target, *_named(target, data, look), versions=versions()))


def workdir_target(workdir: AnyPath, config: ml_collections.ConfigDict) -> Target | PictureTarget:
    """The newest generator of a run; of several processes all must ask.

    Raises:
        UserError: there is no good checkpoint of the config's networks.
    """
    family = build_family(config)
    if family.learns_from == "images":
        return picture_target(workdir, config.data)
    networks = read_networks(workdir, family, config.data.size)

    def apply(networks: WorkdirNetworks, images: Images) -> Images:
        batch = {"input": images}
        return family.generate(networks.params, networks.state, batch, jax.random.key(0))

    data = config.data
    about = About(os.fspath(workdir), data.path, data.look, step=networks.step, versions=versions())
    method = of_photo(make_generate(apply, networks))
    return Target(method, about, data.cache, config.seed)


def _look_target(target: str, look: Look, data: str | None, named: str | None) -> Target:
    about = About(target, *_named(target, data, named), versions=versions())
    return Target(of_photo(look_generate(look)), about)


def look_generate(look: Look) -> Generate:
    """The look's generator on whole photos."""

    def apply(kernels: Params, images: Images) -> Images:
        return apply_generator(look.generator, kernels, to_signed(images))

    return make_generate(apply, look.kernels)


def of_folder(folder: AnyPath) -> Method:
    """Results that lie in a folder, under the names of the pairs.

    By the `native` protocol a result must have its photo's size; by `filmnet` one of another size
    than the protocol's is squashed as the photo is.

    Raises:
        UserError: the folder holds no pictures.
    """
    files = photos_by_name(folder)
    if not files:
        raise UserError(f"{folder} holds no run (no config.json) and no pictures to evaluate")

    def read(pair: Pair, prepare: Prepare) -> np.ndarray:
        if pair.name not in files:
            raise BrokenExample(pair.name, f"there is no result of that name in {folder}")
        try:
            result = decode(files[pair.name])
        except BrokenPhoto as error:
            raise BrokenExample(pair.name, str(error)) from error
        if result.shape != pair.input.shape:
            result = prepare(result)
        if result.shape != pair.input.shape:
            sizes = [f"{shape[1]}x{shape[0]}" for shape in (result.shape, pair.input.shape)]
            reason = f"the result is {sizes[0]}, the photo {sizes[1]}; try --protocol filmnet"
            raise BrokenExample(pair.name, reason)
        return result

    return read


def _named(target: str, data: str | None, look: str | None) -> tuple[str, str]:
    missing = [f"--{name}" for name, value in (("data", data), ("look", look)) if not value]
    if not data or not look:
        raise UserError(
            f"{target} does not say which pairs it is to be scored on: give {' and '.join(missing)}"
        )
    return data, look
