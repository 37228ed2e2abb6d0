"""The shipped configs are part of the wheel and load from any folder."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (PROJECT / "configs").glob("[a-z]*.py"))
LOAD_ALL = """
import sys
from pathlib import Path
import cinegan_jax
from cinegan_jax.config.load import load_config
from cinegan_jax.config.sources import shipped_folder, shipped_names
assert shipped_folder() == Path(cinegan_jax.__file__).parent / "configs", shipped_folder()
for name in shipped_names():
    assert load_config(name) == load_config(shipped_folder() / f"{name}.py")
    module = __import__(f"cinegan_jax.configs.{name}", fromlist=["get_config"])
    assert module.get_config() == load_config(name)
print(*shipped_names())
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the files that the wheel installs."""
    pytest.importorskip("setuptools", minversion="77", reason="needs the build backend")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # building leaves files in the source folder
    source.mkdir()
    for name in ("cinegan_jax", "configs"):
        shutil.copytree(
            PROJECT / name, source / name, ignore=shutil.ignore_patterns("*.png", "__pycache__")
        )
    for name in ("pyproject.toml", "setup.py", "setup.cfg", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    code = "import setuptools.build_meta as b, sys; print(b.build_wheel(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def test_each_config_stands_once_in_the_wheel(installed: Path) -> None:
    found = sorted(path.relative_to(installed) for path in installed.rglob("film.py"))
    assert found == [Path("cinegan_jax/configs/film.py")]
    assert not (installed / "configs").exists()


def test_installed_configs_load_from_another_folder(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", LOAD_ALL],
        cwd=tmp_path,
        env={"PYTHONPATH": str(installed), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == NAMES


def test_a_checkout_loads_its_configs_by_path(tmp_path: Path) -> None:
    code = (
        "from cinegan_jax.config.load import load_config as l; print(l('configs/gpu.py').data.crop)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "crop"
