"""Gaussian film grain: noise on an image, strongest at mid-grey; NumPy and SciPy only.

The density of a developed film varies most where half of its crystals are exposed, so grain is
strongest at mid-grey and absent at black and white. `add_grain` draws the noise of a whole image,
`GrainNoise` draws it in bands of rows, for photos whose noise does not fit into memory.
"""

import numpy as np

NOISE_CHANNELS = 4
"""Channels of the noise: one for each of red, green and blue, and one that they share."""
SHARED_AMPLITUDE = 0.8
"""Share of a grain's amplitude that the three channels have in common."""


def add_grain(image: np.ndarray, sigma: float, size: float, seed: int) -> np.ndarray:
    """Add grain to an image.

    Args:
      image: unit float32 [h, w, 3].
      sigma: standard deviation at mid-grey, in unit range.
      size: standard deviation of the Gaussian that softens the grain, as a share of the long side.
      seed: random seed of the noise.

    Returns:
      float32 [h, w, 3], not clipped.
    """
    from scipy import ndimage  # slow to import, and most photos are developed without grain

    height, width = image.shape[:2]
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((height, width, NOISE_CHANNELS), np.float32)
    softness = size * max(height, width)
    noise = ndimage.gaussian_filter(noise, (softness, softness, 0))
    noise /= np.maximum(noise.std(), 1e-6)
    return lay_grain(image, noise, sigma)


def lay_grain(image: np.ndarray, noise: np.ndarray, sigma: float) -> np.ndarray:
    """Add given noise to an image, scaled by the image's density.

    Args:
      image: unit float32 [h, w, c], with 3 channels or 1.
      noise: [h, w, c + 1] of standard deviation 1; the last channel is the shared one.
      sigma: standard deviation at mid-grey, in unit range.

    Returns:
      float32 [h, w, c], not clipped.
    """
    own = np.sqrt(1 - SHARED_AMPLITUDE**2)
    grain = SHARED_AMPLITUDE * noise[..., -1:] + own * noise[..., :-1]
    amount = 4 * sigma * np.clip(image * (1 - image), 0.0, None)
    return (image + amount * grain).astype(np.float32)


class GrainNoise:
    """The noise of `add_grain`, a few rows at a time.

    The noise is the same except for its scale: `add_grain` divides by the measured deviation, this
    class by the expected one. Memory is proportional to the width.

    Args:
      height: rows of the image.
      width: columns of the image.
      size: standard deviation of the Gaussian that softens the grain, as a share of the long side.
      seed: random seed of the noise.
    """

    def __init__(self, height: int, width: int, size: float, seed: int):
        self._height, self._width = height, width
        self._kernel = _gaussian(size * max(height, width))
        self._response = _response(width, self._kernel).astype(np.float32)
        power = np.mean(self._response**2) * np.mean(_response(height, self._kernel) ** 2)
        self._deviation = np.float32(np.sqrt(power))
        self._rng = np.random.default_rng(seed)
        self._first, self._top = 0, 0
        self._drawn = np.empty((NOISE_CHANNELS, 0, width), np.float32)

    def take(self, count: int) -> np.ndarray:
        """Return the next rows: float32 [count, w, NOISE_CHANNELS] of standard deviation 1.

        Raises:
          ValueError: fewer than `count` rows are left.
        """
        top, bottom = self._top, self._top + count
        if bottom > self._height:
            raise ValueError(f"rows {top} to {bottom} of noise with {self._height} rows")
        reach = len(self._kernel) // 2
        self._hold(max(top - reach, 0), min(bottom + reach, self._height))
        around = _reflected(np.arange(top - reach, bottom + reach), self._height)
        rows = self._drawn[:, around - self._first]
        self._top = bottom
        slide = _sliding(count, self._kernel) / self._deviation
        noise = np.empty((count, self._width, NOISE_CHANNELS), np.float32)
        for channel, plane in enumerate(rows):
            noise[..., channel] = slide @ plane
        return noise

    def _hold(self, first: int, last: int) -> None:
        """Drop rows above `first`, and draw rows up to `last`, blurred along themselves."""
        from scipy import fft  # slow to import, and most photos are developed without grain

        held = self._first + self._drawn.shape[1]
        shape = (max(last - held, 0), self._width, NOISE_CHANNELS)
        new = np.moveaxis(self._rng.standard_normal(shape, np.float32), -1, 0)
        blurred = fft.idct(fft.dct(new) * self._response)
        self._drawn = np.concatenate([self._drawn[:, first - self._first :], blurred], axis=1)
        self._first = first


def _gaussian(deviation: float) -> np.ndarray:
    """Return the kernel of SciPy's `gaussian_filter`, four deviations to each side."""
    reach = int(4 * deviation + 0.5)
    taps = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / max(deviation, 1e-12)))
    return taps / taps.sum()


def _sliding(count: int, kernel: np.ndarray) -> np.ndarray:
    """Return a matrix [count, count + taps - 1] whose rows hold the kernel, shifted by one each."""
    matrix = np.zeros((count, count + len(kernel) - 1), np.float32)
    index = np.arange(count)[:, None]
    matrix[index, index + np.arange(len(kernel))] = kernel
    return matrix


def _reflected(index: np.ndarray, count: int) -> np.ndarray:
    """Map positions beyond an axis of `count` elements onto it by reflection: c b a | a b c."""
    index = index % (2 * count)
    return np.minimum(index, 2 * count - 1 - index)


def _response(count: int, kernel: np.ndarray) -> np.ndarray:
    """Return the kernel's gain for each cosine of the DCT-II along an axis of `count` elements.

    These cosines are the eigenvectors of a filter with reflected borders.
    """
    taps = np.arange(len(kernel)) - len(kernel) // 2
    return np.cos(np.pi / count * np.arange(count)[:, None] * taps) @ kernel
