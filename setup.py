"""The packages of the distribution; everything else about it is in pyproject.toml.

The folder `configs` is installed as the package `cinegan_jax.configs`. pyproject.toml can either
find packages or name folders for them, not both.
"""

from setuptools import find_namespace_packages, setup

setup(
    packages=[*find_namespace_packages(include=["cinegan_jax*"]), "cinegan_jax.configs"],
    package_dir={"cinegan_jax.configs": "configs"},
)
