"""The package's own names: what importing it loads, and where they lead."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import cinegan_jax

HEAVY = {"absl", "flax", "grain", "jax", "ml_collections", "numpy", "orbax", "PIL", "rich", "typer"}
LOADED = """
import sys
before = set(sys.modules)
import cinegan_jax
dir(cinegan_jax)
print(*{name.partition(".")[0] for name in set(sys.modules) - before})
"""


def test_importing_the_package_loads_nothing_heavy() -> None:
    command = [sys.executable, "-c", LOADED]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "cinegan_jax" in loaded
    assert not HEAVY & set(loaded)


@pytest.mark.parametrize("name", cinegan_jax.__all__)
def test_every_name_leads_to_an_object_with_a_docstring(name: str) -> None:
    assert name in dir(cinegan_jax)
    found = getattr(cinegan_jax, name)
    assert found.__name__ == name
    assert found.__doc__


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'cinegan_jax' has no attribute 'load_lok'"):
        cinegan_jax.load_lok  # noqa: B018


def test_the_version_is_that_of_the_distribution() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert cinegan_jax.__version__ == project["version"]
