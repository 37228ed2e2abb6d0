"""Installation of Python with uv, if that of the machine is too old."""

import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
Machine = dict[str, str]

# Output of the fake curl: an installer that writes a fake uv, which "finds" a Python.
INSTALLER = """#!/usr/bin/env bash
echo "curl $*" >>"$HOME/calls"
cat <<'END'
mkdir -p "$UV_UNMANAGED_INSTALL"
cat >"$UV_UNMANAGED_INSTALL/uv" <<'UV'
#!/usr/bin/env bash
echo "uv $*" >>"$HOME/calls"
[ "$2" != find ] || echo "$HOME/newer_python"
UV
chmod +x "$UV_UNMANAGED_INSTALL/uv"
END
"""
TOO_OLD = "#!/usr/bin/env bash\nexit 1\n"


@pytest.fixture
def machine(tmp_path: Path, tools: Path) -> Machine:
    """Return the environment of a machine whose only Python fails the check, as on Ubuntu 22.04."""
    for name, text in (("curl", INSTALLER), ("python3", TOO_OLD)):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    (tmp_path / "newer_python").symlink_to(HERE / "fake_python.sh")
    return {"PATH": str(tools), "HOME": str(tmp_path)}


def install(project: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = ["bash", project / "launch/worker_install.sh"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)


def test_a_newer_python_is_installed_beside_an_old_one(
    project: Path, machine: Machine, tmp_path: Path
) -> None:
    done = install(project, machine)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "calls").read_text().splitlines() == [
        "curl --location --silent --show-error --fail https://astral.sh/uv/install.sh",
        "uv python install --managed-python 3.11",
        "uv python find --managed-python --no-project 3.11",
    ]
    assert "--editable .[tpu]" in (project / ".venv/pip").read_text()
    assert (project / ".venv/installed").exists()


def test_a_second_installation_downloads_no_python(
    project: Path, machine: Machine, tmp_path: Path
) -> None:
    install(project, machine)
    before = (tmp_path / "calls").read_text()
    assert install(project, machine).returncode == 0
    assert (tmp_path / "calls").read_text() == before


def test_a_new_python_of_the_machine_is_used(
    project: Path, machine: Machine, tools: Path, tmp_path: Path
) -> None:
    (tools / "python3.12").symlink_to(HERE / "fake_python.sh")
    assert install(project, machine).returncode == 0
    assert not (tmp_path / "calls").exists()


def test_a_failed_installation_is_not_marked_as_complete(project: Path, machine: Machine) -> None:
    install(project, machine)
    (project / ".venv/bin/python").write_text("#!/usr/bin/env bash\nexit 1\n")
    assert install(project, machine).returncode != 0
    assert not (project / ".venv/installed").exists()
