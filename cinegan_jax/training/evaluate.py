"""Evaluate mode: score a workdir's newest checkpoint on the test split."""

from etils import epath

from cinegan_jax.core.compilation_cache import keep_compilations
from cinegan_jax.evaluation.evaluate import evaluate as score
from cinegan_jax.evaluation.outputs import print_result, write_outputs
from cinegan_jax.evaluation.picture_outputs import write_picture_outputs
from cinegan_jax.evaluation.picture_target import PictureTarget
from cinegan_jax.evaluation.scope import EVERYTHING, Scope
from cinegan_jax.evaluation.score_sets import score_sets
from cinegan_jax.evaluation.target import workdir_target
from cinegan_jax.training.multihost import on_first_process
from cinegan_jax.training.run import Run


def evaluate(run: Run, workdir: epath.Path, scope: Scope = EVERYTHING) -> int:
    """What `cinegan evaluate` does, by several processes where there are, with this config.

    Args:
      run: of a config.
      workdir: that it was trained in.
      scope: of pairs; of pictures all is scored.

    Raises:
      UserError: there is no good checkpoint, or no pair or picture to score on.
    """
    target = workdir_target(workdir, run.config)
    keep_compilations(workdir)
    if isinstance(target, PictureTarget):
        result = score_sets(target)
    else:
        result = score(target.test_pairs, target.methods, target.about, scope)

    def report() -> None:
        if isinstance(target, PictureTarget):
            write_picture_outputs(result, target, workdir)
        else:
            write_outputs(result, target, workdir)
        print_result(result)

    on_first_process(report)
    return 0
