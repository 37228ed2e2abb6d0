import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from scipy import stats
from typer.testing import CliRunner

from cinegan_jax.cli import app
from cinegan_jax.core.errors import UserError
from cinegan_jax.evaluation.compare import (
    Contender,
    MetricDifference,
    RunComparison,
    compare_runs,
    read_contenders,
)
from cinegan_jax.evaluation.compare_report import (
    comparison_json,
    comparison_notes,
    comparison_tables,
    sentence,
)
from cinegan_jax.evaluation.result import About, Evaluation, PhotoScore, save

COUNT = 40
INPUT = np.linspace(18, 28, COUNT)


def _evaluation(
    name: str,
    psnr: np.ndarray,
    *,
    names: list[str] | None = None,
    size: int = 512,
    inputs: np.ndarray = INPUT,
    delta_e: np.ndarray | None = None,
    lut: float = 30.0,
) -> Evaluation:
    names = names or [f"photo{i:02}" for i in range(len(psnr))]
    delta_e = 60 - np.asarray(psnr) if delta_e is None else delta_e
    photos = []
    for i, photo in enumerate(names):
        scores = {"input": inputs[i], "lut": lut, "generator": psnr[i]}
        for method, value in scores.items():
            found = {"psnr": float(value), "delta_e_76": float(delta_e[i])}
            photos.append(PhotoScore(photo, "native", "target", method, found))
    return Evaluation(tuple(photos), (), {}, size, About(name, f"data of {name}", "Look"))


def _contenders(**psnrs: np.ndarray) -> list[Contender]:
    return [Contender(name, _evaluation(name, psnr)) for name, psnr in psnrs.items()]


def _by_metric(comparison: RunComparison) -> dict[str, MetricDifference]:
    return {difference.metric: difference for difference in comparison.differences}


@pytest.fixture
def first(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(35, 4, COUNT)


def test_a_steady_gain_is_found_with_student_s_interval(
    rng: np.random.Generator, first: np.ndarray
) -> None:
    second = first + rng.normal(0.5, 0.8, COUNT)
    comparison = compare_runs(_contenders(a=first, b=second))
    psnr = _by_metric(comparison)["psnr"]
    student = stats.ttest_rel(second, first).confidence_interval(0.95)
    assert psnr.found.mean == pytest.approx(np.mean(second - first))
    assert psnr.found.low == pytest.approx(student.low, abs=0.05)
    assert psnr.found.high == pytest.approx(student.high, abs=0.05)
    assert psnr.better == "b"
    assert psnr.second_wins == np.mean(second > first)
    assert "b is better than a, on" in sentence(psnr)


def test_the_lower_score_is_better_where_the_metric_says_so(first: np.ndarray) -> None:
    differences = _by_metric(compare_runs(_contenders(a=first, b=first + 1)))
    assert differences["delta_e_76"].found.mean == pytest.approx(-1)
    assert differences["delta_e_76"].better == "b"
    assert differences["delta_e_76"].second_wins == 1
    assert "b is better than a, on 100% of" in sentence(differences["delta_e_76"])
    backwards = _by_metric(compare_runs(_contenders(b=first + 1, a=first)))
    assert backwards["delta_e_76"].better == "b"
    assert backwards["delta_e_76"].first_wins == 1
    assert "b is better than a, on 100% of" in sentence(backwards["delta_e_76"])


def test_equal_runs_do_not_differ_significantly(first: np.ndarray) -> None:
    for difference in compare_runs(_contenders(a=first, b=first)).differences:
        found = difference.found
        assert (found.mean, found.low, found.high) == (0, 0, 0)
        assert difference.better is None
        assert difference.first_wins == difference.second_wins == 0
        assert "b and a do not differ significantly" in sentence(difference)


def test_a_large_but_unsteady_gain_is_not_significant(
    rng: np.random.Generator, first: np.ndarray
) -> None:
    noise = rng.normal(0, 10, COUNT)
    second = first + noise - noise.mean() + 0.5
    assert _by_metric(compare_runs(_contenders(a=first, b=second)))["psnr"].better is None


def test_few_are_all_compared_and_many_with_the_first(first: np.ndarray) -> None:
    def pairs(labels: str) -> list[tuple[str, str]]:
        contenders = _contenders(**dict.fromkeys(labels, first))
        return [(d.first, d.second) for d in compare_runs(contenders, "psnr").differences]

    assert pairs("abc") == [("a", "b"), ("a", "c"), ("b", "c")]
    assert pairs("abcde") == [("a", other) for other in "bcde"]


def test_photos_of_one_side_only_are_named_and_left_out(first: np.ndarray) -> None:
    names = [f"photo{i:02}" for i in range(COUNT)]
    fewer = _evaluation("b", first[:-2] + 1, names=names[:-2])
    comparison = compare_runs([Contender("a", _evaluation("a", first)), Contender("b", fewer)])
    assert comparison.left_out == {"photo38": ("b",), "photo39": ("b",)}
    assert comparison.differences[0].found.photos == COUNT - 2
    assert any(
        "2 left out: photo38 (not in b); photo39" in note for note in comparison_notes(comparison)
    )


def test_other_sizes_targets_and_photos_are_refused(first: np.ndarray) -> None:
    a = Contender("a", _evaluation("a", first))
    with pytest.raises(UserError, match="squashed to 512 and 256 pixels"):
        compare_runs([a, Contender("b", _evaluation("b", first, size=256))])
    moved = INPUT + np.eye(COUNT)[3]
    with pytest.raises(UserError, match=r"'photo03' has .* dB in one .*data of a.*data of b"):
        compare_runs([a, Contender("b", _evaluation("b", first, inputs=moved))])
    other = _evaluation("b", first, names=[f"else{i}" for i in range(COUNT)])
    with pytest.raises(UserError, match="no photo and protocol in common"):
        compare_runs([a, Contender("b", other)])


def test_the_last_bits_of_another_device_are_not_other_targets(first: np.ndarray) -> None:
    other = Contender("b", _evaluation("b", first, inputs=INPUT * 1.0002))
    assert compare_runs([Contender("a", _evaluation("a", first)), other]).differences


def test_an_unknown_metric_or_one_not_scored_is_an_error(first: np.ndarray) -> None:
    with pytest.raises(UserError, match="'loudness' is not one of psnr"):
        compare_runs(_contenders(a=first, b=first), "loudness")
    with pytest.raises(UserError, match="no scores in common by ssim"):
        compare_runs(_contenders(a=first, b=first), "ssim")


def test_tables_have_a_row_a_metric_within_80_columns(first: np.ndarray) -> None:
    (table,) = comparison_tables(compare_runs(_contenders(a=first, b=first + 1)))
    console = Console(file=io.StringIO(), width=200)
    console.print(table)
    lines = console.file.getvalue().splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 80
    (row,) = [line.split() for line in lines if "PSNR dB" in line]
    assert row == ["PSNR", "dB", "+1.000", "+1.000", "…", "+1.000", "100%", str(COUNT), "b"]


def test_json_is_strict_and_says_what_the_table_says(first: np.ndarray) -> None:
    comparison = compare_runs(_contenders(a=first[:1], b=first[:1] + 1), "psnr")
    content = json.loads(comparison_json(comparison), parse_constant=pytest.fail)
    (row,) = content["differences"]
    assert (row["metric"], row["second"], row["better"]) == ("psnr", "b", None)
    assert row["found"]["mean"] == pytest.approx(1)
    assert row["found"]["low"] is None
    assert any("1 photos are too few" in note for note in comparison_notes(comparison))


class TestRuns:
    @pytest.fixture
    def runs(self, tmp_path: Path, first: np.ndarray) -> Path:
        for name, psnr in (("a", first), ("b", first + 1), ("x/a", first)):
            (tmp_path / name).mkdir(parents=True)
            save(_evaluation(name, psnr), tmp_path / name / "evaluation.json")
        return tmp_path

    def test_runs_are_named_after_their_folders(self, runs: Path) -> None:
        folders = [str(runs / "a"), str(runs / "b" / "evaluation.json")]
        assert [c.label for c in read_contenders(folders)] == ["a", "b"]

    def test_folders_of_one_name_are_labelled_by_their_paths(self, runs: Path) -> None:
        folders = [str(runs / "a"), str(runs / "x" / "a")]
        assert [c.label for c in read_contenders(folders)] == folders
        with pytest.raises(UserError, match="named twice"):
            read_contenders([folders[0], folders[0]])

    def test_a_single_run_is_compared_with_its_lut(self, runs: Path, first: np.ndarray) -> None:
        contenders = read_contenders([str(runs / "a")])
        psnr = _by_metric(compare_runs(contenders))["psnr"]
        assert (psnr.first, psnr.second) == ("fitted LUT", "generator")
        assert psnr.found.mean == pytest.approx(np.mean(first - 30))

    def test_a_run_that_was_not_evaluated_is_refused_with_the_command(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r"no evaluation\.json: run `cinegan evaluate"):
            read_contenders([str(tmp_path)])

    def test_the_command_says_which_is_better(self, runs: Path) -> None:
        folders = [str(runs / "a"), str(runs / "b")]
        said = CliRunner().invoke(app, ["compare", *folders, "--metric", "psnr"])
        assert said.exit_code == 0, said.output
        assert "b is better than a, on 100% of the photos" in said.stdout
        printed = CliRunner().invoke(app, ["compare", *folders, "--json"])
        assert json.loads(printed.stdout)["differences"][0]["better"] == "b"
        wrong = CliRunner().invoke(app, ["compare", *folders, "--metric", "loudness"])
        assert wrong.exit_code == 2
        assert "'loudness' is not one of" in wrong.stderr
