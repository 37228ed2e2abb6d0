"""Configs are loaded from names, files, config.json and ConfigDicts, with overrides."""

import json
import os
import subprocess
import sys
from pathlib import Path

import ml_collections
import pytest
from etils import epath

from cinegan_jax.config.load import default_config, load_config
from cinegan_jax.config.sources import shipped_folder, shipped_names
from cinegan_jax.core.errors import UserError

CONFIGS = Path(__file__).parents[2] / "configs"


def test_every_shipped_config_has_a_name() -> None:
    assert shipped_folder() == CONFIGS
    assert shipped_names() == sorted(path.stem for path in CONFIGS.glob("[a-z]*.py"))
    assert "film" in shipped_names()


@pytest.mark.parametrize("source", [CONFIGS / "film.py", str(CONFIGS / "film.py")])
def test_a_name_and_a_path_are_the_same_config(source: str | os.PathLike[str]) -> None:
    assert load_config(source) == load_config("film")


def test_a_config_file_of_any_folder_may_start_from_a_shipped_one(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from cinegan_jax.config.load import load_config\n"
        "def get_config():\n"
        "    c = load_config('film')\n"
        "    c.generator.width = 12\n"
        "    return c\n"
    )
    expected = load_config("film")
    expected.generator.width = 12
    assert load_config(file) == expected
    assert load_config(os.path.relpath(file)) == expected


def test_a_config_dict_is_copied() -> None:
    config = default_config("cinegan")
    loaded = load_config(config, ["data.size=64"])
    assert (loaded.data.size, config.data.size) == (64, 512)


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("batch_size=16", "batch_size", 16),
        ("config.data.size=256", "data.size", 256),
        ("--config.data.size=256", "data.size", 256),
        ("num_epochs=3", "num_epochs", 3.0),
        ("optimizers.generator.learning_rate=2e-4", "optimizers.generator.learning_rate", 2e-4),
        ("generator.residual=False", "generator.residual", False),
        ("generator.residual=true", "generator.residual", True),
        ("data.path=a=b,c", "data.path", "a=b,c"),
        ("data.look=", "data.look", ""),
        ("perceptual_layers.block1_conv1=0.5", "perceptual_layers.block1_conv1", 0.5),
    ],
)
def test_an_override_is_parsed_as_its_key_s_type(override: str, key: str, value: object) -> None:
    config = load_config("default", [override])
    found = config.to_dict()
    for part in key.split("."):
        found = found[part]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("source", "overrides", "message"),
    [
        ("flim", [], "no config file 'flim'; the nearest are: film"),
        ("configs/tpu_v4_8.py", [], r"no config file 'configs/tpu_v4_8.py'; the nearest.*tpu_v3_8"),
        ("xyzzy", [], "the valid ones are: cpu_demo, dcgan_128"),
        ("run/config.json", [], "no config file 'run/config.json'"),
        ("film", ["data.siz=3"], r"config.data.siz is not a key .* nearest are: data.size"),
        ("film", ["lerning_rate=3"], "nearest are: optimizers.discriminator.learning_rate"),
        ("film", ["data=samples"], "config.data is not a key .* data.path"),
        ("film", ["batch_size"], "'batch_size' sets no key: write KEY=VALUE"),
        ("film", ["batch_size=many"], "config.batch_size=many must be a whole number, such as 4"),
        ("film", ["batch_size=1.5"], "config.batch_size=1.5 must be a whole number"),
        ("film", ["batch_size=0"], "config.batch_size=0 must be 1 or more"),
        ("film", ["ema_warmup=perhaps"], "config.ema_warmup=perhaps must be true or false"),
    ],
)
def test_wrong_sources_and_overrides_are_named(
    source: str, overrides: list[str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        load_config(source, overrides)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1 +", r"mine.py fails with SyntaxError"),
        ("import no_such_module", r"mine.py fails with ModuleNotFoundError: .*no_such_module"),
        ("x = 1", r"mine.py needs a function get_config\(\)"),
        ("def get_config(): return {}", r"mine.py needs a function get_config\(\)"),
        (
            "from cinegan_jax.config.load import load_config\n"
            "def get_config():\n"
            "    c = load_config('film')\n"
            "    c.generator.widht = 12\n"
            "    return c\n",
            r"""mine.py fails with AttributeError: .*Did you mean "width".*""",
        ),
    ],
)
def test_a_config_file_that_fails_is_named(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text)
    with pytest.raises(UserError, match=message):
        load_config(file)


def test_the_config_of_a_run_is_read_back(tmp_path: Path) -> None:
    from cinegan_jax.training.run_records import write_provenance

    config = load_config("film", ["data.path=pairs"])
    write_provenance(epath.Path(tmp_path), config, 0, {})
    assert json.loads((tmp_path / "config.json").read_text())["config_version"] == 3
    assert load_config(tmp_path / "config.json") == config
    changed = load_config(str(tmp_path / "config.json"), ["seed=3"])
    assert (changed.seed, changed.data.path) == (3, "pairs")


def test_the_config_of_a_run_in_a_bucket_is_read_back(bucket: epath.Path) -> None:
    config = load_config("gpu")
    (bucket / "config.json").write_text(json.dumps(config.to_dict()))
    assert load_config(str(bucket / "config.json")) == config


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_broken_config_json_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError, match=r"config.json (is no JSON file|holds no JSON object)"):
        load_config(tmp_path / "config.json")


def test_keys_of_a_loaded_config_cannot_be_added() -> None:
    for config in (load_config("film"), default_config("dcgan")):
        with pytest.raises(AttributeError, match="batch_sze"):
            config.batch_sze = 3


def test_loading_imports_no_jax(tmp_path: Path) -> None:
    code = (
        "import sys; from cinegan_jax.config.load import load_config; load_config('dcgan_64'); "
        "print([m for m in ('jax', 'flax', 'optax', 'tensorstore') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_config_of_an_unknown_family_is_refused() -> None:
    with pytest.raises(UserError, match=r"config.family='gan' is not one of cinegan, dcgan"):
        load_config("film", ["family=gan"])
    with pytest.raises(UserError, match=r"config.family is missing"):
        load_config(ml_collections.ConfigDict({"seed": 1}))
    with pytest.raises(UserError, match=r"config.family='gan' is not one of"):
        default_config("gan")
