"""Methods that turn photos into images to be scored: baselines, generators, stored results."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from cinegan_jax.core.errors import UserError
from cinegan_jax.core.storage import AnyPath
from cinegan_jax.core.types import Array, Images, Params
from cinegan_jax.data.examples import BrokenExample
from cinegan_jax.data.pairs import Pair, PairSource, photos_by_name
from cinegan_jax.data.selection import sample_pixels
from cinegan_jax.evaluation.scope import Prepare
from cinegan_jax.inference.look import Look
from cinegan_jax.inference.network import Generate, make_generate
from cinegan_jax.ops.images import to_unit
from cinegan_jax.ops.lut import apply_lut, fit_lut
from cinegan_jax.photos.decode import decode
from cinegan_jax.photos.photo import UnreadablePhoto

PairMethod = Callable[[Pair, Prepare], np.ndarray]
"""Function from a prepared pair, and what prepared it, to the method's image of the pair's input.

The image is uint8 and has the shape of the input. Raises BrokenExample where there is no image."""


def photo_method(generate: Generate) -> PairMethod:
    """Return a method that sees the photo alone."""
    return lambda pair, _: generate(pair.input)


def look_method(look: Look) -> PairMethod:
    """Return a method that applies the colours of a look to whole photos."""
    in_unit_range, params = look.network()

    def apply(params: Params, images: Images) -> Images:
        return 2.0 * in_unit_range(params, to_unit(images)) - 1.0

    return photo_method(make_generate(apply, params))


def results_method(folder: AnyPath) -> PairMethod:
    """Return a method that reads results from a folder, under the names of the pairs.

    With the `native` protocol a result must have its photo's size. With `filmnet`, one of another
    size than the protocol's is squashed as the photo is.

    Raises:
        UserError: the folder holds no images.
    """
    files = photos_by_name(folder)
    if not files:
        raise UserError(f"{folder} holds no run (no config.json) and no images to evaluate")

    def read(pair: Pair, prepare: Prepare) -> np.ndarray:
        if pair.name not in files:
            raise BrokenExample(pair.name, f"there is no result of that name in {folder}")
        try:
            result = decode(files[pair.name])
        except UnreadablePhoto as error:
            raise BrokenExample(pair.name, str(error)) from error
        if result.shape != pair.input.shape:
            result = prepare(result)
        if result.shape != pair.input.shape:
            sizes = [f"{shape[1]}x{shape[0]}" for shape in (result.shape, pair.input.shape)]
            reason = f"the result is {sizes[0]}, the photo {sizes[1]}; try --protocol filmnet"
            raise BrokenExample(pair.name, reason)
        return result

    return read


def unchanged(pair: Pair, _: Prepare) -> np.ndarray:
    """Return the photo itself."""
    return pair.input


def per_photo_affine(pair: Pair, _: Prepare) -> np.ndarray:
    """Return the photo under the affine map of colours that brings it nearest to its own target.

    An oracle: the map is fitted to the target that the image is then compared with (least squares
    over all pixels, 12 numbers). No method that applies one affine map to all colours of a photo
    has a better PSNR, but for clipping and rounding.
    """
    pixels = pair.input.reshape(-1, 3).astype(np.float64)
    known = np.concatenate([pixels, np.ones((len(pixels), 1))], axis=1)
    wanted = pair.target.reshape(-1, 3).astype(np.float64)
    matrix = np.linalg.lstsq(known.T @ known, known.T @ wanted)[0]  # solvable for one colour too
    levels = np.rint(np.clip(known @ matrix, 0, 255))
    return levels.astype(np.uint8).reshape(pair.input.shape)


def lut_generate(lut: np.ndarray) -> Generate:
    """Return a function that applies a LUT (unit [s, s, s, 3]) to photos."""

    def apply(lut: Array, images: Images) -> Images:
        return 2 * apply_lut(lut, to_unit(images)) - 1

    return make_generate(apply, jnp.asarray(lut, jnp.float32))


def fit_lut_baseline(
    pairs: PairSource, *, seed: int = 0, max_pairs: int = 200, pixels: int = 400_000
) -> np.ndarray:
    """Fit a 33x33x33 LUT to pixels of training pairs: the best that fixed colours can do.

    Args:
        pairs: the training split.
        seed, max_pairs, pixels: see `sample_pixels`.

    Returns:
        unit [33, 33, 33, 3], indexed [r, g, b].

    Raises:
        UserError: no pair could be read.
    """
    return fit_lut(*sample_pixels(pairs, seed=seed, max_pairs=max_pairs, pixels=pixels))
