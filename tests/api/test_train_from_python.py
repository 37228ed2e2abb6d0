"""Training from Python: in threads and event loops, interrupted and resumed."""

import asyncio
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import runs
from orbax.checkpoint._src import asyncio_utils

import cinegan_jax as cinegan
from cinegan_jax.api.runs import TrainedRun
from cinegan_jax.core.errors import UserError


@pytest.fixture
def settings(small_pairs: dict[str, Any]) -> dict[str, Any]:
    return {**runs.TOY, **small_pairs}


def test_it_returns_the_finished_run(tmp_path: Path, settings: dict[str, Any]) -> None:
    config = runs.config_of(settings)
    run = cinegan.train(config, tmp_path / "run", overrides={"num_steps": 2, "seed": 7})
    assert (run.step, run.config.num_steps, run.config.seed) == (2, 2, 7)
    assert config.num_steps == 4
    assert {record["step"] for record in run.metrics} == {2}


def test_a_run_goes_on_from_its_own_config_file(tmp_path: Path, settings: dict[str, Any]) -> None:
    workdir = tmp_path / "run"
    cinegan.train(runs.config_of(settings), workdir, overrides={"num_steps": 2})
    run = cinegan.train(workdir / "config.json", workdir, overrides={"num_steps": 4})
    assert {record["step"] for record in run.metrics} == {2, 4}


def test_in_another_thread(tmp_path: Path, settings: dict[str, Any]) -> None:
    finished: list[TrainedRun] = []
    config = runs.config_of(settings)
    thread = threading.Thread(
        target=lambda: finished.append(cinegan.train(config, tmp_path / "run"))
    )
    thread.start()
    thread.join()
    assert [run.step for run in finished] == [4]


def test_in_a_running_event_loop(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notebook has a running loop; Orbax would need uvloop or nest_asyncio there."""
    monkeypatch.setattr(asyncio_utils, "uvloop", None)
    monkeypatch.setattr(asyncio_utils, "nest_asyncio", None)

    async def cell() -> TrainedRun:
        return cinegan.train(runs.config_of(settings), tmp_path / "run")

    assert asyncio.run(cell()).step == 4


@pytest.mark.parametrize("notebook", [False, True])
def test_an_interrupt_saves_and_another_call_resumes(
    tmp_path: Path,
    settings: dict[str, Any],
    signal_at_step_2: list[int],
    notebook: bool,
) -> None:
    workdir, config = tmp_path / "run", runs.config_of(settings)

    async def cell() -> TrainedRun:
        return cinegan.train(config, workdir)

    def call() -> TrainedRun:
        return asyncio.run(cell()) if notebook else cinegan.train(config, workdir)

    handler = signal.getsignal(signal.SIGINT)
    signal_at_step_2.append(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        call()
    assert signal.getsignal(signal.SIGINT) is handler
    assert runs.saved_steps(workdir) == [2]
    interrupted = cinegan.load_run(workdir)
    resumed = call()
    assert (interrupted.step, resumed.step) == (2, 4)
    assert resumed.metrics[: len(interrupted.metrics)] == interrupted.metrics


def test_sigterm_saves_and_exits_with_the_code_of_a_preemption(
    tmp_path: Path, settings: dict[str, Any], signal_at_step_2: list[int]
) -> None:
    signal_at_step_2.append(signal.SIGTERM)
    with pytest.raises(SystemExit) as stopped:
        cinegan.train(runs.config_of(settings), tmp_path / "run")
    assert stopped.value.code == 75
    assert runs.saved_steps(tmp_path / "run") == [2]


def test_an_unknown_config_or_key_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"flim.*film"):
        cinegan.train("flim", tmp_path / "run")
    with pytest.raises(UserError, match=r"batch_sise.*batch_size"):
        cinegan.train("film", tmp_path / "run", overrides={"batch_sise": 4})
    assert list(tmp_path.iterdir()) == []
