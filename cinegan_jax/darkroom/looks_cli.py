"""`cinegan looks`: the installed looks as a table, a card, or all of them on one photo."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cinegan_jax.core.errors import UserError


def looks(
    name: Annotated[
        str | None, typer.Argument(help="A look whose model card to show instead of the list.")
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="PHOTO", help="Write a sheet of this photo with every look."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The sheet, .png or .jpg. [default: PHOTO_looks.jpg, beside the photo]",
        ),
    ] = None,
    look: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|FILE|WORKDIR",
            help="A look of the sheet; may be repeated. [default: all installed looks]",
        ),
    ] = None,
    strength: Annotated[
        float, typer.Option(help="Strength of the looks on the sheet: 0 to 1.5.")
    ] = 1.0,
) -> None:
    """List the installed looks, show the card of one, or all of them on one photo."""
    from cinegan_jax.inference.look import installed_looks
    from cinegan_jax.inference.look_card import read_card

    if sheet is not None:
        _write_sheet(sheet, output, look or [], strength)
    elif name is None:
        _print_table()
    elif name not in installed_looks():
        raise UserError(f"look {name!r} is not one of {', '.join(installed_looks())}")
    else:
        typer.echo(read_card(name).text or f"{name} has no card.")


def _write_sheet(photo: Path, output: Path | None, names: list[str], strength: float) -> None:
    from cinegan_jax.core.compilation_cache import keep_compilations_for_user
    from cinegan_jax.darkroom.look_sheet import check_sheet_file, write_look_sheet
    from cinegan_jax.inference.develop import Settings
    from cinegan_jax.inference.look import choose_look, installed_looks

    path = output or photo.with_name(f"{photo.stem}_looks.jpg")
    check_sheet_file(path, photo)
    settings = Settings(strength=strength)
    settings.check()
    keep_compilations_for_user()
    chosen = [choose_look(each) for each in names or installed_looks()]
    with Console(stderr=True).status(f"Applying {len(chosen)} looks"):
        write_look_sheet(photo, chosen, settings, path)
    typer.echo(f"{path}: {len(chosen)} looks")


def _print_table() -> None:
    """Print one row per look: description, scores on held-out photos, file size."""
    from cinegan_jax.inference.look import installed_looks
    from cinegan_jax.inference.look_card import SCORES, file_size, read_card

    table = Table("look", "description", *SCORES, "size")
    for look in installed_looks():
        card = read_card(look)
        scores = dict(card.scores)
        cells = (scores.get(score, "-") for score in SCORES)
        table.add_row(look, card.description or "-", *cells, f"{file_size(look) / 1e6:.1f} MB")
    Console(soft_wrap=True).print(table)
