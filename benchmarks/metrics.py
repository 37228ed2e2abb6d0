"""Paired metrics against independent implementations; sensitivity of the feature distance.

    python -m benchmarks.metrics

The first table has the largest difference of each metric from its reference implementation,
relative to the reference's value, over crops of sample photos of random sizes, as floats and in 8
bits. The second has the random feature distance of several disturbances of equal PSNR, relative to
that of noise.
"""

import warnings
from collections.abc import Callable, Iterator

import numpy as np
from absl import app
from PIL import Image
from scipy import ndimage, optimize, stats
from skimage.color import deltaE_cie76, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from cinegan_jax.data.samples import sample_photos
from cinegan_jax.metrics.feature_distance import random_feature_distance
from cinegan_jax.metrics.highlights import near_highlights
from cinegan_jax.metrics.histogram import DIRECTIONS
from cinegan_jax.metrics.registry import PAIRED_METRICS

LEVELS = (25.0, 30.0, 35.0)
"""PSNR of the disturbed photos in decibels."""


def main(_: list[str]) -> None:
    """Print both tables."""
    worst: dict[str, float] = {}
    for image, reference in _pairs(5):
        for name, wanted in _references(image, reference).items():
            pair = (x[None].astype(np.float32) for x in (image, reference))
            found = float(PAIRED_METRICS[name].function(*pair)[0])
            worst[name] = max(worst.get(name, 0), abs(found - wanted) / abs(wanted))
    for name, difference in worst.items():
        print(f"{name:20} {difference:.1e}")
    print(f"\n{'over noise':12}" + "".join(f"{level:>8.0f} dB" for level in LEVELS))
    photos = [_photo(index)[100:260, 100:260] / 255 for index in range(6)]
    scores = {
        name: [np.mean([_at(level, disturb, photo) for photo in photos]) for level in LEVELS]
        for name, disturb in DISTURBANCES.items()
    }
    for name, found in scores.items():
        ratios = (a / b for a, b in zip(found, scores["noise"], strict=True))
        print(f"{name:12}" + "".join(f"{ratio:11.2f}" for ratio in ratios))


def _photo(index: int) -> np.ndarray:
    return np.asarray(Image.open(sample_photos("test")[index]).convert("RGB"))


def _pairs(count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield photos with another gamma and noise, and the photos, unit float64 [h, w, 3]."""
    rng = np.random.default_rng(0)
    for index in range(count):
        height, width = rng.integers(60, 300, 2)
        reference = _photo(index % 4)[100 : 100 + height, 150 : 150 + width] / 255
        noise = rng.normal(0, 0.02 * (1 + index), reference.shape)
        image = np.clip(reference ** rng.uniform(0.7, 1.4) + noise, 0, 1)
        yield image, reference
        yield np.rint(image * 255) / 255, reference


def _references(image: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """Return the scores of scikit-image, colour-science, scipy and numpy in float64."""
    with warnings.catch_warnings(action="ignore"):  # it cannot plot without Matplotlib
        import colour
    labs = rgb2lab(image), rgb2lab(reference)
    one, other = (colour.XYZ_to_Lab(colour.sRGB_to_XYZ(x)) for x in (image, reference))
    flat = [lab.reshape(-1, 3) for lab in labs]
    along = [stats.wasserstein_distance(flat[0] @ axis, flat[1] @ axis) for axis in DIRECTIONS]
    near = np.asarray(near_highlights(reference[None]))[0]
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    scores = {
        "psnr": peak_signal_noise_ratio(reference, image, data_range=1),
        "ssim": structural_similarity(image, reference, data_range=1, channel_axis=-1, **settings),
        "delta_e_76": deltaE_cie76(*labs).mean(),
        "delta_e_2000": colour.delta_E(one, other, method="CIE 2000").mean(),
        "histogram": 2 * np.mean(along),
    }
    if near.any():
        error = np.square(image - reference)[near].mean()
        scores |= {"psnr_highlights": -10 * np.log10(error)}
        scores |= {"delta_e_highlights": deltaE_cie76(*labs)[near].mean()}
    return scores


def _jpeg(photo: np.ndarray, loss: float) -> np.ndarray:
    """Quantise 8x8 cosine coefficients in steps of `loss`, as JPEG does."""
    from scipy.fft import dctn, idctn

    blocks = photo.reshape(20, 8, 20, 8, 3)
    steps = np.rint(dctn(blocks, axes=(1, 3), norm="ortho") / loss) * loss
    return idctn(steps, axes=(1, 3), norm="ortho").reshape(photo.shape)


def _noise(photo: np.ndarray, sigma: float) -> np.ndarray:
    return photo + sigma * np.random.default_rng(0).normal(size=photo.shape)


def _cast(photo: np.ndarray, shift: float) -> np.ndarray:
    return photo + shift * np.array([1.0, 0, -1])


DISTURBANCES: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "noise": _noise,
    "blur": lambda photo, sigma: ndimage.gaussian_filter(photo, (20 * sigma, 20 * sigma, 0)),
    "quantised": _jpeg,
    "cast": _cast,
    "brightness": lambda photo, shift: photo + shift,
    "contrast": lambda photo, gain: photo.mean() + (1 + gain) * (photo - photo.mean()),
}
"""Disturbances by name; each grows with its strength."""


def _at(
    level: float, disturb: Callable[[np.ndarray, float], np.ndarray], photo: np.ndarray
) -> float:
    """Return the feature distance of a disturbance with a PSNR of `level`."""

    def excess(log_strength: float) -> float:
        error = np.square(disturb(photo, np.exp(log_strength)) - photo).mean()
        return float(-10 * np.log10(error + 1e-12) - level)

    strength = np.exp(optimize.brentq(excess, np.log(1e-3), np.log(4), xtol=1e-3))
    pair = (x[None].astype(np.float32) for x in (disturb(photo, strength), photo))
    return float(random_feature_distance(*pair)[0])


if __name__ == "__main__":
    app.run(main)
