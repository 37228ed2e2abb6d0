import io

import pytest
from rich.console import Console

from cinegan_jax.evaluation.report import summary_line, to_markdown, to_table
from cinegan_jax.evaluation.result import Evaluation, Score


@pytest.fixture
def evaluation():
    scores = (
        Score("filmnet", "target", "input", 2, psnr=21.25, ssim=0.9, delta_e=11.0),
        Score("native", "target", "input", 2, psnr=22.5, ssim=0.91234, delta_e=10.0),
        Score("native", "clean", "input", 2, psnr=23.75, ssim=0.95, delta_e=9.5),
        Score("native", "clean", "lut", 2, psnr=34.5, ssim=0.98, delta_e=2.125),
        Score("native", "clean", "generator", 2, psnr=35.625, ssim=0.99, delta_e=1.5),
    )
    return Evaluation(scores, {"torn.png": "truncated"}, size=512)


def test_markdown_is_a_table_of_every_score(evaluation):
    lines = to_markdown(evaluation).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:7]]
    assert {len(row) for row in cells} == {7}
    assert cells[2] == ["filmnet 512", "target", "input", "21.25", "0.9000", "11.00", "2"]
    assert cells[6][:5] == ["native", "clean", "generator", "35.62", "0.9900"]
    assert lines[-1] == "1 left out: torn.png (truncated)"


def test_the_terminal_shows_every_score_and_what_was_left_out(evaluation):
    console = Console(file=io.StringIO(), width=80)
    console.print(to_table(evaluation))
    text = console.file.getvalue()
    assert "torn.png" in text
    for score in evaluation.scores:
        assert f"{score.psnr:.2f}" in text
    rows = [line for line in text.splitlines() if line.startswith("│")]
    assert len(rows) == len(evaluation.scores)


def test_nothing_is_said_of_pairs_left_out_when_there_are_none(evaluation):
    whole = Evaluation(evaluation.scores, {}, size=512)
    assert "left out" not in to_markdown(whole)
    assert to_table(whole).caption is None


def test_the_summary_is_one_line_with_both_references(evaluation):
    line = summary_line(evaluation)
    assert "\n" not in line
    assert "fitted LUT 34.50 dB / 2.12" in line
    assert "generator 35.62 dB / 1.50" in line
    clean, grainy = line.split("against the grainy target")
    assert "against the clean target: input 23.75 dB / 9.50" in clean
    assert "input 22.50 dB / 10.00" in grainy


def test_the_summary_leaves_out_a_reference_that_is_not_known(evaluation):
    line = summary_line(evaluation, protocol="filmnet")
    assert "clean" not in line
    assert "grainy" not in line
    assert "input 21.25 dB / 11.00" in line
