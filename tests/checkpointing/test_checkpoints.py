"""Checkpoints against what a disk and a kill can do to them."""

import contextlib
import errno
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import struct

from cinegan_jax.checkpointing.checkpoints import Checkpoints
from cinegan_jax.core.errors import UserError


@struct.dataclass
class State:
    step: jax.Array
    key: jax.Array
    params: dict[str, Any]
    optimizer: Any
    ema: dict[str, Any]


class Positions:
    """A data iterator reduced to its position."""

    def __init__(self) -> None:
        self.drawn = 0

    def get_state(self) -> dict[str, int]:
        return {"drawn": self.drawn}

    def set_state(self, state: dict[str, int]) -> None:
        self.drawn = state["drawn"]


def make_state(seed: int, width: int = 32) -> State:
    draw = np.random.default_rng(seed)
    params = {
        "generator": {
            "kernel": jnp.asarray(draw.normal(size=(3, 3, 3, width)), jnp.float32),
            "bias": jnp.asarray(draw.normal(size=width), jnp.bfloat16),
        },
        "discriminator": {"kernel": jnp.asarray(draw.normal(size=(40, width)), jnp.float32)},
    }
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3)).init(params)
    key = jax.random.key_data(jax.random.key(seed))
    return State(jnp.int32(seed), key, params, optimizer, jax.tree.map(jnp.copy, params))


def bits(tree: Any) -> list[tuple[str, tuple[int, ...], bytes]]:
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
    return [(leaf.dtype.name, leaf.shape, leaf.tobytes()) for leaf in leaves]


def noise(step: int, megabytes: float) -> dict[str, np.ndarray]:
    """A state that does not compress."""
    draw = np.random.default_rng(step)
    return {"noise": draw.integers(0, 2**32, int(megabytes * 2**18), np.uint32)}


def save_steps(workdir: Path, *steps: int, **options: Any) -> None:
    data = Positions()
    with Checkpoints(workdir, **options) as checkpoints:
        for step in steps:
            data.drawn = 10 * step
            checkpoints.save(step, make_state(step), data, {"seen": step})


def restore(workdir: Path) -> tuple[int, State, int]:
    """The step, state and data position found, with `meta` checked to be of the same step."""
    data = Positions()
    with Checkpoints(workdir) as checkpoints:
        found = checkpoints.restore(make_state(0), data)
    assert found is not None
    assert found.meta == {"seen": found.step}
    return found.step, found.state, data.drawn


def saved_steps(workdir: Path) -> list[int]:
    return sorted(int(p.name) for p in (workdir / "checkpoints").iterdir() if p.name.isdigit())


@pytest.fixture(scope="module")
def two_steps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with the steps 1 and 2; copy it before harming it."""
    workdir = tmp_path_factory.mktemp("two_steps")
    save_steps(workdir, 1, 2)
    return workdir


def test_a_new_run_has_nothing_to_restore(tmp_path: Path) -> None:
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.latest_step is None
        assert checkpoints.restore(make_state(0), Positions()) is None


def test_restores_bit_for_bit_where_the_template_says(tmp_path: Path) -> None:
    state = make_state(7)
    data = Positions()
    data.drawn = 70
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(7, state, data, {"config": {"rate": 1e-4}, "losses": [0.1, 0.2]})
        data.drawn = 71  # drawn while the save is under way
    mesh = jax.make_mesh((8,), ("n",), axis_types=(jax.sharding.AxisType.Auto,))
    everywhere = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    template = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=everywhere), state
    )
    with Checkpoints(tmp_path) as checkpoints:
        found = checkpoints.restore(template, data)
    assert found is not None
    assert found.step == 7
    assert found.meta == {"config": {"rate": 1e-4}, "losses": [0.1, 0.2]}
    assert data.drawn == 70
    assert bits(found.state) == bits(state)
    assert jax.tree.structure(found.state) == jax.tree.structure(state)
    assert all(leaf.sharding == everywhere for leaf in jax.tree.leaves(found.state))


def test_keeps_a_typed_random_key(tmp_path: Path) -> None:
    key = jax.random.key(3)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, {"key": key}, None, {})
        found = checkpoints.restore(jax.eval_shape(lambda: {"key": jax.random.key(0)}), None)
    assert found is not None
    assert found.state["key"].dtype == key.dtype
    assert bits(jax.random.key_data(found.state["key"])) == bits(jax.random.key_data(key))


@pytest.mark.parametrize("on_host", [False, True], ids=["device", "host"])
def test_buffers_may_be_donated_as_soon_as_save_returns(tmp_path: Path, on_host: bool) -> None:
    step = jax.jit(lambda x: jax.tree.map(lambda a: a + 1, x), donate_argnums=0)
    state = {"a": jnp.zeros((512, 1024)), "b": jnp.ones((1024, 512))}
    want = bits(state)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, jax.device_get(state) if on_host else state, None, {})
        for _ in range(5):
            state = step(state)
        jax.block_until_ready(state)
        found = checkpoints.restore(state, None)
    assert found is not None
    assert bits(found.state) == want


def test_numpy_arrays_may_change_as_soon_as_save_returns(tmp_path: Path) -> None:
    state = noise(1, 4)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, state, None, {})
        state["noise"] += 1
        found = checkpoints.restore(state, None)
    assert found is not None
    assert bits(found.state) == bits(noise(1, 4))


def test_no_two_restored_arrays_share_memory(tmp_path: Path) -> None:
    shared = jnp.arange(4096.0)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, {"params": shared, "ema": shared}, None, {})
        found = checkpoints.restore({"params": shared, "ema": shared}, None)
    assert found is not None
    pointers = {found.state[name].unsafe_buffer_pointer() for name in ("params", "ema")}
    assert len(pointers | {shared.unsafe_buffer_pointer()}) == 3


@pytest.mark.parametrize(("mode", "best"), [("max", 2), ("min", 3)])
def test_keeps_the_newest_and_the_best_across_restarts(
    tmp_path: Path, mode: str, best: int
) -> None:
    values = {1: None, 2: 9.0, 3: 1.0, 4: float("nan"), 5: 5.0, 6: None, 7: 4.0}
    for step, value in values.items():
        metrics = None if value is None else {"psnr": value, "loss": 0.0}
        with Checkpoints(
            tmp_path, keep_newest=2, best_metric="psnr", best_mode=mode
        ) as checkpoints:  # opened anew for every step
            checkpoints.save(step, make_state(step), None, {}, metrics)
    assert saved_steps(tmp_path) == [best, 6, 7]


def test_milestones_are_kept_beside_the_newest_and_the_best(tmp_path: Path) -> None:
    values = {2: 1.0, 3: 9.0, 4: 2.0, 5: None, 8: 3.0, 9: None, 11: None}
    for step, value in values.items():
        with Checkpoints(
            tmp_path, keep_newest=1, keep_every_steps=4, best_metric="psnr"
        ) as checkpoints:  # opened anew for every step
            metrics = None if value is None else {"psnr": value}
            checkpoints.save(step, make_state(step), None, {}, metrics)
    assert saved_steps(tmp_path) == [3, 4, 8, 11]


def test_a_step_already_saved_is_left_alone(tmp_path: Path) -> None:
    save_steps(tmp_path, 1)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, make_state(99), None, {})
    assert bits(restore(tmp_path)[1]) == bits(make_state(1))


def test_names_every_array_of_a_changed_architecture(two_steps: Path) -> None:
    wider = make_state(0, width=48)
    template = wider.replace(
        params={"generator": wider.params["generator"], "head": jnp.zeros(5, jnp.int32)}
    )
    with (
        Checkpoints(two_steps) as checkpoints,
        pytest.raises(UserError) as raised,
    ):
        checkpoints.restore(template, Positions())
    text = str(raised.value)
    assert str(two_steps / "checkpoints" / "2") in text
    assert (
        "params/generator/kernel: saved float32[3, 3, 3, 32], wanted float32[3, 3, 3, 48]" in text
    )
    assert "params/discriminator/kernel: saved float32[40, 32], wanted nothing" in text
    assert "params/head: saved nothing, wanted int32[5]" in text
    assert saved_steps(two_steps) == [1, 2]


def harm_each_file(run: Path, workdir: Path, harm: Any) -> Iterator[tuple[str, Path]]:
    """Copies a run once for each file of step 2, with that file harmed."""
    step = run / "checkpoints" / "2"
    for number, path in enumerate(sorted(p for p in step.rglob("*") if p.is_file())):
        copy = workdir / str(number)
        shutil.copytree(run, copy)
        harm(copy / path.relative_to(run))
        yield path.relative_to(step).as_posix(), copy


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


# Written after the manifest and never needed for a restore.
UNSEALED = {"_CHECKPOINT_METADATA", "commit_success.txt"}


@pytest.mark.parametrize("harm", [truncate, flip, Path.unlink])
def test_any_harmed_file_sets_the_newest_step_aside(
    two_steps: Path, tmp_path: Path, harm: Any, caplog: pytest.LogCaptureFixture
) -> None:
    harmed = list(harm_each_file(two_steps, tmp_path, harm))
    assert len(harmed) > 8
    for name, copy in harmed:
        caplog.clear()
        step, state, drawn = restore(copy)
        assert bits(state) == bits(make_state(step)), name
        assert drawn == 10 * step, name
        if name not in UNSEALED:
            assert step == 1, name
            assert (copy / "checkpoints" / "damaged-2").is_dir(), name
            assert str(copy / "checkpoints" / "2") in caplog.text
            assert name in caplog.text or (name, harm) == ("manifest.json", flip)


def test_an_unfinished_step_is_set_aside(
    two_steps: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    workdir = tmp_path / "run"
    shutil.copytree(two_steps, workdir)
    for step in (3, 4):
        unfinished = workdir / "checkpoints" / f"{step}.orbax-checkpoint-tmp"
        shutil.copytree(workdir / "checkpoints" / "2", unfinished)
        assert restore(workdir)[0] == 2
        assert str(unfinished) in caplog.text
    left = {p.name for p in (workdir / "checkpoints").iterdir()}
    assert left == {"1", "2", "unfinished-4"}
    save_steps(workdir, 3)
    assert restore(workdir)[0] == 3


def test_no_good_step_is_an_error_that_renames_nothing(two_steps: Path, tmp_path: Path) -> None:
    workdir = tmp_path / "run"
    shutil.copytree(two_steps, workdir)
    for step in (1, 2):
        truncate(workdir / "checkpoints" / str(step) / "state" / "manifest.ocdbt")
    with pytest.raises(UserError, match="1, 2 are all damaged"):
        Checkpoints(workdir)
    assert saved_steps(workdir) == [1, 2]


def test_another_format_is_named_and_left_alone(two_steps: Path, tmp_path: Path) -> None:
    workdir = tmp_path / "run"
    shutil.copytree(two_steps, workdir)
    manifest = workdir / "checkpoints" / "2" / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format_version": 99}))
    with pytest.raises(UserError, match=r"format 99; this program reads format 1"):
        Checkpoints(workdir)
    assert saved_steps(workdir) == [1, 2]


@pytest.mark.parametrize(
    ("option", "value"),
    [("keep_newest", 0), ("best_mode", "largest"), ("on_disk_full", "panic")],
)
def test_options_out_of_range_are_named(tmp_path: Path, option: str, value: Any) -> None:
    with pytest.raises(UserError, match=f"{option} is '?{value}"):
        Checkpoints(tmp_path, **{option: value})


@pytest.fixture
def small_disk(mount_disk: Callable[[str], Path]) -> Path:
    return mount_disk("6m")


def test_a_full_disk_keeps_the_last_good_step_and_goes_on(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Checkpoints(small_disk, keep_newest=3) as checkpoints:
        checkpoints.save(1, noise(1, 2), None, {})
        checkpoints.save(2, noise(2, 5), None, {})
        checkpoints.wait()
        assert checkpoints.latest_step == 1
        assert "checkpoint of step 2" in caplog.text
        assert "the last good one is of step 1" in caplog.text
        assert [p.name for p in (small_disk / "checkpoints").iterdir()] == ["1"]
        checkpoints.save(3, noise(3, 2), None, {})
    with Checkpoints(small_disk) as checkpoints:
        found = checkpoints.restore(noise(0, 2), None)
    assert found is not None
    assert found.step == 3
    assert bits(found.state) == bits(noise(3, 2))


def test_a_disk_without_a_byte_left(small_disk: Path) -> None:
    with Checkpoints(small_disk) as checkpoints:
        checkpoints.save(1, noise(1, 2), None, {})
        checkpoints.wait()
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(2**16)):
                pass
        checkpoints.save(2, noise(2, 1), Positions(), {})
        checkpoints.wait()
        assert checkpoints.latest_step == 1
        filler.unlink()
        checkpoints.save(3, noise(3, 1), Positions(), {})
    assert saved_steps(small_disk) == [1, 3]


def test_a_full_disk_stops_a_run_that_is_to_stop(small_disk: Path) -> None:
    with Checkpoints(small_disk, on_disk_full="stop") as checkpoints:
        checkpoints.save(1, noise(1, 2), None, {})
        checkpoints.save(2, noise(2, 5), None, {})
        with pytest.raises(UserError, match=r"step 2 could not .* last good .* step 1\."):
            checkpoints.save(3, noise(3, 2), None, {})
    assert saved_steps(small_disk) == [1]


@pytest.mark.parametrize(
    "writer",
    [
        "orbax.checkpoint.CheckpointManager.save",
        "cinegan_jax.checkpointing.checkpoints.seal_step",
    ],
    ids=["at once", "in the background"],
)
@pytest.mark.parametrize(
    "fault",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        ValueError("RESOURCE_EXHAUSTED: write failed [OS error 28: ENOSPC]"),
    ],
    ids=["system", "quota", "text"],
)
def test_a_full_disk_under_the_writer(
    tmp_path: Path, writer: str, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("wrapped") from fault

    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, make_state(1), Positions(), {"seen": 1})
        checkpoints.wait()
        with monkeypatch.context() as patch:
            patch.setattr(writer, fail)
            checkpoints.save(2, make_state(2), Positions(), {"seen": 2})
            checkpoints.wait()
        assert checkpoints.latest_step == 1
        assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["1"]
        checkpoints.save(3, make_state(3), Positions(), {"seen": 3})
    assert saved_steps(tmp_path) == [1, 3]


def test_another_failure_is_not_taken_for_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("cinegan_jax.checkpointing.checkpoints.seal_step", fail)
    with pytest.raises(OSError, match="Input/output error"), Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, make_state(1), None, {})


SAVE_UNTIL_KILLED = """
import sys
import numpy as np
from cinegan_jax.checkpointing.checkpoints import Checkpoints

def state(step):
    return {"noise": np.random.default_rng(step).integers(0, 2**32, 2**20, np.uint32)}

with Checkpoints(sys.argv[1], keep_newest=2) as checkpoints:
    found = checkpoints.restore(state(0), None)
    step = 0 if found is None else found.step
    right = found is None or np.array_equal(found.state["noise"], state(step)["noise"])
    print(step, "right" if right else "wrong", flush=True)
    while True:
        step += 1
        checkpoints.save(step, state(step), None, {})  # waits for the save before
        print(step, flush=True)
"""


def test_sigkill_at_any_moment_leaves_a_good_step(tmp_path: Path) -> None:
    delay = random.Random(5)
    found = []
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVE_UNTIL_KILLED, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        step, contents = process.stdout.readline().split()
        assert contents == "right"
        found.append(int(step))
        for _ in range(delay.randint(2, 5)):
            process.stdout.readline()
        time.sleep(delay.uniform(0.0, 0.1))  # the result must not depend on the moment
        process.kill()
        process.communicate()
    assert found == sorted(found)
    assert found[0] == 0 < found[1]


ONE_OF_TWO_HOSTS = """
import os, sys
import jax
jax.distributed.initialize(sys.argv[1], 2, int(sys.argv[2]))
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from cinegan_jax.checkpointing.checkpoints import Checkpoints

class Positions:
    drawn = 0
    def get_state(self):
        return {"drawn": self.drawn}
    def set_state(self, state):
        self.drawn = state["drawn"]

data = Positions()
with Checkpoints(sys.argv[3], best_metric="psnr") as checkpoints:
    for step in (1, 2):
        data.drawn = 10 * step
        state = {"kernel": np.full((3, 4), step, np.float32)}
        checkpoints.save(step, state, data, {"seen": step}, {"psnr": 30.0})
if jax.process_index() == 0:
    os.truncate(sys.argv[3] + "/checkpoints/2/state/manifest.ocdbt", 5)
multihost_utils.sync_global_devices("truncated")
with Checkpoints(sys.argv[3], best_metric="psnr") as checkpoints:
    found = checkpoints.restore({"kernel": jnp.zeros((3, 4))}, data)
kernel = found.state["kernel"]
local = kernel.devices() == {jax.local_devices()[0]}
print(found.step, found.meta["seen"], data.drawn, np.unique(kernel), local, flush=True)
"""


def test_two_hosts_fall_back_to_the_same_step(tmp_path: Path, coordinator: str) -> None:
    hosts = [
        subprocess.Popen(
            [sys.executable, "-c", ONE_OF_TWO_HOSTS, coordinator, str(n), str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for n in range(2)
    ]
    for host in hosts:
        assert host.communicate(timeout=60)[0].splitlines()[-1] == "1 1 10 [1.] True"
