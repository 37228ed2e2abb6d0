"""Cost of health checks: measured steps compared with plain ones, in turn.

    python -m benchmarks.health                             # the demo's size
    python -m benchmarks.health --size=256 --width=16       # larger networks

Prints the ratio of processor times, which other work on the machine disturbs less than wall clock
times, and the overhead with one check in `health.every_steps` steps.
"""

import statistics
import time
from collections.abc import Callable

import jax
import numpy as np
from absl import app, flags

from cinegan_jax.training.run import Run
from cinegan_jax.training.state import TrainState
from configs import cpu_demo

SIZE = flags.DEFINE_integer("size", 128, "Height and width of the images.")
WIDTH = flags.DEFINE_integer("width", 8, "Channels of both networks at full size.")
BATCH = flags.DEFINE_integer("batch", 4, "Pairs per step.")
ROUNDS = flags.DEFINE_integer("rounds", 30, "Steps of each kind.")


def main(argv: list[str]) -> None:
    del argv
    config = cpu_demo.get_config()
    config.batch_size, config.data.size = BATCH.value, SIZE.value
    config.generator.width = config.discriminator.width = WIDTH.value
    run = Run(config)
    shape = (BATCH.value, SIZE.value, SIZE.value, 3)
    rng = np.random.default_rng(0)
    batch = {name: rng.integers(0, 256, shape, np.uint8) for name in ("input", "target")}
    state = run.parallel.place_state(run.init_state())
    batch = run.parallel.place_batch(batch)
    plain = run.parallel.compile(run.make_step, state)
    measured = run.parallel.compile_measured(run.make_measured_step, state)
    kinds: dict[str, Callable[[TrainState], TrainState]] = {
        "plain": lambda state: plain(state, run.frozen, batch),
        "measured": lambda state: measured(state, run.frozen, batch)[0],
    }
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(ROUNDS.value + 1):
        for name, step in kinds.items():
            before = time.process_time()
            state = jax.block_until_ready(step(state))
            seconds[name].append(time.process_time() - before)
    plain_time, measured_time = (statistics.median(seconds[name][1:]) for name in kinds)
    ratio, every = measured_time / plain_time, config.health.every_steps
    print(f"{SIZE.value} px, width {WIDTH.value}, batch {BATCH.value}: {plain_time:.3f} s per step")
    print(f"a measured step takes {ratio:.3f} times the processor time of a plain one")
    print(f"with one measured step in {every}: {100 * (ratio - 1) / every:.2f} % more")


if __name__ == "__main__":
    app.run(main)
