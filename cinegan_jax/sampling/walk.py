"""Latent walks, and their animations as WebP and MP4."""

import io
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from cinegan_jax.core.errors import UserError

_WEBP_QUALITY = 90
_WEBP_MAX_SIDE = 16383
_X264_CONSTANT_RATE_FACTOR = 14
"""18 looks lossless for photographs, but small images are viewed enlarged."""
_BT709 = ("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "iec61966-2-1")

Encoder = Callable[[np.ndarray, float], bytes]
"""Function of frames, uint8 [n, h, w, 3], and frames per second that returns a file's bytes."""


def slerp(start: np.ndarray, end: np.ndarray, way: np.ndarray) -> np.ndarray:
    """Interpolate spherically (Shoemake 1985, "Animating rotation with quaternion curves").

    A straight line between normal latents passes closer to 0 than almost all latents seen in
    training; a great circle keeps their usual length (White, arXiv 1609.04468). Different lengths
    are interpolated along with the direction. Parallel and opposite latents are joined by a
    straight line.

    Args:
        start: [..., d].
        end: [..., d].
        way: position between the two, 0 to 1, [...].

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


def _unit(latents: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(latents.astype(np.float64), axis=-1, keepdims=True)
    return latents / np.maximum(lengths, np.finfo(np.float64).tiny)


def closed_walk(stations: np.ndarray, frames: int) -> np.ndarray:
    """Interpolate from each latent to the next, and from the last back to the first.

    Args:
        stations: [k, d], two or more.
        frames: total number of frames; if k divides it, each station is a frame.

    Returns:
        float32 [frames, d], equally spaced. The first frame is the first station, and a frame after
        the last would be the first station again.

    Raises:
        UserError: there are fewer than two stations, or fewer frames than stations.
    """
    count = len(stations)
    if count < 2:
        raise UserError(f"a walk needs two latents or more, not {count}")
    if frames < count:
        raise UserError(
            f"a walk through {count} latents needs {count} frames or more, not {frames}: give a "
            "larger --frames"
        )
    places = np.arange(frames) * count / frames
    last = places.astype(int)
    return slerp(stations[last], stations[(last + 1) % count], places - last)


def choose_encoder(name: str) -> Encoder:
    """Return the encoder for a file name.

    Raises:
        UserError: the suffix is not that of an animation, or ffmpeg is missing for MP4.
    """
    suffix = Path(name).suffix.lower()
    if suffix not in _ENCODERS:
        raise UserError(f"{name}: the name of an animation ends with {' or '.join(_ENCODERS)}")
    if suffix == ".mp4":
        _find_ffmpeg()
    return _ENCODERS[suffix]


def to_webp(frames: np.ndarray, fps: float) -> bytes:
    """Encode an animated WebP that loops forever.

    Frame durations are whole milliseconds, rounded so that the total is correct.

    Raises:
        UserError: the frames are larger than the format allows.
    """
    height, width = frames.shape[1:3]
    if max(height, width) > _WEBP_MAX_SIDE:
        raise UserError(
            f"a WebP has at most {_WEBP_MAX_SIDE} pixels per side, and this one would be "
            f"{width}x{height}: choose a smaller --grid"
        )
    first, *others = (Image.fromarray(frame) for frame in frames)
    durations = np.diff(np.rint(np.arange(len(frames) + 1) * 1000 / fps)).astype(int).tolist()
    file = io.BytesIO()
    first.save(
        file,
        "webp",
        save_all=True,
        append_images=others,
        duration=durations,
        loop=0,
        quality=_WEBP_QUALITY,
    )
    return file.getvalue()


def to_mp4(frames: np.ndarray, fps: float) -> bytes:
    """Encode H.264 in MP4 with 4:2:0 chroma, as browsers and phones play it.

    An odd last row or column is repeated, since 4:2:0 needs even sides.

    Raises:
        UserError: ffmpeg is missing or fails.
    """
    even = np.pad(frames, [(0, 0), *((0, side % 2) for side in frames.shape[1:3]), (0, 0)], "edge")
    height, width = even.shape[1:3]
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{fps}")
    x264 = ("-c:v", "libx264", "-crf", f"{_X264_CONSTANT_RATE_FACTOR}", "-pix_fmt", "yuv420p")
    colours = ("-vf", "scale=out_color_matrix=bt709:out_range=tv", *_BT709)
    with tempfile.TemporaryDirectory(prefix="cinegan-") as folder:
        file = Path(folder) / "walk.mp4"
        quiet = (_find_ffmpeg(), "-loglevel", "error", *raw, "-i", "-")
        command = (*quiet, *colours, *x264, "-movflags", "+faststart", str(file))
        done = subprocess.run(command, input=even.tobytes(), capture_output=True)
        if done.returncode:
            message = done.stderr.decode(errors="replace").strip()
            raise UserError(f"ffmpeg cannot write an MP4 (exit code {done.returncode}): {message}")
        return file.read_bytes()


def _find_ffmpeg() -> str:
    found = shutil.which("ffmpeg")
    if found is None:
        raise UserError(
            "an MP4 needs the program ffmpeg, which is not on the PATH: install it (`apt install "
            "ffmpeg`, `brew install ffmpeg`), or give the file a name that ends with .webp"
        )
    return found


_ENCODERS: Mapping[str, Encoder] = {".webp": to_webp, ".mp4": to_mp4}
