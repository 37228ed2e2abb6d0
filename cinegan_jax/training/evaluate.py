"""Evaluate mode: score a workdir's newest checkpoint on the whole test split."""

from etils import epath

from cinegan_jax.compilation_cache import keep_compilations
from cinegan_jax.evaluation.evaluate import evaluate as score
from cinegan_jax.evaluation.outputs import print_result, write_outputs
from cinegan_jax.evaluation.scope import EVERYTHING, Scope
from cinegan_jax.evaluation.target import workdir_target
from cinegan_jax.training.distributed import on_first_process
from cinegan_jax.training.run import Run


def evaluate(run: Run, workdir: epath.Path, scope: Scope = EVERYTHING) -> int:
    """What `cinegan evaluate` does, by several processes where there are, with this config.

    Raises:
      UserError: there is no good checkpoint, or no pair could be scored.
    """
    target = workdir_target(workdir, run.config)
    keep_compilations(workdir)
    result = score(target.test_pairs, target.methods, target.about, scope)

    def report() -> None:
        write_outputs(result, target, workdir)
        print_result(result)

    on_first_process(report)
    return 0
