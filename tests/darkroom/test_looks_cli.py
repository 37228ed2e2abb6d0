import pytest
from typer.testing import CliRunner

from cinegan_jax.cli import app
from cinegan_jax.inference import look_card
from cinegan_jax.inference.look import installed_looks


def test_the_table_lists_every_look(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "# {}: Soft.\n| | PSNR | SSIM | delta E |\n| {} | 33.4 | .97 | 2.1 |\n"
    monkeypatch.setattr(
        look_card, "read_card", lambda name: look_card.parse_card(name, text.replace("{}", name))
    )
    shown = CliRunner().invoke(app, ["looks"])
    assert shown.exit_code == 0
    for name in installed_looks():
        (line,) = [line for line in shown.stdout.splitlines() if name in line]
        cells = [cell.strip() for cell in line.strip("│").split("│")]
        size = f"{look_card.file_size(name) / 1e6:.1f} MB"
        assert cells == [name, "Soft.", "33.4", ".97", "2.1", size]


def test_the_card_of_a_look_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    name = installed_looks()[0]
    card = look_card.LookCard("Soft.", (), f"# {name}: Soft.\n\nMade of light.")
    monkeypatch.setattr(look_card, "read_card", lambda name: card)
    assert "Made of light." in CliRunner().invoke(app, ["looks", name]).stdout
    unknown = CliRunner().invoke(app, ["looks", "kodak"])
    assert unknown.exit_code == 2
    assert f"look 'kodak' is not one of {name}" in unknown.stderr
