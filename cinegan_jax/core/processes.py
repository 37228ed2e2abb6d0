"""Work that one of several JAX processes does for all of them."""

from collections.abc import Callable

import jax

from cinegan_jax.core.errors import UserError

_WEEK_MS = 7 * 24 * 3600 * 1000


def on_first_process(work: Callable[[], None]) -> None:
    """Run `work` on process 0 while the other processes wait, however long it takes.

    Every process must call it. A UserError of `work` ends all of them, so that none waits forever.

    Raises:
        UserError: that of `work` on process 0; on the other processes one that points to it.
    """
    if jax.process_count() == 1:
        work()
        return
    # Heavy, and needed by several processes only.
    import numpy as np
    import orbax.checkpoint as ocp
    from jax.experimental import multihost_utils

    error = None
    if jax.process_index() == 0:
        try:
            work()
        except UserError as raised:
            error = raised
    ocp.multihost.get_barrier_sync_fn()(key="first process is done", timeout_ms=_WEEK_MS)
    failed = multihost_utils.broadcast_one_to_all(np.bool_(error is not None))
    if failed:
        raise error or UserError("process 0 failed; its message says why")
