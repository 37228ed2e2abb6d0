"""A computer with few tools, a fake gcloud, and folders as machines."""

import shutil
import subprocess
from pathlib import Path

import pytest
from launch_types import Git, Run

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
TOOLS = (
    *("bash", "cat", "chmod", "cp", "cut", "date", "dirname", "env", "flock", "git", "grep"),
    *("head", "hostname", "mkdir", "mktemp", "mv", "nohup", "rm", "sed", "setsid", "sh", "sleep"),
    *("sort", "tail", "tee", "touch", "tr", "true"),
)

SETTINGS = {
    "TPU_NAME": "look",
    "ZONE": "us-west4-a",
    "ACCELERATOR_TYPE": "v5litepod-8",
    "CONFIG": "configs/tpu_v3_8.py",
    "WORKDIR": "gs://bucket/look",
    "POLL_SECONDS": "0",
}


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """Create a folder for PATH with links to TOOLS only, so that no real gcloud is found."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        assert found, f"the tests of launch/ need {name}"
        (folder / name).symlink_to(found)
    return folder


@pytest.fixture
def cloud(tmp_path: Path, tools: Path) -> Path:
    """Create the folder of the fake cloud, see fake_gcloud.sh."""
    (tools / "gcloud").symlink_to(HERE / "fake_gcloud.sh")
    (tools / "python3.11").symlink_to(HERE / "fake_python.sh")
    folder = tmp_path / "cloud"
    (folder / "gs/bucket").mkdir(parents=True)
    (folder / "after_create").write_text("WAITING_FOR_RESOURCES\nPROVISIONING\nACTIVE\n")
    return folder


@pytest.fixture(scope="session")
def git() -> Git:
    """Return a function that runs git in a folder, with an identity for commits."""
    identity = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org")

    def run(folder: Path, *arguments: str) -> str:
        command = ["git", *identity, *arguments]
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    return run


@pytest.fixture(scope="session")
def first_commit(tmp_path_factory: pytest.TempPathFactory, git: Git) -> Path:
    """Create a small checkout with the launch scripts and one commit; read-only for tests."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "launch", folder / "launch")
    (folder / "configs").mkdir()
    (folder / "configs/tpu_v3_8.py").touch()
    (folder / ".gitignore").write_text(".venv/\n")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=Begin")
    return folder


@pytest.fixture
def project(tmp_path: Path, first_commit: Path) -> Path:
    """Copy the small checkout for one test."""
    return shutil.copytree(first_commit, tmp_path / "project")


@pytest.fixture
def launch(tmp_path: Path, project: Path, tools: Path, cloud: Path) -> Run:
    """Return a function that runs a script of launch/ in the small checkout, with SETTINGS."""

    def run(script: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(tools), "HOME": str(tmp_path), "CLOUD": str(cloud)}
        return subprocess.run(
            ["bash", project / "launch" / script, *arguments],
            env=environment | SETTINGS | settings,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run
