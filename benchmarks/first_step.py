"""Time from the start of a training command to its first step, of two versions of the package.

Nothing is cached. Prints seconds and their ratio, which is what to quote: times are noisy.

Command: python -m benchmarks.first_step OTHER_TREE [CONFIG ...]
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

THIS_TREE = Path(__file__).parents[1]
CONFIGS = ("cpu_demo", "dcgan_64")
REPEATS = 2


def main() -> None:
    """Measure both trees in turn."""
    other, *configs = sys.argv[1:]
    for config in configs or CONFIGS:
        for _ in range(REPEATS):
            before, after = (seconds_to_first_step(Path(t), config) for t in (other, THIS_TREE))
            ratio = f"ratio {after / before:.2f}"
            print(f"{config}: {before:.1f} s there, {after:.1f} s here, {ratio}", flush=True)


def seconds_to_first_step(tree: Path, config: str) -> float:
    """Start a run of the package in `tree`, and end it at the line of its first step."""
    command = [sys.executable, "-m", "cinegan_jax.cli", "train", "--config", config]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        environment = {"PYTHONPATH": str(tree.resolve()), "XDG_CACHE_HOME": folder}
        start = time.perf_counter()
        run = subprocess.Popen(
            [*command, "--workdir", f"{folder}/run", "--set", "log_every_steps=1"],
            env=os.environ | environment | {"PYTHONUNBUFFERED": "1"},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert run.stdout is not None
        found = any(line.startswith("step 1/") for line in run.stdout)
        seconds = time.perf_counter() - start
        run.kill()
        run.wait()
    if not found:
        raise RuntimeError(f"the run of {config} in {tree} ended before its first step")
    return seconds


if __name__ == "__main__":
    main()
