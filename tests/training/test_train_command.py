"""`cinegan train`: its exit codes, and configs of every kind; the same for `--config` of main."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import runs
from absl import flags
from click.testing import Result
from ml_collections import config_flags
from typer.testing import CliRunner

from cinegan_jax.cli import app
from cinegan_jax.config.flags import with_config_file
from cinegan_jax.config.load import load_config
from cinegan_jax.training import train as train_module


@pytest.fixture
def config_file(tmp_path: Path, small_pairs: dict[str, Any]) -> Path:
    """The config of a toy run as JSON, as runs write it."""
    file = tmp_path / "config.json"
    config = runs.config_of({**runs.TOY, **small_pairs})
    file.write_text(json.dumps(config.to_dict()))
    return file


def train(config: object, workdir: Path, *more: str) -> Result:
    return CliRunner().invoke(app, ["train", f"--config={config}", f"--workdir={workdir}", *more])


def test_it_trains_what_is_set(config_file: Path, tmp_path: Path) -> None:
    done = train(config_file, tmp_path / "run", "--set", "num_steps=2", "-s", "seed=7")
    assert done.exit_code == 0, done.output
    assert "step 2/2" in done.stdout
    written = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (written["num_steps"], written["seed"]) == (2, 7)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_saves_and_the_command_resumes(
    config_file: Path, tmp_path: Path, signal_at_step_2: list[int], number: int, code: int
) -> None:
    signal_at_step_2.append(number)
    assert train(config_file, tmp_path / "run").exit_code == code
    assert runs.saved_steps(tmp_path / "run") == [2]
    assert train(config_file, tmp_path / "run").exit_code == 0
    assert runs.saved_steps(tmp_path / "run") == [2, 4]


@pytest.mark.parametrize(
    ("config", "more", "named"),
    [
        ("flim", [], "'flim'; the nearest are: film"),
        ("film", ["--set=batch_sise=3"], "nearest are: batch_size"),
        ("film", ["--set=batch_size=many"], "config.batch_size=many"),
        ("film", ["--set=batch_size=8", "--set=data.path=no/such"], "'no/such'"),
        ("film", ["--num-processes=2"], "must be given too: all three, or none"),
    ],
)
def test_mistakes_are_code_2_and_name_what_is_wrong(
    config: str, more: list[str], named: str, tmp_path: Path
) -> None:
    done = train(config, tmp_path / "run", *more)
    assert done.exit_code == 2
    assert named in done.output


def test_a_crash_is_code_1_with_a_traceback(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> int:
        raise RuntimeError("a fault of the program")

    monkeypatch.setattr(train_module, "run_training", crash)
    done = train(config_file, tmp_path / "run")
    assert done.exit_code == 1
    assert "Traceback" in done.stderr
    assert "a fault of the program" in done.stderr


@pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")  # of ml_collections
@pytest.mark.parametrize("separate", [False, True])
def test_main_takes_names_files_and_json(
    separate: bool, config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Path(__file__).parents[2] / "configs" / "film.py"
    for source in ("film", str(file), str(config_file)):
        values = flags.FlagValues()
        config_flags.DEFINE_config_file("config", lock_config=True, flag_values=values)
        named = ["--config", source] if separate else [f"--config={source}"]
        line = with_config_file(["main", *named, "--config.batch_size=3", "--config.seed", "5"])
        monkeypatch.setattr("sys.argv", line)  # ml_collections looks for keys there
        values(line)
        wanted = load_config(source, ["batch_size=3", "seed=5"])
        assert values.config.to_dict() == wanted.to_dict()
