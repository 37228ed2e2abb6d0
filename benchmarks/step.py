"""Training step: time and FLOP/s, compared with PyTorch and with Keras on TensorFlow.

    pip install -e .[benchmark]
    python -m benchmarks.step                                              # CPU, float32, 128x128
    python -m benchmarks.step --device=gpu --precision=bf16 --sizes=512 --batches=8,16 --steps=20

The networks and losses are the published ones, with a VGG19 of random weights. Frameworks that are
not installed or find no GPU are named and skipped. Each measurement runs in a separate process and
the frameworks take turns, so that other work slows all of them alike; figures are medians over the
turns. Processor time (of all threads) is less disturbed by other work than wall clock time.
"""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from absl import app, flags

SIZES = flags.DEFINE_list("sizes", ["128"], "Heights and widths of the images.")
BATCHES = flags.DEFINE_list("batches", ["4"], "Pairs per step.")
WIDTH = flags.DEFINE_integer("width", 64, "Channels of both networks at full size.")
BLOCKS = flags.DEFINE_integer("blocks", 9, "Residual blocks.")
PERCEPTUAL = flags.DEFINE_float("perceptual", 2.0, "Weight of the perceptual term; 0: no VGG19.")
DEVICE = flags.DEFINE_enum("device", "cpu", ["cpu", "gpu"], "Where to run.")
PRECISION = flags.DEFINE_enum("precision", "f32", ["f32", "bf16"], "Precision of the networks.")
CHANNELS_LAST = flags.DEFINE_bool("channels_last", None, "Layout in PyTorch; default: on a GPU.")
COMPILE = flags.DEFINE_bool("compile", None, "torch.compile for PyTorch; default: on a GPU.")
XLA = flags.DEFINE_string("xla_flags", "", "XLA_FLAGS for JAX.")
ROUNDS = flags.DEFINE_integer("rounds", 3, "Turns of each framework.")
STEPS = flags.DEFINE_integer("steps", 3, "Timed steps per turn, after two warm-up steps.")
FRAMEWORKS = flags.DEFINE_list(
    "frameworks", ["jax", "pytorch", "tensorflow"], "Frameworks to measure."
)
CASE = flags.DEFINE_string("case", None, "Measure only FRAMEWORK:SIZE:BATCH, or `peak`.")

PASSED_ON = (WIDTH, BLOCKS, PERCEPTUAL, DEVICE, PRECISION, CHANNELS_LAST, COMPILE, STEPS)
PACKAGES = {"jax": "jax", "pytorch": "torch", "tensorflow": "tensorflow"}


class Ready(NamedTuple):
    """A compiled step to be timed.

    Attributes:
      run: starts a step, which may continue after the call.
      wait: waits until all steps are done.
      parameters: number of parameters of all trained networks.
      flops: FLOPs of a traced step; None if not counted.
    """

    run: Callable[[], object]
    wait: Callable[[], object]
    parameters: int
    flops: float | None = None


class NoDevice(Exception):
    """Raised where a framework finds no GPU."""


def random_pairs(size: int, batch: int) -> dict[str, np.ndarray]:
    """Return random pairs, uint8 [n, h, w, 3]."""
    rng, shape = np.random.default_rng(0), (batch, size, size, 3)
    return {name: rng.integers(0, 256, shape, np.uint8) for name in ("input", "target")}


def signed(size: int, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs as float32 in signed range."""
    pairs = random_pairs(size, batch)
    return tuple(pairs[name] / np.float32(127.5) - 1 for name in ("input", "target"))  # type: ignore[return-value]


def jax_step(size: int, batch: int) -> Ready:
    """Return this project's step."""
    import jax

    from benchmarks import jax_step

    if DEVICE.value == "gpu" and jax.default_backend() != "gpu":
        raise NoDevice
    pairs = jax.device_put(random_pairs(size, batch))
    state, vgg, step = jax_step.build(
        WIDTH.value, BLOCKS.value, PERCEPTUAL.value, PRECISION.value, pairs
    )
    lowered = jax.jit(step, donate_argnums=0).lower(state, vgg, pairs)
    compiled, holder = lowered.compile(), [state]

    def run() -> None:
        holder[0] = compiled(holder[0], vgg, pairs)

    flops = float((lowered.cost_analysis() or {})["flops"])
    parameters = jax_step.count_parameters(state)
    return Ready(run, lambda: jax.block_until_ready(holder[0]), parameters, flops)


def pytorch_step(size: int, batch: int) -> Ready:
    """Return the same step in PyTorch."""
    import torch

    from benchmarks import pytorch_step

    on_gpu = DEVICE.value == "gpu"
    if on_gpu and not torch.cuda.is_available():
        raise NoDevice
    torch.backends.cudnn.benchmark = True
    channels_last = on_gpu if CHANNELS_LAST.value is None else CHANNELS_LAST.value
    gan = pytorch_step.CineGan(
        WIDTH.value,
        BLOCKS.value,
        PERCEPTUAL.value,
        "cuda" if on_gpu else "cpu",
        PRECISION.value,
        channels_last,
    )
    if on_gpu if COMPILE.value is None else COMPILE.value:
        gan.compile()
    step = pytorch_step.make_step(gan)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    pairs = [
        torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=layout).to(gan.device)
        for x in signed(size, batch)
    ]
    moved = [p for n in (gan.generator, gan.discriminators) for p in n.parameters()]
    wait = torch.cuda.synchronize if on_gpu else lambda: None
    return Ready(lambda: step(*pairs), wait, sum(p.numel() for p in moved))


def tensorflow_step(size: int, batch: int) -> Ready:
    """Return the same step in Keras on TensorFlow."""
    from benchmarks import tensorflow_step  # before TensorFlow, whose messages it turns off

    tf = tensorflow_step.tf
    if DEVICE.value == "gpu" and not tf.config.list_physical_devices("GPU"):
        raise NoDevice
    step, parameters = tensorflow_step.make_step(
        WIDTH.value, BLOCKS.value, PERCEPTUAL.value, PRECISION.value
    )
    pairs, last = [tf.constant(x) for x in signed(size, batch)], []

    def run() -> None:
        last[:] = step(*pairs)

    return Ready(run, lambda: [loss.numpy() for loss in last], parameters)


MAKERS = {"jax": jax_step, "pytorch": pytorch_step, "tensorflow": tensorflow_step}


def measure(case: str) -> dict[str, Any]:
    """Return seconds, processor seconds and FLOPs of a step, and seconds until the first."""
    framework, size, batch = case.split(":")
    start = time.perf_counter()
    try:
        ready = MAKERS[framework](int(size), int(batch))
    except NoDevice:
        return {"absent": "found no GPU"}
    ready.run()
    ready.wait()
    first = time.perf_counter() - start
    ready.run()
    ready.wait()
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(STEPS.value):
        ready.run()
    ready.wait()
    return {
        "seconds": (time.perf_counter() - wall) / STEPS.value,
        "processor": (time.process_time() - processor) / STEPS.value,
        "first": first,
        "parameters": ready.parameters,
        "flops": ready.flops,
    }


def matmul_peak() -> dict[str, Any]:
    """Return the best FLOP/s of ten large matrix products in the networks' precision."""
    import jax
    import jax.numpy as jnp

    side = 8192 if jax.default_backend() == "gpu" else 2048
    dtype = {"f32": jnp.float32, "bf16": jnp.bfloat16}[PRECISION.value]
    a = jax.random.normal(jax.random.key(0), (side, side), dtype)
    product, seconds = jax.jit(jnp.matmul), []
    for _ in range(12):
        start = time.perf_counter()
        product(a, a).block_until_ready()
        seconds.append(time.perf_counter() - start)
    return {"flops": 2 * side**3 / min(seconds[2:])}


def alone(case: str) -> dict[str, Any]:
    """Measure a case in a separate process."""
    command = [sys.executable, "-m", "benchmarks.step", f"--case={case}"]
    command += [f"--{f.name}={f.value}" for f in PASSED_ON if f.value is not None]
    platform = {"cpu": "cpu", "gpu": "cuda"}[DEVICE.value]
    environment = os.environ | {"JAX_PLATFORMS": platform, "XLA_FLAGS": XLA.value}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def compare(size: str, batch: str, names: Sequence[str], peak: float) -> None:
    """Measure the frameworks in turn and print their figures."""
    turns: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(ROUNDS.value):
        for name in names:
            turns[name].append(alone(f"{name}:{size}:{batch}"))
    present = {n: rounds for n, rounds in turns.items() if "absent" not in rounds[0]}
    for name in turns.keys() - present.keys():
        print(f"{name}: {turns[name][0]['absent']}")
    counts = {rounds[0]["parameters"] for rounds in present.values()}
    assert len(counts) < 2, f"the networks differ: {counts} parameters"
    flops = next((r[0]["flops"] for r in present.values() if r[0]["flops"]), None)
    print(f"{size} px, batch {batch}, {DEVICE.value}, {PRECISION.value}, {counts} parameters")
    for name, rounds in present.items():
        print(_line(name, rounds, flops, peak), flush=True)
    for column in ("seconds", "processor"):
        medians = {name: _median(rounds, column) for name, rounds in present.items()}
        for other in medians.keys() - {"jax"} if "jax" in medians else ():
            print(f"  jax / {other}, {column}: {medians['jax'] / medians[other]:.2f}", flush=True)


def _line(name: str, rounds: Sequence[dict[str, Any]], flops: float | None, peak: float) -> str:
    seconds, every = _median(rounds, "seconds"), [r["seconds"] for r in rounds]
    line = f"  {name:10s} {seconds:.3f} s per step ({min(every):.3f} to {max(every):.3f})"
    line += f", {_median(rounds, 'processor'):.3f} s of processors"
    line += f", first after {_median(rounds, 'first'):.0f} s"
    if flops:
        line += f", {flops / seconds / 1e12:.2f} TFLOP/s, {flops / seconds / peak:.0%} of the peak"
    return line


def _median(rounds: Sequence[dict[str, Any]], column: str) -> float:
    return statistics.median(r[column] for r in rounds)


def main(argv: Sequence[str]) -> None:
    """Measure every framework at every size and batch, in turns."""
    del argv
    if CASE.value:
        print(json.dumps(matmul_peak() if CASE.value == "peak" else measure(CASE.value)))
        return
    installed = [n for n in FRAMEWORKS.value if importlib.util.find_spec(PACKAGES[n])]
    for name in FRAMEWORKS.value:
        if name not in installed:
            print(f"{name}: not installed")
    peak = alone("peak")["flops"]
    print(f"largest matrix product: {peak / 1e12:.2f} TFLOP/s")
    for size in SIZES.value:
        for batch in BATCHES.value:
            compare(size, batch, installed, peak)


if __name__ == "__main__":
    app.run(main)
