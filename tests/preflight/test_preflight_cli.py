"""`cinegan preflight`: figures of a worker, the search for a batch, and what can go wrong."""

import importlib.util
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import pytest
import runs
from typer.testing import CliRunner

from cinegan_jax.cli import app
from cinegan_jax.core.errors import UserError
from cinegan_jax.preflight import worker
from cinegan_jax.preflight.batch_search import largest_batch
from cinegan_jax.preflight.chips import CHIPS, GIB, parse_topology
from cinegan_jax.preflight.estimate import RunPlan
from cinegan_jax.preflight.step_cost import StepCost, bytes_needed
from cinegan_jax.training.run import Run

CONFIG = str(Path(__file__).parents[2] / "configs" / "default.py")
SMALL = {
    "generator.width": 8,
    "generator.num_blocks": 1,
    "discriminator.width": 8,
    "losses.perceptual": 0.0,
    "data.size": 64,
    "batch_size": 16,
}
needs_libtpu = pytest.mark.skipif(
    importlib.util.find_spec("libtpu") is None, reason="libtpu is not installed"
)


def enter(name: str, *more: str, **settings: Any) -> Any:
    """Run `cinegan preflight` with a small config and return its result."""
    keys = [f"--set={key}={value}" for key, value in {**SMALL, **settings}.items()]
    flags = [f"--config={CONFIG}", f"--topology={name}", *keys, *more]
    return CliRunner().invoke(app, ["preflight", *flags])


def figures(name: str, *more: str, **settings: Any) -> dict[str, Any]:
    done = enter(name, *more, "--json", **settings)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_a_latent_family_is_planned_in_images() -> None:
    """The drawn shapes are on every machine, so the run's length is known."""
    keys = {"generator.width": 4, "discriminator.width": 4, "num_epochs": 2.0, "batch_size": 32}
    config = str(Path(CONFIG).with_name("dcgan_64.py"))
    flags = [f"--config={config}", *(f"--set={k}={v}" for k, v in keys.items())]
    done = CliRunner().invoke(app, ["preflight", *flags, "--topology=v5e:2x2", "--fast", "--json"])
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["learns_from"], found["examples"]) == ("images", 10_000)
    assert (found["total_steps"], found["device_batch"]) == (2 * (10_000 // 32), 8)
    networks = Run(runs.config_of(keys, "dcgan_64")).network_shapes()
    params, state = (
        sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree)) for tree in networks
    )
    # Parameters and two moments each, running statistics, eight images of uint8.
    known = 4 * (3 * params + state) + 8 * 64 * 64 * 3
    assert known < found["cost"]["arguments"] < 1.01 * known


def test_fast_figures_are_those_of_shapes() -> None:
    found = figures("v5e:4x4", "--fast", "--pairs=100", "--price-per-chip-hour=3")
    assert (found["devices"], found["device_kind"], found["device_batch"]) == (16, "TPU v5 lite", 1)
    params = Run(runs.config_of(SMALL)).network_shapes().params
    numbers = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))
    # Parameters and two moments each, float32; one pair of uint8; spectral vectors and counters.
    known = 3 * 4 * numbers + 2 * 64 * 64 * 3
    assert known < found["cost"]["arguments"] < 1.01 * known
    assert found["compute_seconds"] == found["cost"]["flops"] / 197e12
    steps = 50 * (100 // 16)
    assert found["run_hours"] == pytest.approx(steps * found["compute_seconds"] / 3600)
    assert found["run_price"] == pytest.approx(found["run_hours"] * 3 * 16)
    assert (found["fits"], found["bandwidth_seconds"]) == (True, None)


def test_data_that_is_not_here_leaves_the_epoch_open() -> None:
    done = enter("v3:2x2", "--fast", "--set=data.path=nowhere")
    assert done.exit_code == 0
    assert "give --pairs" in done.stderr
    assert "8 x TPU v3" in done.stdout
    assert "h" not in done.stdout.split("an epoch, at least")[1].split("not known")[0]


def test_data_that_is_here_is_counted(small_pairs: dict[str, Any]) -> None:
    found = figures("v3:2x2", "--fast", **small_pairs)
    assert (found["examples"], found["total_steps"]) == (40, 50 * (40 // 16))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["v3:9x9", "--fast"], "topology 'v3:9x9' is not known"),
        (["v3:2x2", "--fast", "--search"], "leave --fast out"),
        (["v3:2x2", "--fast", "--set=batch_size"], "write KEY=VALUE"),
        (["v3:4x4", "--fast"], "batch_size=16 cannot be divided over 32 devices"),
        (["v3:2x2", "--fast", "--set=btch_size=8"], "nearest are: batch_size"),
        (["v3:2x2", "--fast", "--set=batch_size=many"], "config.batch_size=many"),
        (["v3:2x2", "--fast", "--fats"], "No such option: --fats"),
        (["v3:2x2", "--fast", "many"], "unexpected extra argument"),
        (["v3:2x2", "--fast", "--pairs=8"], "batch_size=16 is more than the 8 training pairs"),
        (["v3:2x2", "--timeout=1"], "more than 1 s; raise --timeout"),
    ],
)
def test_impossible_requests_are_one_line_errors(
    arguments: list[str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    done = enter(*arguments)
    assert done.exit_code == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_without_libtpu_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    done = enter("v3:2x2")
    assert done.exit_code == 2
    assert "pip install '.[tpu]'" in done.stderr


@pytest.mark.parametrize(
    ("code", "log", "says"),
    [
        (-9, "", "too little memory"),
        (-6, "noise\n" * 9 + "lock file", "code -6:\n(noise\n){4}lock file$"),
    ],
)
def test_a_worker_that_dies_is_reported(
    code: int, log: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = f"import os, sys\nsys.stderr.write({log!r})\nsys.stderr.flush()\n"
    (tmp_path / "dying.py").write_text(f"{lines}os.kill(os.getpid(), {-code})\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(worker, "WORKER", "dying")
    with pytest.raises(UserError, match=says):
        worker.plan_on_slice(runs.config_of({}), parse_topology("v3:2x2"), fast=True, timeout=60)


@pytest.mark.parametrize("unit", [1, 3])
@pytest.mark.parametrize("start", [3, 24])
def test_the_search_ends_within_a_quarter_of_the_largest(unit: int, start: int) -> None:
    for largest in range(200):
        tried: list[int] = []

        def fits(pairs: int, largest: int = largest, tried: list[int] = tried) -> bool:
            tried.append(pairs)
            return pairs <= largest

        found = largest_batch(fits, start, unit)
        assert found <= largest
        assert found % unit == 0
        assert found + max(unit, found // 4) > largest - unit
        assert (found == 0) == (largest < unit)
        assert len(tried) == len(set(tried)) <= 10
        assert all(pairs % unit == 0 and pairs > 0 for pairs in tried)


def test_the_search_prints_its_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker is replaced: 20 pairs per device fill the memory."""

    def plan_on_slice(config: Any, topology: Any, **_: Any) -> RunPlan:
        batch = config.batch_size
        full = int(batch / 4 / 20 * topology.chip.hbm)
        cost = StepCost(arguments=0, temporaries=full, flops=1.0, compiled=True)
        return RunPlan(topology.chip.kind, 4, batch, batch // 4, 1, 640, 500, cost)

    monkeypatch.setattr(worker, "plan_on_slice", plan_on_slice)
    done = enter("v5e:2x2", "--search", "--json", batch_size=64)
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["largest_device_batch"] == 20
    for tried in ("16 pairs per device: 12.60 of 15.75 GiB: fits", "32 pairs per device: 25.20"):
        assert tried in done.stderr


@pytest.mark.slow
@needs_libtpu
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("v3:2x2", {}),
        ("v5e:2x4", {"parallelism": "pjit", "spatial": 2, "shard_optimizer": True}),
    ],
)
def test_the_real_step_is_compiled(name: str, settings: dict[str, Any]) -> None:
    found, fast = figures(name, **settings), figures(name, "--fast", **settings)
    assert found["cost"]["compiled"]
    assert found["fits"]
    # The compiler pads small arrays to whole tiles, shares work, and adds halos.
    assert 1 <= found["cost"]["arguments"] / fast["cost"]["arguments"] < 4
    assert 0.7 < found["cost"]["flops"] / fast["cost"]["flops"] < 2
    assert found["cost"]["accessed"] > found["cost"]["arguments"]
    params = Run(runs.config_of(SMALL)).network_shapes().params
    numbers = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))
    if not settings:
        assert found["cost"]["exchanged"] == pytest.approx(4 * numbers, rel=0.01)
    assert found["bandwidth_seconds"] > found["compute_seconds"] > 0


@pytest.mark.slow
@needs_libtpu
def test_a_batch_too_large_does_not_fit() -> None:
    found = figures("v3:2x2", **{"batch_size": 8 * 2**15})
    assert found["fits"] is False
    assert found["cost"]["arguments"] + found["cost"]["temporaries"] > 15.48 * GIB


@needs_libtpu
def test_libtpu_knows_all_chips() -> None:
    """Their devices, and the memory that it grants them when it refuses a program."""
    slices = {name: f"{name}:{chip.shapes[0]}" for name, chip in CHIPS.items()}
    arguments = {slices[name]: dict(chip.libtpu) for name, chip in CHIPS.items()}
    done = subprocess.run(
        [sys.executable, "-c", TOO_LARGE, json.dumps(arguments)],
        env=worker.worker_environment(parse_topology("v3:2x2"), fast=False),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    for name, (kind, devices, refusal) in zip(slices, found, strict=True):
        chip = CHIPS[name]
        assert (kind, devices) == (chip.kind, parse_topology(slices[name]).devices)
        granted = float(re.search(r"available HBM \(([\d.]+)G\)", refusal)[1])
        assert granted * GIB == pytest.approx(chip.hbm / chip.devices)
        assert bytes_needed(refusal) > 100 * GIB


TOO_LARGE = """
import json, sys
import jax, jax.numpy as jnp, numpy as np
from jax.experimental import topologies
from jax.sharding import Mesh, NamedSharding, PartitionSpec

found = []
for name, arguments in json.loads(sys.argv[1]).items():
    slice_ = topologies.get_topology_desc(platform="tpu", topology_name=name, **arguments)
    here = NamedSharding(Mesh(np.array(slice_.devices[:1]), "x"), PartitionSpec())
    matrix = jax.ShapeDtypeStruct((2**17, 2**17), jnp.float32, sharding=here)
    try:
        jax.jit(lambda x: x @ x.T).lower(matrix).compile()
    except jax.errors.JaxRuntimeError as error:
        found.append((slice_.devices[0].device_kind, len(slice_.devices), str(error)))
print(json.dumps(found))
"""
