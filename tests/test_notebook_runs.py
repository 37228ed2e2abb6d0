"""Second runs of the entry point in one Python process, as `%run -m` in a notebook's kernel."""

import subprocess
import sys

TWICE = """
import runpy, sys, warnings
warnings.simplefilter("ignore", RuntimeWarning)  # of runpy: the module is imported already

def run(*flags):
    sys.argv = ["main", "--config=cpu_demo", "--workdir=nowhere", "--config.batch_size=8", *flags]
    try:
        runpy.run_module("cinegan_jax.main", run_name="__main__")
    except SystemExit as end:
        print("exit code", end.code, flush=True)

run("--config.data.path=first/folder", "--config.seed=-5")
run("--config.data.path=second/folder")
run("--config.data.path=third/folder", "--stop_after=soon")
"""


def test_a_second_run_has_its_own_flags() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TWICE], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("exit code 2\n") == 3
    first, second, third = done.stdout.split("exit code 2\n")[:3]
    assert "config.seed=-5 must be 0 or more" in first
    assert "no folder 'second/folder'" in second
    assert "config.stop_after='soon' must be a duration such as 8h30m" in third
