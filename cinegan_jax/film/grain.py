"""Film grain: noise on an image, strongest at mid-grey; NumPy only.

`GrainNoise` draws it in bands of rows, for photos whose noise does not fit into memory.
"""

import numpy as np

SHARED = 0.8
"""Share of a grain's amplitude that the three channels have in common."""


def lay_grain(picture: np.ndarray, noise: np.ndarray, sigma: float) -> np.ndarray:
    """Adds noise by density: unit float32 [h, w, 3] to the same, not clipped.

    `noise` is [h, w, 4] of deviation 1: each channel's own, and what they share.
    """
    own = np.sqrt(1 - SHARED**2)
    grain = SHARED * noise[..., 3:] + own * noise[..., :3]
    amount = 4 * sigma * np.clip(picture * (1 - picture), 0.0, None)
    return (picture + amount * grain).astype(np.float32)


CHANNELS = 4
"""Each channel's own noise, and what they share."""


class GrainNoise:
    """The noise that `data.film.add_grain` makes of a seed, a few rows at a time.

    It is the same noise but for its scale: the renderer divides by the deviation that it measures,
    here it is the expected one. Memory grows with the width alone.
    """

    def __init__(self, height: int, width: int, size: float, seed: int):
        """`size` softens the grain, as a share of the long side."""
        self._height, self._width = height, width
        self._kernel = _gaussian(size * max(height, width))
        self._response = _response(width, self._kernel).astype(np.float32)
        power = np.mean(self._response**2) * np.mean(_response(height, self._kernel) ** 2)
        self._deviation = np.float32(np.sqrt(power))
        self._rng = np.random.default_rng(seed)
        self._first, self._top = 0, 0
        self._drawn = np.empty((CHANNELS, 0, width), np.float32)

    def take(self, count: int) -> np.ndarray:
        """The next rows: float32 [count, w, 4] of deviation 1.

        Raises:
          ValueError: there are not so many left.
        """
        top, bottom = self._top, self._top + count
        if bottom > self._height:
            raise ValueError(f"rows {top} to {bottom} are asked of {self._height}")
        reach = len(self._kernel) // 2
        self._hold(max(top - reach, 0), min(bottom + reach, self._height))
        around = _reflected(np.arange(top - reach, bottom + reach), self._height)
        rows = self._drawn[:, around - self._first]
        self._top = bottom
        slide = _sliding(count, self._kernel) / self._deviation
        noise = np.empty((count, self._width, CHANNELS), np.float32)
        for channel, plane in enumerate(rows):
            noise[..., channel] = slide @ plane
        return noise

    def _hold(self, first: int, last: int) -> None:
        """Forgets rows above `first` and draws those up to `last`, blurred along themselves."""
        from scipy import fft  # slow to import, and most photos are developed without grain

        held = self._first + self._drawn.shape[1]
        shape = (max(last - held, 0), self._width, CHANNELS)
        new = np.moveaxis(self._rng.standard_normal(shape, np.float32), -1, 0)
        blurred = fft.idct(fft.dct(new) * self._response)
        self._drawn = np.concatenate([self._drawn[:, first - self._first :], blurred], axis=1)
        self._first = first


def _gaussian(deviation: float) -> np.ndarray:
    """The kernel of scipy's `gaussian_filter`: four deviations to each side."""
    reach = int(4 * deviation + 0.5)
    taps = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / max(deviation, 1e-12)))
    return taps / taps.sum()


def _sliding(count: int, kernel: np.ndarray) -> np.ndarray:
    """[count, count + taps - 1]: row after row the kernel, one to the right each time."""
    matrix = np.zeros((count, count + len(kernel) - 1), np.float32)
    index = np.arange(count)[:, None]
    matrix[index, index + np.arange(len(kernel))] = kernel
    return matrix


def _reflected(index: np.ndarray, count: int) -> np.ndarray:
    """Positions on a side of so many, however far beyond: c b a | a b c | c b a."""
    index = index % (2 * count)
    return np.minimum(index, 2 * count - 1 - index)


def _response(count: int, kernel: np.ndarray) -> np.ndarray:
    """What the filter leaves of each cosine along a side of so many, continued by reflection.

    These cosines, of the DCT-II, are the eigenvectors of that filter.
    """
    taps = np.arange(len(kernel)) - len(kernel) // 2
    return np.cos(np.pi / count * np.arange(count)[:, None] * taps) @ kernel
