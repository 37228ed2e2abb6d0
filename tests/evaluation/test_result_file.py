import dataclasses
import json
import math
from pathlib import Path

import pytest

from cinegan_jax.core.errors import UserError
from cinegan_jax.evaluation.result import About, Evaluation, PhotoScore, SetScore, load, save


@pytest.fixture
def evaluation() -> Evaluation:
    photos = (
        PhotoScore("DSCF1 iso1600", "native", "target", "input", {"psnr": 22.5, "ssim": 0.1 + 0.2}),
        PhotoScore("été", "native", "clean", "generator", {"psnr": math.inf, "ssim": 1.0}),
    )
    sets = (SetScore("filmnet", "target", "lut", 2, {"fid": 12.25}, ("Too few.",)),)
    about = About("runs/a", "gs://b/FilmSet", "Velvia", step=500, versions={"jax": "0.10"})
    return Evaluation(photos, sets, {"torn": "truncated – très"}, 512, about)


@pytest.fixture
def path(evaluation: Evaluation, tmp_path: Path) -> Path:
    save(evaluation, tmp_path / "evaluation.json")
    return tmp_path / "evaluation.json"


def test_json_brings_everything_back(evaluation: Evaluation, path: Path) -> None:
    assert load(path) == evaluation


def test_a_score_that_is_not_there_comes_back_as_nan(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    photo = PhotoScore("a", "native", "target", "input", {"psnr_highlights": math.nan})
    save(Evaluation((photo,), (), {}, 64, evaluation.about), tmp_path / "nan.json")
    assert math.isnan(load(tmp_path / "nan.json").photos[0].scores["psnr_highlights"])


def test_the_file_is_strict_json_with_summaries(path: Path) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    content = json.loads(path.read_text(), parse_constant=refuse)
    assert content["photos"][0]["scores"]["psnr"] == 22.5
    assert content["photos"][1]["scores"]["psnr"] == "inf"
    means = {(s["method"], s["metric"]): s["mean"] for s in content["summaries"]}
    assert means["input", "psnr"] == 22.5


def test_a_file_of_version_2_is_read_with_present_names(evaluation: Evaluation, path: Path) -> None:
    """Version 2 differs in the version, and in the reference of unconditional samples."""
    content = json.loads(path.read_text()) | {"version": 2}
    content["sets"][0]["reference"] = "held-out pictures"
    path.write_text(json.dumps(content))
    (old,) = load(path).sets
    assert old == dataclasses.replace(evaluation.sets[0], reference="held-out images")
    assert load(path).photos == evaluation.photos


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"size": 512, "scores": [{"psnr": 20.0}], "skipped": {}}, "means only.*run the eval"),
        ({"format": "cinegan-evaluation", "version": 99}, "version 99, needed is .* version 3"),
        ({"format": "cinegan-evaluation", "version": 2}, "damaged.*photos.*run the evaluation"),
        ([1, 2], "format None"),
    ],
)
def test_files_of_other_kinds_are_refused(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=message):
        load(path)


def test_a_file_that_is_missing_or_no_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.json cannot be read"):
        load(tmp_path / "none.json")
    (tmp_path / "torn.json").write_text('{"format": ')
    with pytest.raises(UserError, match=r"torn\.json is no JSON"):
        load(tmp_path / "torn.json")
