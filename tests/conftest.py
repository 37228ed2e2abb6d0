"""Eight CPU devices, strict ranks, and warnings as errors for every test."""

import os
import tempfile

# Compiling is most of the suite's time, so it is done lightly and its results are shared between
# workers, subprocesses and runs. All of it also reaches the subprocesses that tests start.
os.environ |= {
    "JAX_PLATFORMS": "cpu",
    "KERAS_BACKEND": "jax",
    "XLA_FLAGS": os.environ.get("XLA_FLAGS", "")
    + " --xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0",
    "JAX_COMPILATION_CACHE_DIR": os.path.join(tempfile.gettempdir(), "cinegan-test-compilations"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "1",
}

import jax
import numpy as np
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded numpy generator, the same in every run."""
    return np.random.default_rng(20240229)
