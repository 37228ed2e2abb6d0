"""Print what the training step of a config costs: compile time, step time, FLOPs and bytes.

Times are processor seconds. To compare two versions, run it in both checkouts by turns:

    python -m benchmarks.compiled_step --config cpu_demo
"""

import argparse
import time

import jax
import numpy as np

from cinegan_jax.config.load import load_config
from cinegan_jax.training.run import Run

STEPS = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="cpu_demo", help="name or file of a config")
    arguments = parser.parse_args()
    run = Run(load_config(arguments.config, ["parallelism=jit"]))
    partitioner, state = run.parallel, run.init_state()
    step = partitioner.compile(run.make_step, state)
    placed, frozen = partitioner.place_state(state), partitioner.replicate(run.frozen)
    batch = partitioner.place_batch(random_batch(run))

    start = time.process_time()
    compiled = step.lower(placed, frozen, batch).compile()
    compile_seconds = time.process_time() - start
    for _ in range(2):  # warm up
        placed = compiled(placed, frozen, batch)
    jax.block_until_ready(placed)
    start = time.process_time()
    for _ in range(STEPS):
        placed = compiled(placed, frozen, batch)
    jax.block_until_ready(placed)
    step_seconds = (time.process_time() - start) / STEPS
    cost = compiled.cost_analysis()
    print(
        f"compile {compile_seconds:.1f} s, step {step_seconds:.3f} s, "
        f"{cost['flops']:,.0f} FLOP, {cost['bytes accessed']:,.0f} bytes"
    )


def random_batch(run: Run) -> dict[str, np.ndarray]:
    """Return a batch of noise, uint8, in the shapes of the run."""
    rng = np.random.default_rng(0)
    shapes = run.batch_shapes(run.examples_per_step)
    return {name: rng.integers(0, 256, x.shape, np.uint8) for name, x in shapes.items()}


if __name__ == "__main__":
    main()
