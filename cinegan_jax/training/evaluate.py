"""Evaluate mode: score a workdir's newest checkpoint on the whole test split."""

import contextlib
from collections.abc import Iterator
from functools import partial

import jax
from etils import epath
from rich.console import Console

from cinegan_jax.checkpointing.pretrained import restore_networks
from cinegan_jax.compilation_cache import keep_compilations
from cinegan_jax.data.pairs import BrokenPair, Pair, PairSource
from cinegan_jax.evaluation.evaluate import evaluate as score
from cinegan_jax.evaluation.report import summary_line, to_markdown, to_table
from cinegan_jax.inference.generate import Generate, make_generate
from cinegan_jax.inference.sheet import before_after
from cinegan_jax.training.distributed import on_first_process
from cinegan_jax.training.run import Run
from cinegan_jax.training.state import Networks
from cinegan_jax.types import Images

SHEET_ROWS = 4


def evaluate(run: Run, workdir: epath.Path) -> int:
    """Print scores of input, fitted LUT and generator, and keep them in the workdir.

    Writes `evaluation.json`, `evaluation.md` and `before_after.png`.

    Raises:
      UserError: there is no good checkpoint, or no pair could be scored.
    """
    generate = trained_generate(run, workdir)  # on every process: they restore together
    keep_compilations(workdir)
    on_first_process(partial(_score, run, workdir, generate))
    return 0


def _score(run: Run, workdir: epath.Path, generate: Generate) -> None:
    result = score(run.test_pairs, run.train_pairs, generate, seed=run.config.seed)
    result.save(workdir / "evaluation.json")
    (workdir / "evaluation.md").write_text(to_markdown(result))
    before_after(_first(run.test_pairs, SHEET_ROWS), generate, workdir / "before_after.png")
    console = Console(soft_wrap=True)
    console.print(to_table(result))
    console.print(summary_line(result), highlight=False)


def _first(pairs: PairSource, count: int) -> Iterator[Pair]:
    """The first readable pairs."""
    for index in range(len(pairs)):
        if not count:
            return
        with contextlib.suppress(BrokenPair):
            yield pairs[index]
            count -= 1


def trained_generate(run: Run, workdir: epath.Path) -> Generate:
    """The generator of a workdir's newest checkpoint, with its EMA where the config keeps one."""
    shapes = run.network_shapes()
    wanted = {"params": shapes.params, "family": shapes.state}
    if run.config.ema_decay:
        wanted["ema"] = {player: shapes.params[player] for player in run.family.averaged}
    found = restore_networks(workdir, wanted)
    networks = Networks({**found["params"], **found.get("ema", {})}, found["family"])

    def apply(networks: Networks, images: Images) -> Images:
        return run.family.generate(*networks, {"input": images}, jax.random.key(0))

    return make_generate(apply, networks)
