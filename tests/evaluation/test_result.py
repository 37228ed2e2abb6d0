import json
import math

import pytest

from cinegan_jax.evaluation.result import Evaluation, Score


@pytest.fixture
def evaluation():
    scores = (
        Score("native", "target", "input", 2, psnr=22.5, ssim=0.9, delta_e=10.0),
        Score("native", "clean", "generator", 1, psnr=math.inf, ssim=1.0, delta_e=0.0),
    )
    return Evaluation(scores, {"DSCF0001 iso1600.png": "truncated – très"}, size=512)


def test_json_brings_everything_back(evaluation, tmp_path):
    path = tmp_path / "evaluation.json"
    evaluation.save(path)
    assert Evaluation.load(path) == evaluation


def test_the_file_is_strict_json(evaluation, tmp_path):
    path = tmp_path / "evaluation.json"
    evaluation.save(path)

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    content = json.loads(path.read_text(), parse_constant=refuse)
    assert content["scores"][0]["psnr"] == 22.5
    assert content["scores"][1]["psnr"] == "inf"


def test_select_takes_all_fields_together(evaluation):
    assert evaluation.select(protocol="native") == evaluation.scores
    assert evaluation.select(protocol="native", method="input") == evaluation.scores[:1]
    assert evaluation.select(reference="clean", method="input") == ()
