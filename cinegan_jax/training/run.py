"""A run, built from its config: everything the loop, the dry run and the evaluation share.

This is where the ConfigDict ends; below it, modules and functions take plain fields.
"""

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import jax
import ml_collections
import numpy as np

from cinegan_jax.config.load import check_config
from cinegan_jax.config.run import AdamSettings
from cinegan_jax.core.errors import UserError
from cinegan_jax.data.examples import ExampleSource
from cinegan_jax.data.fingerprint import data_fingerprint
from cinegan_jax.data.pipeline import train_batches
from cinegan_jax.data.sources import open_source
from cinegan_jax.families.api import GanFamily, Variables
from cinegan_jax.families.registry import build_family
from cinegan_jax.health.monitor import Monitor
from cinegan_jax.health.rules import RULES, make_rules
from cinegan_jax.training.gradients import metric_names, minibatch_count
from cinegan_jax.training.optimizers import cadence_of, make_adam
from cinegan_jax.training.partitioner import Partitioner
from cinegan_jax.training.partitioning import make_partitioner
from cinegan_jax.training.state import Optimizers, TrainState, init_state
from cinegan_jax.training.step import (
    MeasuredStep,
    StepSettings,
    TrainStep,
    make_measured_step,
    make_train_step,
)


@dataclasses.dataclass
class Run:
    """The parts of one run; each is made when first asked for, and once.

    Raises:
      UserError: the config cannot work, or from the part whose files are missing or wrong.
    """

    config: ml_collections.ConfigDict
    devices: Sequence[jax.Device] | None = None
    """Devices to use in place of all devices of the machine."""
    num_examples: int | None = None
    """Number of training examples, where the examples themselves are not available."""

    def __post_init__(self) -> None:
        check_config(self.config)

    @cached_property
    def family(self) -> GanFamily:
        return build_family(self.config)

    @cached_property
    def parallel(self) -> Partitioner:
        config = self.config
        return make_partitioner(
            config.parallelism, config.spatial, config.shard_optimizer, self.devices
        )

    @cached_property
    def train_examples(self) -> ExampleSource[Any]:
        return self._open("train")

    @cached_property
    def test_examples(self) -> ExampleSource[Any]:
        return self._open("test")

    @cached_property
    def data_fingerprint(self) -> str:
        """Fingerprint of the training examples, which belongs to the run."""
        data = self.config.data
        return data_fingerprint(self.family.learns_from, data.path, data.look)

    def _open(self, split: str) -> ExampleSource[Any]:
        data = self.config.data
        return open_source(
            self.family.learns_from,
            data.path,
            split,
            size=data.size,
            look=data.look,
            cache=data.cache,
        )

    @cached_property
    def frozen(self) -> Any:
        with jax.ensure_compile_time_eval():  # arrays, even when first asked for in a trace
            return self.family.load_frozen()

    @cached_property
    def optimizers(self) -> Optimizers:
        updates = self.family.updates
        players = list(dict.fromkeys(player for update in updates for player in update.players))
        unknown = set(self.config.optimizers) ^ set(players)
        if unknown:
            raise UserError(
                f"config.optimizers has {', '.join(self.config.optimizers)}; "
                f"family {self.config.family!r} has the players {', '.join(players)}"
            )
        return {
            player: make_adam(
                AdamSettings(**self.config.optimizers[player]),
                self.total_steps,
                cadence_of(player, updates),
                f"config.optimizers.{player}.",
            )
            for player in players
        }

    @property
    def steps_per_epoch(self) -> int:
        found, kind = self.num_examples, self.family.learns_from
        if found is None:
            found = len(self.train_examples)
        steps = found // self.examples_per_step
        if not steps:
            raise UserError(
                f"batch_size={self._step_in_words} is more than the {found} "
                f"training {kind} in {self.config.data.path!r}; choose a smaller one"
            )
        return steps

    @property
    def total_steps(self) -> int:
        config = self.config
        steps = config.num_steps or round(config.num_epochs * self.steps_per_epoch)
        if steps < 1:
            raise UserError(
                f"config.num_steps={config.num_steps} with config.num_epochs={config.num_epochs} "
                f"of {self.steps_per_epoch} steps leaves nothing to do; ask for one step or more"
            )
        return steps

    @property
    def examples_per_step(self) -> int:
        """Examples a step draws, over all devices: a batch for each of its minibatches."""
        return self.config.batch_size * minibatch_count(self.family)

    @property
    def _step_in_words(self) -> str:
        count = minibatch_count(self.family)
        minibatches = f" x {count} minibatches a step" if count > 1 else ""
        return f"{self.config.batch_size}{minibatches}"

    @property
    def device_batch(self) -> int:
        """Examples a device gets each step."""
        return self.device_minibatch * minibatch_count(self.family)

    @property
    def device_minibatch(self) -> int:
        """Examples a device gets of each minibatch."""
        return self.parallel.per_device(self.config.batch_size, self.config.accumulate_steps)

    def batch_shapes(self, examples: int) -> dict[str, Any]:
        """Return the shapes of a batch of `examples` examples."""
        size = self.config.data.size
        image = jax.ShapeDtypeStruct((examples, size, size, 3), np.uint8)
        pair = {"input": image, "target": image}
        return pair if self.family.learns_from == "pairs" else {"target": image}

    def frozen_shapes(self) -> Any:
        """Shapes of the frozen arrays; no file is read."""
        return self.family.frozen_shapes()

    def network_shapes(self) -> Variables:
        """Shapes of the family's parameters and state."""
        return jax.eval_shape(self.family.init, jax.random.key(0), self.batch_shapes(1))

    def init_state(self) -> TrainState:
        """The state a run of this config starts from.

        The CPU compiles it without optimisation: in a fifth of the time, and it runs once.
        """
        quick = {"xla_backend_optimization_level": 0} if jax.default_backend() == "cpu" else None
        return jax.jit(self._init_state, compiler_options=quick)()

    def state_shapes(self) -> TrainState:
        """Shapes and dtypes of that state; nothing is compiled."""
        return jax.eval_shape(self._init_state)

    def _init_state(self) -> TrainState:
        one = self.batch_shapes(1)
        names = metric_names(self.family, self.frozen_shapes(), one)
        with_ema = self.config.ema_decay > 0
        return init_state(self.family, self.optimizers, names, self.config.seed, one, with_ema)

    def make_step(self, **partitioning: Any) -> TrainStep:
        """The step of one replica; `partitioning` says how replicas are averaged."""
        return make_train_step(self.family, self.optimizers, self._step_settings, **partitioning)

    def make_measured_step(self, **partitioning: Any) -> MeasuredStep:
        """The same with what it measures."""
        return make_measured_step(self.family, self.optimizers, self._step_settings, **partitioning)

    @property
    def _step_settings(self) -> StepSettings:
        return StepSettings(
            ema_decay=self.config.ema_decay,
            ema_warmup=self.config.ema_warmup,
            accumulate_steps=self.config.accumulate_steps,
            log_every_steps=self.config.log_every_steps,
        )

    def make_monitor(self) -> Monitor:
        """Watches the diagnostics of this run."""
        health = self.config.health
        rules = make_rules({name: dict(health[name]) for name in RULES})
        return Monitor(rules, health.grace_steps)

    def train_batches(self) -> Any:
        """This process' share of the shuffled training batches (see `data.pipeline`)."""
        data, share = self.config.data, self.parallel.share
        return train_batches(
            self.train_examples,
            size=data.size,
            crop=data.crop,
            batch_size=self.examples_per_step // share.count,
            seed=self.config.seed,
            process_index=share.index,
            process_count=share.count,
            threads=data.threads,
            corrupt_ceiling=data.corrupt_ceiling,
            corrupt_floor=data.corrupt_floor,
        )
