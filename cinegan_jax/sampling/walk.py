"""Latent walks, and animations of them as WebP and MP4."""

import io
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from cinegan_jax.core.errors import UserError


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


Encode = Callable[[np.ndarray, float], bytes]
"""Frames uint8 [n, h, w, 3] and how many a second, to a file's bytes."""

WEBP_QUALITY = 90
WEBP_LARGEST_SIDE = 16383
CONSTANT_RATE_FACTOR = 14
"""Of x264: 18 looks lossless for photographs, but small pictures are looked at enlarged."""
_BT709 = ("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "iec61966-2-1")


def choose_encoder(name: str) -> Encode:
    """What writes a file of that name.

    Raises:
        UserError: no animation's name ends so, or what it takes is missing.
    """
    ending = Path(name).suffix.lower()
    if ending not in ENCODERS:
        raise UserError(f"{name}: an animation's name ends in {' or '.join(ENCODERS)}")
    if ending == ".mp4":
        _ffmpeg()
    return ENCODERS[ending]


def to_webp(frames: np.ndarray, fps: float) -> bytes:
    """An animated WebP that is repeated for ever.

    Durations are whole milliseconds, whose sum is right.

    Raises:
        UserError: the frames are larger than the format allows.
    """
    height, width = frames.shape[1:3]
    if max(height, width) > WEBP_LARGEST_SIDE:
        raise UserError(
            f"a WebP has {WEBP_LARGEST_SIDE} pixels a side at most, and this one would be "
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
        quality=WEBP_QUALITY,
    )
    return file.getvalue()


def to_mp4(frames: np.ndarray, fps: float) -> bytes:
    """H.264 in MP4, with colours halved in resolution, as browsers and phones play it.

    An odd last row or column is doubled, since there are no halves of pixels.

    Raises:
        UserError: there is no ffmpeg, or it fails.
    """
    even = np.pad(frames, [(0, 0), *((0, side % 2) for side in frames.shape[1:3]), (0, 0)], "edge")
    height, width = even.shape[1:3]
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{fps}")
    x264 = ("-c:v", "libx264", "-crf", f"{CONSTANT_RATE_FACTOR}", "-pix_fmt", "yuv420p")
    colours = ("-vf", "scale=out_color_matrix=bt709:out_range=tv", *_BT709)
    with tempfile.TemporaryDirectory(prefix="cinegan-") as folder:
        file = Path(folder) / "walk.mp4"
        quiet = (_ffmpeg(), "-loglevel", "error", *raw, "-i", "-")
        command = (*quiet, *colours, *x264, "-movflags", "+faststart", str(file))
        done = subprocess.run(command, input=even.tobytes(), capture_output=True)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise UserError(f"ffmpeg cannot write an MP4 (exit code {done.returncode}): {said}")
        return file.read_bytes()


def _ffmpeg() -> str:
    found = shutil.which("ffmpeg")
    if found is None:
        raise UserError(
            "an MP4 needs the program ffmpeg, which is not on the PATH: install it (`apt install "
            "ffmpeg`, `brew install ffmpeg`), or let the file's name end in .webp"
        )
    return found


ENCODERS: Mapping[str, Encode] = {".webp": to_webp, ".mp4": to_mp4}
