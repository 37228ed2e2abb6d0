"""Options that several commands of `cinegan` share, so that they are written and read alike."""

from typing import Annotated, Literal, TypeAlias

import typer

from cinegan_jax.core.errors import UserError

LookOption: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="NAME|FILE|WORKDIR",
        help="A look that `cinegan looks` lists, a look file, a LUT (.cube, or HaldCLUT .png), or "
        "the workdir of a training run.",
    ),
]
WeightsOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--weights",
        "--workdir",
        metavar="FILE|WORKDIR",
        help="A look file, a LUT or the workdir of a training run, instead of --look.",
    ),
]
JsonOption: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON on standard output.")
]
WorkdirArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="WORKDIR", help="Folder of a run, local or gs://.")
]
ConfigOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--config",
        "-c",
        metavar="NAME|FILE",
        help="A shipped config such as film, a Python file, or the config.json of a run.",
    ),
]
SetOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-s",
        metavar="KEY=VALUE",
        help="Change a key of the config, such as data.size=256; may be repeated.",
    ),
]
CheckpointOption: TypeAlias = Annotated[
    str, typer.Option(metavar="newest|best|STEP", help="The checkpoint of the run.")
]


Checkpoint = Literal["newest", "best"] | int
"""The newest checkpoint, the best one, or that of a step."""


def parse_checkpoint(text: str) -> Checkpoint:
    """Return the value of a `CheckpointOption`.

    Raises:
      UserError: it is neither newest, best nor the number of a step.
    """
    words: dict[str, Checkpoint] = {"newest": "newest", "best": "best"}
    if text in words:
        return words[text]
    if not text.isdecimal():
        raise UserError(f"--checkpoint={text} is not newest, best or the number of a step")
    return int(text)
