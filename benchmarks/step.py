"""Training step: seconds, FLOP/s and the ratio to the same step in Keras on TensorFlow.

    pip install -e .[benchmark]
    python -m benchmarks.step [--sizes=64,128] [--batch=4] [--width=64] [--blocks=9] [--rounds=3]
        [--perceptual=2] [--frameworks=jax,tensorflow] [--xla_flags=...]

Float32, published losses with a VGG19 of random weights, a process for each measurement, the
frameworks taking turns, so that a busy machine slows all of them alike. Ratios are of medians.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
from absl import app, flags

SIZES = flags.DEFINE_list("sizes", ["64", "128"], "Heights and widths of the pictures.")
BATCH = flags.DEFINE_integer("batch", 4, "Pairs a step.")
WIDTH = flags.DEFINE_integer("width", 64, "Channels of both networks at full size.")
PERCEPTUAL = flags.DEFINE_float("perceptual", 2.0, "Weight of the perceptual term; 0: no VGG19.")
BLOCKS = flags.DEFINE_integer("blocks", 9, "Residual blocks.")
ROUNDS = flags.DEFINE_integer("rounds", 3, "Turns that each framework gets.")
STEPS = flags.DEFINE_integer("steps", 3, "Timed steps a turn, after one that is not.")
FRAMEWORKS = flags.DEFINE_list("frameworks", ["jax", "tensorflow"], "Who takes part.")
XLA = flags.DEFINE_string("xla_flags", "", "XLA_FLAGS for JAX.")
CASE = flags.DEFINE_string("case", None, "FRAMEWORK:SIZE to measure alone, printed as JSON.")


def jax_step(size: int) -> tuple[Callable[[], None], float]:
    """A step of this project, and its floating-point operations."""
    import jax
    import jax.numpy as jnp

    from cinegan_jax.families.cinegan import CineGan, LossWeights
    from cinegan_jax.nets.patchgan import Discriminator
    from cinegan_jax.nets.res_unet import Generator
    from cinegan_jax.nets.vgg19 import Vgg19Weights, layer_shapes
    from cinegan_jax.training.optimizers import AdamSettings, make_adam
    from cinegan_jax.training.state import init_state
    from cinegan_jax.training.step import StepSettings, make_train_step, metric_names

    generator = Generator(width=WIDTH.value, num_blocks=BLOCKS.value)
    family = CineGan(
        generator, Discriminator(width=WIDTH.value), LossWeights(perceptual=PERCEPTUAL.value), ""
    )
    rates = {"generator": 5e-5, "critics": 1e-4}
    optimizers = {player: make_adam(AdamSettings(rate), 100) for player, rate in rates.items()}
    rng = np.random.default_rng(0)
    shape = (BATCH.value, size, size, 3)
    batch = {name: rng.integers(0, 256, shape, np.uint8) for name in ("input", "target")}
    is_shape = lambda node: isinstance(node, tuple)  # noqa: E731
    random = lambda s: jnp.asarray(rng.normal(0, 0.03, s), jnp.float32)  # noqa: E731
    layers = jax.tree.map(random, layer_shapes(), is_leaf=is_shape)
    vgg = Vgg19Weights(layers, "keras") if PERCEPTUAL.value else None
    names = metric_names(family, vgg, batch)
    state = jax.jit(lambda: init_state(family, optimizers, names, 0, batch, False))()
    step = jax.jit(make_train_step(family, optimizers, StepSettings()), donate_argnums=0)
    compiled = step.lower(state, vgg, batch).compile()
    flops = float((compiled.cost_analysis() or {}).get("flops", 0.0))
    holder = [state]

    def run() -> None:
        holder[0] = jax.block_until_ready(compiled(holder[0], vgg, batch))

    return run, flops


def tensorflow_step(size: int) -> tuple[Callable[[], None], float]:
    """The same step in Keras on TensorFlow; its operations are not counted."""
    from benchmarks.tensorflow_step import make_step

    step = make_step(WIDTH.value, BLOCKS.value, PERCEPTUAL.value)
    rng = np.random.default_rng(0)
    shape = (BATCH.value, size, size, 3)
    photo, target = (rng.uniform(-1, 1, shape).astype(np.float32) for _ in range(2))

    def run() -> None:
        [loss.numpy() for loss in step(photo, target)]

    return run, 0.0


STEPS_BY_FRAMEWORK = {"jax": jax_step, "tensorflow": tensorflow_step}


def measure(case: str) -> dict[str, float]:
    """Median seconds of a step, seconds before the first, and floating-point operations."""
    framework, size = case.split(":")
    start = time.perf_counter()
    run, flops = STEPS_BY_FRAMEWORK[framework](int(size))
    run()
    first, times = time.perf_counter() - start, []
    for _ in range(STEPS.value):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return {"step": statistics.median(times), "first": first, "flops": flops}


def measure_alone(case: str) -> dict[str, float]:
    """`measure` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.step", f"--case={case}"]
    command += [f"--{flag.name}={flag.value}" for flag in (BATCH, WIDTH, BLOCKS, PERCEPTUAL, STEPS)]
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": XLA.value}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def main(argv: Sequence[str]) -> None:
    """Measure every framework at every size, in turns."""
    del argv
    if CASE.value:
        print(json.dumps(measure(CASE.value)))
        return
    for size in SIZES.value:
        turns = {name: [] for name in FRAMEWORKS.value}
        for _ in range(ROUNDS.value):
            for name in FRAMEWORKS.value:
                turns[name].append(measure_alone(f"{name}:{size}"))
        medians = {n: statistics.median(t["step"] for t in rs) for n, rs in turns.items()}
        for name, results in turns.items():
            line = f"{size} px, batch {BATCH.value}: {name:10s} {medians[name]:.3f} s a step"
            line += f", {medians[name] / BATCH.value:.3f} s a pair"
            line += f", first after {statistics.median(r['first'] for r in results):.0f} s"
            if results[0]["flops"]:
                line += f", {results[0]['flops'] / medians[name] / 1e9:.0f} GFLOP/s"
            print(line, flush=True)
        if len(medians) == 2:
            one, other = medians
            print(f"{size} px: {one} / {other} = {medians[one] / medians[other]:.2f}", flush=True)


if __name__ == "__main__":
    app.run(main)
