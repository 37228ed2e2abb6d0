"""Config files: those shipped with the package by name, any other one by path."""

import importlib.util
from pathlib import Path

import ml_collections

from cinegan_jax.config.nearest import nearest_or_all
from cinegan_jax.core.errors import UserError

_PACKAGE = Path(__file__).parents[1]
# Installed, the configs are the package `cinegan_jax.configs`; in a checkout they are beside it.
_INSTALLED, _CHECKOUT = _PACKAGE / "configs", _PACKAGE.parent / "configs"


def shipped_folder() -> Path:
    """Return the folder of the configs that come with the package."""
    return _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT


def shipped_names() -> list[str]:
    """Return the names of the configs that come with the package, such as `film`."""
    return sorted(file.stem for file in shipped_folder().glob("[!_]*.py"))


def find_config_file(source: str) -> Path:
    """Return the config file that a name such as `film` or a path refers to.

    Raises:
      UserError: there is none.
    """
    if source in shipped_names():
        return shipped_folder() / f"{source}.py"
    path = Path(source).expanduser()
    if path.is_file():
        return path
    names = shipped_names()
    raise UserError(
        f"no config file {source!r}; {nearest_or_all(path.stem, names)}; "
        "or give the path of a .py file or of a run's config.json"
    )


def read_config_file(path: Path) -> ml_collections.ConfigDict:
    """Return what `get_config` of a Python file returns.

    Raises:
      UserError: the file fails, or has no `get_config` that returns a ConfigDict.
    """
    spec = importlib.util.spec_from_file_location(f"_cinegan_config_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} is no Python file; the name of a config file ends in .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        config = module.get_config() if hasattr(module, "get_config") else None
    except UserError:
        raise
    except Exception as error:  # the file may hold any code
        raise UserError(f"{path} fails with {type(error).__name__}: {error}") from error
    if not isinstance(config, ml_collections.ConfigDict):
        raise UserError(f"{path} needs a function get_config() that returns a ConfigDict")
    return config
