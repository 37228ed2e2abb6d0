import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from cinegan_jax.evaluation.result import About, Evaluation, PhotoScore, SetScore
from cinegan_jax.evaluation.tables import (
    set_lines,
    skipped_line,
    summary_line,
    terminal_tables,
    to_markdown,
)

METHODS = ("input", "lut", "affine", "generator")
ABOUT = About("runs/a", "FilmSet", "Velvia", step=1200)


def _photos(protocol: str, reference: str, offset: float) -> Iterator[PhotoScore]:
    for name, change in (("one", 0.0), ("two", 1.0), ("three", 5.0)):
        for place, method in enumerate(METHODS):
            scores = {
                "psnr": 20 + 5 * place + change + offset,
                "ssim": 0.9 + place / 100,
                "delta_e_76": 10.125 - 3 * place - offset / 10,
                "delta_e_2000": 8.5 - 2 * place,
            }
            yield PhotoScore(name, protocol, reference, method, scores)


@pytest.fixture
def evaluation() -> Evaluation:
    groups = [("filmnet", "target", 0), ("native", "target", 0.5), ("native", "clean", 2)]
    photos = tuple(photo for group in groups for photo in _photos(*group))
    return Evaluation(photos, (), {"torn.png": "truncated"}, 512, ABOUT)


def _rows(lines: list[str], first: str) -> list[list[str]]:
    """Cells of the table that begins with a heading."""
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {first} |"))
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def test_markdown_has_means_and_all_numbers_of_every_group(evaluation: Evaluation) -> None:
    text = to_markdown(evaluation)
    assert text.count(" photos\n") == 3
    section = text.split("## native, against the target without grain: 3 photos")[1].splitlines()
    means = _rows(section, "mean")
    assert means[0] == ["mean", "PSNR dB", "SSIM", "delta E 76", "delta E 2000"]
    assert means[2] == ["input", "24.00", "0.9000", "9.93", "8.50"]
    assert means[5][:2] == ["generator", "39.00"]
    details = _rows(section, "metric")
    assert {len(row) for row in details} == {7}
    generator = next(row for row in details if row[:2] == ["PSNR dB", "generator"])
    assert generator[2] == "39.00"
    assert generator[4:] == ["38.00", "2.16", "3"]
    low, high = map(float, generator[3].split(" … "))
    assert 37 <= low < 39 < high <= 42


def test_markdown_says_what_was_evaluated_and_left_out(evaluation: Evaluation) -> None:
    text = to_markdown(evaluation)
    assert "# Evaluation of runs/a" in text
    assert "Split `test` of `FilmSet`, look `Velvia`, step 1200." in text
    assert "filmnet 512" in text
    assert "fitted to the target itself" in text
    assert text.rstrip().endswith("1 left out: torn.png (truncated)")


def test_markdown_lists_the_worst_photos_first(evaluation: Evaluation) -> None:
    section = to_markdown(evaluation).split("## The generator's worst photos")[1].splitlines()
    assert section[0] == " by PSNR (native, against the target without grain)"
    assert [row[:2] for row in _rows(section, "photo")[2:]] == [
        ["one", "37.00"],
        ["two", "38.00"],
        ["three", "42.00"],
    ]


def test_the_terminal_shows_every_method_within_80_columns(evaluation: Evaluation) -> None:
    console = Console(file=io.StringIO(), width=200)
    for table in terminal_tables(evaluation):
        console.print(table)
    lines = console.file.getvalue().splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 80
    text = "\n".join(lines)
    for title in ("filmnet 512, against the target: 3 photos", "native, against the target: 3"):
        assert title in text
    for summary in evaluation.summaries(metric="psnr"):
        assert f"{summary.mean:.2f}" in text
    assert text.count("fitted LUT") == 3


def test_scores_of_sets_are_shown_with_what_small_sets_lack(evaluation: Evaluation) -> None:
    scores = {"fid": 12.345, "kid": 0.00123}
    sets = tuple(SetScore("native", "target", m, 3, scores, ("Too few.",)) for m in METHODS)
    whole = Evaluation(evaluation.photos, sets, {}, 512, ABOUT)
    rows = _rows(to_markdown(whole).splitlines(), "against")
    assert rows[0] == ["against", "method", "FID", "KID", "images"]
    assert rows[3] == ["native, target", "fitted LUT", "12.35", "0.00123", "3"]
    lines = set_lines(whole)
    assert lines[1] == "fitted LUT (native, target): FID 12.35, KID 0.00123"
    assert lines.count("Too few.") == to_markdown(whole).count("Too few.") == 1


def test_pairs_left_out_are_not_mentioned_where_there_are_none(evaluation: Evaluation) -> None:
    whole = Evaluation(evaluation.photos, (), {}, 512, ABOUT)
    assert "left out" not in to_markdown(whole)
    assert skipped_line(whole) == ""


def test_of_many_pairs_left_out_some_are_named(evaluation: Evaluation) -> None:
    skipped = {f"photo{number:03}": "torn" for number in range(25)}
    text = to_markdown(Evaluation(evaluation.photos, (), skipped, 512, ABOUT))
    assert "25 left out: photo000 (torn); " in text
    assert text.rstrip().endswith("and 15 more")


def test_the_summary_is_one_line_with_both_references(evaluation: Evaluation) -> None:
    line = summary_line(evaluation)
    assert "\n" not in line
    clean, grainy = line.split("against the grainy target")
    assert "against the clean target: input 24.00 dB / 9.93, fitted LUT 29.00 dB" in clean
    assert "input 22.50 dB / 10.07" in grainy
    assert "generator 37.50 dB / 1.07" in grainy


def test_the_summary_leaves_out_a_reference_that_is_not_known(evaluation: Evaluation) -> None:
    line = summary_line(Evaluation(evaluation.select(protocol="filmnet"), (), {}, 512, ABOUT))
    assert "clean" not in line
    assert "grainy" not in line
    assert "input 22.00 dB" in line
