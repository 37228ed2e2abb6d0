import io
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence
from scipy.ndimage import gaussian_filter

from cinegan_jax.core.errors import UserError
from cinegan_jax.sampling.walk import choose_encoder, to_mp4, to_webp


@pytest.fixture
def frames(rng: np.random.Generator) -> np.ndarray:
    """Return smooth colours that change between frames, uint8 [9, 48, 64, 3]."""
    noise = gaussian_filter(rng.normal(size=(9, 48, 64, 3)), (1, 8, 8, 0), mode="wrap")
    return np.clip(128 + 40 * noise / noise.std(), 0, 255).astype(np.uint8)


def _worst(decoded: np.ndarray, frames: np.ndarray) -> float:
    """Return the largest root mean square difference of a frame, in levels."""
    differences = decoded.astype(float) - frames
    return np.sqrt(np.mean(differences**2, axis=(1, 2, 3))).max()


def test_pillow_reads_the_webp(frames: np.ndarray) -> None:
    with Image.open(io.BytesIO(to_webp(frames, fps=24))) as image:
        assert image.format == "WEBP"
        assert image.n_frames == 9
        assert image.info["loop"] == 0
        decoded, durations = [], []
        for frame in ImageSequence.Iterator(image):
            decoded.append(np.asarray(frame.convert("RGB")))
            durations.append(frame.info["duration"])
    assert _worst(np.stack(decoded), frames) < 3
    assert set(durations) == {41, 42}
    assert sum(durations) == round(9000 / 24)


@pytest.mark.parametrize("cut", [0, 1])
def test_ffmpeg_reads_the_mp4(
    frames: np.ndarray, tmp_path: Path, needs_ffmpeg: None, cut: int
) -> None:
    """Odd sizes are padded."""
    frames = frames[:, cut:, cut:]
    file = tmp_path / "walk.mp4"
    file.write_bytes(to_mp4(frames, fps=12.5))
    entries = "stream=codec_name,width,height,nb_read_frames,r_frame_rate,color_space,pix_fmt"
    probe = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", entries, "-of", "json"]
    streams = json.loads(subprocess.check_output([*probe, str(file)]))["streams"]
    assert streams == [
        {
            "codec_name": "h264",
            "width": 64,
            "height": 48,
            "pix_fmt": "yuv420p",
            "color_space": "bt709",
            "r_frame_rate": "25/2",
            "nb_read_frames": "9",
        }
    ]
    decode = [
        "ffmpeg",
        "-loglevel",
        "error",
        "-i",
        str(file),
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
    ]
    exact = ["-sws_flags", "accurate_rnd+full_chroma_int+bicubic"]  # the default is not
    raw = subprocess.check_output([*decode, *exact, "-"])
    decoded = np.frombuffer(raw, np.uint8).reshape(9, 48, 64, 3)
    assert _worst(decoded[:, : 48 - cut, : 64 - cut], frames) < 3


def test_another_suffix_is_refused() -> None:
    with pytest.raises(
        UserError, match=r"walk\.gif: the name of an animation ends with \.webp or \.mp4"
    ):
        choose_encoder("walk.gif")


def test_a_missing_ffmpeg_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert choose_encoder("walk.webp") is to_webp
    with pytest.raises(UserError, match=r"ffmpeg, which is not on the PATH: .* \.webp"):
        choose_encoder("walk.MP4")


def test_a_failure_of_ffmpeg_is_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, frames: np.ndarray
) -> None:
    fails = tmp_path / "ffmpeg"
    fails.write_text("#!/bin/sh\ncat >/dev/null\necho 'No space left on device' >&2\nexit 69\n")
    fails.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(UserError, match=r"\(exit code 69\): No space left on device"):
        to_mp4(frames, 24)


def test_frames_too_large_for_webp_are_refused() -> None:
    with pytest.raises(UserError, match="this one would be 16384x1: choose a smaller --grid"):
        to_webp(np.zeros((2, 1, 16384, 3), np.uint8), 24)
    assert to_webp(np.zeros((1, 1, 16383, 3), np.uint8), 24)
