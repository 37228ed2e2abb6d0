"""Memory, FLOPs and traffic of a config's step, compiled for TPUs without having one.

    pip install libtpu
    JAX_PLATFORMS=cpu TPU_SKIP_MDS_QUERY=1 python -m benchmarks.compile_for_tpu
        [--config=configs/tpu_v3_8.py] [--topology=v3:2x2]

The step is the one that training compiles; shapes stand in for the data and for VGG19's weights.
"""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from absl import app, flags
from jax.experimental import topologies
from ml_collections import config_flags

from cinegan_jax.nets.vgg19 import Vgg19Weights, layer_shapes
from cinegan_jax.training.parallel import REPLICAS
from cinegan_jax.training.run import Run
from cinegan_jax.training.state import init_state
from cinegan_jax.training.step import metric_names

CONFIG = config_flags.DEFINE_config_file("config", "configs/tpu_v3_8.py", "The config to compile.")
TOPOLOGY = flags.DEFINE_string("topology", "v3:2x2", "As libtpu names it: v3:2x2 is a v3-8.")
GIB = 2**30


def vgg19_shapes() -> Vgg19Weights:
    """VGG19's weights as shapes."""

    def shape(sizes: tuple[int, ...]) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(sizes, jnp.float32)

    layers = jax.tree.map(shape, layer_shapes(), is_leaf=lambda node: isinstance(node, tuple))
    return Vgg19Weights(layers, "keras")


def compile_step(run: Run, devices: Sequence[Any]) -> jax.stages.Compiled:
    """The replicated step for these devices."""
    frozen, one = vgg19_shapes() if run.config.losses.perceptual else None, run.batch_shapes(1)
    names = metric_names(run.family, frozen, one)
    with_ema, seed = run.config.ema_decay > 0, run.config.seed
    state = jax.eval_shape(
        partial(init_state, run.family, run.optimizers, names, seed, one, with_ema)
    )
    batch = run.batch_shapes(run.config.batch_size // len(devices))

    def replicated(leaf: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((len(devices), *leaf.shape), leaf.dtype)

    step = run.make_step(
        average=partial(jax.lax.pmean, axis_name=REPLICAS),
        replica=partial(jax.lax.axis_index, REPLICAS),
    )
    lowered = jax.pmap(step, axis_name=REPLICAS, devices=devices, donate_argnums=(0,))
    return lowered.lower(*jax.tree.map(replicated, (state, frozen, batch))).compile()


def main(argv: Sequence[str]) -> None:
    """Compile and print."""
    del argv
    config = CONFIG.value
    config.data.path, config.data.look = "samples", "classic_neg"  # only the shapes matter
    config.num_steps = config.num_steps or 1
    topology = topologies.get_topology_desc(platform="tpu", topology_name=TOPOLOGY.value)
    start = time.perf_counter()
    compiled = compile_step(Run(config), topology.devices)
    seconds = time.perf_counter() - start
    memory, cost = compiled.memory_analysis(), compiled.cost_analysis() or {}
    print(
        f"{len(topology.devices)} x {topology.devices[0].device_kind}, {seconds:.0f} s to compile"
    )
    print(f"arguments {memory.argument_size_in_bytes / GIB:.2f} GiB a core")
    print(f"temporaries {memory.temp_size_in_bytes / GIB:.2f} GiB a core")
    print(
        f"{cost['flops'] / 1e12:.2f} TFLOP, {cost['bytes accessed'] / GIB:.1f} GiB accessed a step"
    )


if __name__ == "__main__":
    app.run(main)
