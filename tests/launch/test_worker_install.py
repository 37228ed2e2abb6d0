"""Where the machine's Python is too old, uv brings one; where it is not, nothing is fetched."""

import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent

# What curl brings: an installer that puts a uv into UV_UNMANAGED_INSTALL, which "finds" a Python.
INSTALLER = """#!/usr/bin/env bash
echo "curl $*" >>"$HOME/calls"
cat <<'END'
mkdir -p "$UV_UNMANAGED_INSTALL"
cat >"$UV_UNMANAGED_INSTALL/uv" <<'UV'
#!/usr/bin/env bash
echo "uv $*" >>"$HOME/calls"
[ "$2" != find ] || echo "$HOME/brought_python"
UV
chmod +x "$UV_UNMANAGED_INSTALL/uv"
END
"""
TOO_OLD = "#!/usr/bin/env bash\nexit 1\n"


@pytest.fixture
def machine(tmp_path: Path, tools: Path) -> dict[str, str]:
    """The environment of a machine like Ubuntu 22.04: its only Python fails the check."""
    for name, text in (("curl", INSTALLER), ("python3", TOO_OLD)):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    (tmp_path / "brought_python").symlink_to(HERE / "fake_python.sh")
    return {"PATH": str(tools), "HOME": str(tmp_path)}


def install(project: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = ["bash", project / "launch/worker_install.sh"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)


def test_an_old_python_is_left_alone_and_a_newer_one_brought(project: Path, machine, tmp_path):
    done = install(project, machine)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "calls").read_text().splitlines() == [
        "curl --location --silent --show-error --fail https://astral.sh/uv/install.sh",
        "uv python install --managed-python 3.11",
        "uv python find --managed-python --no-project 3.11",
    ]
    assert "--editable .[tpu]" in (project / ".venv/pip").read_text()
    assert (project / ".venv/installed").exists()


def test_a_second_installation_fetches_no_python(project: Path, machine, tmp_path):
    install(project, machine)
    before = (tmp_path / "calls").read_text()
    assert install(project, machine).returncode == 0
    assert (tmp_path / "calls").read_text() == before


def test_a_new_python_is_used_as_it_is(project: Path, machine, tools, tmp_path):
    (tools / "python3.12").symlink_to(HERE / "fake_python.sh")
    assert install(project, machine).returncode == 0
    assert not (tmp_path / "calls").exists()


def test_a_failed_installation_is_not_marked_as_done(project: Path, machine, tools):
    install(project, machine)
    (project / ".venv/bin/python").write_text("#!/usr/bin/env bash\nexit 1\n")
    assert install(project, machine).returncode != 0
    assert not (project / ".venv/installed").exists()
