"""The server with its real worker: developed photos, and messages for bad files."""

import io
import os
from pathlib import Path
from urllib.parse import unquote

import hostile
import httpx
import numpy as np
import pytest
from PIL import Image
from serving import Darkroom, until

from cinegan_jax.inference.colour_filter import FILTERS
from cinegan_jax.inference.develop import METHODS, RANGES, Settings, develop
from cinegan_jax.inference.look import DEFAULT_LOOK, installed_looks
from cinegan_jax.inference.look_file import write_look
from cinegan_jax.photos.light import Light
from cinegan_jax.photos.read import read_photo

LOOK = "small"
PHOTO = hostile.jpeg(60, 80)


def apply(
    darkroom: Darkroom, photo: bytes, name: str = "a.jpg", **fields: object
) -> httpx.Response:
    fields = {"look": LOOK, **fields}
    return darkroom.client.post("/v1/apply", files={"photo": (name, photo)}, data=fields)


def opened(answer: httpx.Response) -> Image.Image:
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


def test_the_default_look_is_first_and_own_looks_are_last(darkroom: Darkroom) -> None:
    names = [look["name"] for look in darkroom.client.get("/v1/looks").json()]
    assert names[0] == DEFAULT_LOOK
    assert names[-1] == LOOK
    assert sorted(names[:-1]) == list(installed_looks())


def test_a_photo_is_developed_and_keeps_its_metadata(darkroom: Darkroom) -> None:
    answer = apply(darkroom, PHOTO, "IMG 1.jpeg", strength=0.5, format="png")
    developed = opened(answer)
    assert (developed.format, developed.size) == ("PNG", (80, 60))
    assert developed.getexif()[0x010F] == "A camera"
    assert f"IMG%201-{LOOK}.png" in answer.headers["content-disposition"]
    pixels = np.asarray(Image.open(io.BytesIO(PHOTO)))
    expected = develop(pixels, darkroom.look, Settings(strength=0.5)).astype(int)
    assert np.abs(np.asarray(developed) - expected).max() <= 1
    assert np.abs(expected - pixels).mean() > 5


def test_exposure_and_white_balance_come_before_the_look(darkroom: Darkroom) -> None:
    answer = apply(darkroom, PHOTO, strength=0, format="png", exposure=-1, white_balance="8000")
    light = Light(-1.0, "8000")
    expected = read_photo(PHOTO, max_pixels=10**6, light=light).pixels / 257
    assert np.abs(np.asarray(opened(answer)) - expected).max() <= 1
    assert apply(darkroom, PHOTO, white_balance="1999").status_code == 422
    assert apply(darkroom, PHOTO, white_balance="cloudy").status_code == 422


def test_the_format_is_that_of_the_content(darkroom: Darkroom) -> None:
    assert opened(apply(darkroom, PHOTO, "lies.png")).format == "JPEG"


def test_a_preview_is_reduced(darkroom: Darkroom) -> None:
    photo = hostile.jpeg(300, 400)
    assert opened(apply(darkroom, photo, max_side=80)).size == (80, 60)
    assert opened(apply(darkroom, PHOTO, max_side=1000)).size == (80, 60)


def test_a_preview_keeps_transparency(darkroom: Darkroom) -> None:
    pixels = np.zeros((60, 80, 4), np.uint8)
    pixels[:, 40:, 3] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    small = opened(apply(darkroom, file.getvalue(), max_side=40))
    alpha = np.asarray(small)[..., 3]
    assert (small.mode, small.size) == ("RGBA", (40, 30))
    assert (alpha[:, :19] == 0).all()
    assert (alpha[:, 21:] == 255).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (5, 20_000)])
def test_unusual_sizes_are_kept(darkroom: Darkroom, size: tuple[int, int]) -> None:
    file = io.BytesIO()
    Image.new("RGB", size, "teal").save(file, "PNG")
    assert opened(apply(darkroom, file.getvalue(), "odd.png")).size == size


@pytest.mark.parametrize("name", hostile.FILES)
def test_a_bad_file_gives_a_message(darkroom: Darkroom, name: str) -> None:
    process = darkroom.worker.pid
    answer = apply(darkroom, hostile.FILES[name], name)
    assert answer.status_code == 422
    text = answer.json()["error"]
    assert text.startswith(f"{name}: ")
    assert "Traceback" not in text
    assert os.sep not in text
    assert darkroom.worker.pid == process


def test_too_many_pixels_are_refused(darkroom: Darkroom) -> None:
    answer = apply(darkroom, hostile.jpeg(501, 1000))
    assert answer.status_code == 422
    assert "at most 0.5 are allowed" in answer.json()["error"]


def test_the_method_whole_is_limited(darkroom: Darkroom) -> None:
    answer = apply(darkroom, hostile.jpeg(120, 100), method="whole")
    assert answer.status_code == 422
    assert "'whole' takes photos of up to" in answer.json()["error"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"look": "none"}, f"look 'none' is not one of {DEFAULT_LOOK}"),
        ({"look": "../../etc/passwd"}, "is not one of"),
        ({"format": "doc"}, "unknown image format 'doc'"),
    ],
)
def test_wrong_choices_are_named(darkroom: Darkroom, fields: dict[str, str], words: str) -> None:
    answer = apply(darkroom, PHOTO, **fields)
    assert answer.status_code == 422
    assert words in answer.json()["error"]


def test_nothing_is_written_to_the_disk(darkroom: Darkroom) -> None:
    assert apply(darkroom, PHOTO).status_code == 200
    assert list(Path(darkroom.temporary).iterdir()) == []


def test_a_job_can_be_cancelled_and_the_next_is_served(darkroom: Darkroom) -> None:
    client, process = darkroom.client, darkroom.worker.pid
    with pytest.raises(httpx.ReadTimeout):
        client.post(
            "/v1/apply",
            files={"photo": PHOTO},
            data={"look": LOOK},
            timeout=httpx.Timeout(60, read=0.001),
        )
    until(lambda: client.get("/healthz").json()["requests"] == 0)
    assert apply(darkroom, PHOTO).status_code == 200
    assert darkroom.worker.pid == process


def test_every_setting_is_applied(darkroom: Darkroom) -> None:
    settings = {"strength": 0.5, "grain": 2, "grain_size": 3, "halation": 4, "bloom": 2}
    developed = np.asarray(opened(apply(darkroom, PHOTO, format="png", **settings))).astype(int)
    pixels = np.asarray(Image.open(io.BytesIO(PHOTO)))
    expected = develop(pixels, darkroom.look, Settings(**settings))
    assert np.abs(developed - expected).max() <= 1


def test_the_limits_of_the_form_are_those_of_the_settings(darkroom: Darkroom) -> None:
    described = darkroom.client.get("/openapi.json").json()
    fields = described["components"]["schemas"]["ApplyForm"]["properties"]
    for name, (low, high) in RANGES.items():
        assert (fields[name]["minimum"], fields[name]["maximum"]) == (low, high)
        for value in (low - 0.01, high + 0.01):
            assert apply(darkroom, PHOTO, **{name: value}).status_code == 422
    assert fields["method"]["enum"] == list(METHODS)
    assert fields["colour_filter"]["enum"] == list(FILTERS)
    looks = [look["name"] for look in darkroom.client.get("/v1/looks").json()]
    assert fields["look"]["enum"] == looks


def test_notes_of_a_development_are_returned(darkroom: Darkroom) -> None:
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("teal", "red")]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    answer = apply(darkroom, file.getvalue(), "moving.gif")
    assert "frame" in unquote(answer.headers["development-notes"])
    assert apply(darkroom, PHOTO).headers["development-notes"] == ""


def test_a_look_file_is_used_in_place_of_a_look(darkroom: Darkroom, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    write_look(darkroom.look, path)
    files = {"photo": ("a.jpg", PHOTO), "look_file": (path.name, path.read_bytes())}
    answer = darkroom.client.post("/v1/apply", files=files, data={"format": "png"})
    by_name = opened(apply(darkroom, PHOTO, format="png"))
    assert "a-mine.png" in answer.headers["content-disposition"]
    assert (np.asarray(opened(answer)) == np.asarray(by_name)).all()
    assert list(Path(darkroom.temporary).iterdir()) == []


@pytest.mark.parametrize("name", ["no.safetensors", "no.cube", "no.png", "no.txt", "no"])
def test_a_bad_look_file_is_named_without_its_folder(darkroom: Darkroom, name: str) -> None:
    files = {"photo": ("a.jpg", PHOTO), "look_file": (name, b"no look")}
    answer = darkroom.client.post("/v1/apply", files=files)
    assert answer.status_code == 422
    assert name in answer.json()["error"]
    assert os.sep not in answer.json()["error"]


def test_a_lut_is_used_as_a_look(darkroom: Darkroom) -> None:
    """The LUT swaps red and blue, so that its effect is known in closed form."""
    nodes = [(b, g, r) for b in (0, 1) for g in (0, 1) for r in (0, 1)]  # red changes fastest
    cube = "LUT_3D_SIZE 2\n" + "".join(f"{b} {g} {r}\n" for b, g, r in nodes)
    files = {"photo": ("a.jpg", PHOTO), "look_file": ("swap.cube", cube.encode())}
    answer = darkroom.client.post("/v1/apply", files=files, data={"format": "png"})
    pixels = np.asarray(Image.open(io.BytesIO(PHOTO))).astype(int)
    assert np.abs(np.asarray(opened(answer)) - pixels[..., ::-1]).max() <= 1


def test_a_colour_filter_needs_a_black_and_white_look(darkroom: Darkroom) -> None:
    looks = darkroom.client.get("/v1/looks").json()
    assert looks[-1]["monochrome"] is False
    answer = apply(darkroom, PHOTO, colour_filter="red")
    assert answer.status_code == 422
    grey = "LUT_3D_SIZE 2\n" + "".join(
        f"{(r + g + b) / 3:.6f} " * 3 + "\n" for b in (0, 1) for g in (0, 1) for r in (0, 1)
    )
    files = {"photo": ("a.jpg", PHOTO), "look_file": ("grey.cube", grey.encode())}
    form = {"format": "png", "colour_filter": "red"}
    pixels = np.asarray(opened(darkroom.client.post("/v1/apply", files=files, data=form)))
    assert (pixels == pixels[..., :1]).all()
