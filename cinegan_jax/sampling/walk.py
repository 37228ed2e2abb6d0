"""Walks through the latents of a generator: pictures that change into each other."""

import numpy as np

from cinegan_jax.errors import UserError


def slerp(start: np.ndarray, end: np.ndarray, way: np.ndarray) -> np.ndarray:
    """Spherical interpolation (Shoemake 1985, "Animating rotation with quaternion curves").

    A straight line between normal latents passes through points nearer to 0 than nearly all that
    the generator was trained on; along the great circle between them, lengths stay as usual (White,
    arXiv 1609.04468). Lengths that differ are interpolated with the latents; latents of one
    direction, or of opposite ones, by a straight line.

    Args:
        start: [..., d].
        end: [..., d].
        way: how far, from 0 to 1, [...].

    Returns:
        float32 [..., d].
    """
    way = np.asarray(way, np.float64)[..., None]
    cosine = np.sum(_unit(start) * _unit(end), axis=-1, keepdims=True)
    angle = np.arccos(np.clip(cosine, -1, 1))
    sine = np.sin(angle)
    curved = sine > 1e-6
    sine = np.where(curved, sine, 1)
    first = np.where(curved, np.sin((1 - way) * angle) / sine, 1 - way)
    second = np.where(curved, np.sin(way * angle) / sine, way)
    return (first * start + second * end).astype(np.float32)


def closed_walk(stations: np.ndarray, frames: int) -> np.ndarray:
    """A walk from each latent to the next, and from the last one back to the first.

    Args:
        stations: [k, d], two or more.
        frames: of the whole walk; where k divides it, each station is a frame.

    Returns:
        float32 [frames, d] at equal distances of the way; the first frame is the first station, and
        the frame after the last one would be it again.

    Raises:
        UserError: there are fewer than two stations, or fewer frames than stations.
    """
    count = len(stations)
    if count < 2:
        raise UserError(f"a walk needs two latents or more, not {count}")
    if frames < count:
        raise UserError(
            f"a walk through {count} latents needs {count} frames or more, not {frames}"
        )
    places = np.arange(frames) * count / frames
    last = places.astype(int)
    return slerp(stations[last], stations[(last + 1) % count], places - last)


def _unit(latents: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(latents.astype(np.float64), axis=-1, keepdims=True)
    return latents / np.maximum(lengths, np.finfo(np.float64).tiny)
