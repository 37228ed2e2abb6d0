"""`cinegan looks`. Heavy imports wait in the command."""

from typing import Annotated

import typer

from cinegan_jax.errors import UserError


def looks(
    name: Annotated[
        str | None, typer.Argument(help="One of them, to read how it was made.")
    ] = None,
) -> None:
    """List the looks that are installed, or show one's card."""
    from cinegan_jax.inference.look_card import read_card
    from cinegan_jax.inference.trained_look import installed_looks

    if name is None:
        _print_table()
        return
    if name not in installed_looks():
        raise UserError(f"look {name!r} is not one of {', '.join(installed_looks())}")
    typer.echo(read_card(name).text or f"{name} has no card.")


def _print_table() -> None:
    """A row a look: what it is, its scores on held-out photos, its file."""
    from rich.console import Console
    from rich.table import Table

    from cinegan_jax.inference.look_card import SCORES, file_size, read_card
    from cinegan_jax.inference.trained_look import installed_looks

    table = Table("look", "what it is", *SCORES, "size")
    for look in installed_looks():
        card = read_card(look)
        scores = dict(card.scores)
        cells = (scores.get(score, "-") for score in SCORES)
        table.add_row(look, card.description or "-", *cells, f"{file_size(look) / 1e6:.1f} MB")
    Console(soft_wrap=True).print(table)
