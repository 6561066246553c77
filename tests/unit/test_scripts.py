"""The scripts of deploy/bin, as far as they go without Docker: what is wrong is said before anything is changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(path.name for path in (ROOT / "deploy" / "bin").iterdir() if path.suffix != ".sh")
NEEDED = (
    "bash",
    "dirname",
    "sed",
    "sha256sum",
    "grep",
    "tar",
    "sort",
    "head",
    "id",
    "git",
    "cat",
    "ls",
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of deploy/, and a PATH without Docker."""
    shutil.copytree(
        ROOT / "deploy", tmp_path / "deploy", ignore=shutil.ignore_patterns("secrets", "*.pyc")
    )
    (tmp_path / "path").mkdir()
    for name in NEEDED:
        found = shutil.which(name)
        assert found is not None
        (tmp_path / "path" / name).symlink_to(found)
    return tmp_path


def run(checkout: Path, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": str(checkout / "path"), "HOME": str(checkout)}
    return subprocess.run(
        [checkout / "deploy" / "bin" / name, *words],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def changed(checkout: Path) -> set[str]:
    files = {str(path.relative_to(checkout)) for path in checkout.rglob("*") if path.is_file()}
    return {
        name
        for name in files
        if name.startswith("deploy/secrets/") or not name.startswith(("deploy/", "path/"))
    }


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name not in ("caviar", "join")])
def test_help_is_the_text_at_the_top(checkout: Path, name: str) -> None:
    """With how it is called; without words where some are needed it is told as an error."""
    told = run(checkout, name, "--help")
    assert told.returncode == 0, told.stderr
    assert f"deploy/bin/{name}" in told.stdout
    missing = run(checkout, name)
    assert missing.returncode == 2
    assert missing.stderr == told.stdout
    assert changed(checkout) == set()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("install", "Vision", "ada"), "Vision is no team's name"),
        (("install", "vision", "a" * 65), "too long"),
        (("install", "vision", "ada", "--url", "caviar.example.org"), "is no address"),
        (("install", "vision", "ada", "x"), "x is one word too many"),
        (("install", "vision", "ada", "--purge"), "There is no option --purge"),
        (("install", "vision", "ada"), "Docker is not installed"),
        (("rotate", "password"), "There is no secret password. They are:"),
        (("rotate", "grafana_password"), "Grafana's own database"),
        (("rotate", "token"), "Docker is not installed"),
        (("backup", "/proc"), "/proc is there already"),
        (("restore", "/nowhere"), "There is no folder /nowhere"),
        (("restore", "/tmp", "--force"), "There is no option --force"),
        (("move-artifacts", "/nowhere"), "There is no folder /nowhere"),
        (("move-artifacts", "/"), "/ is not empty"),
        (("upgrade", "v2"), "This is no git checkout"),
        (("upgrade", "--back"), "There is no upgrade to go back from"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_wrong_is_said_and_nothing_is_changed(
    checkout: Path, words: tuple[str, ...], said: str
) -> None:
    """Exit code 2, as the command line has it."""
    done = run(checkout, *words)
    assert (done.returncode, said in done.stderr) == (2, True), done.stdout + done.stderr
    assert changed(checkout) == set()


def archive(folder: Path) -> Path:
    """A backup as far as its form goes."""
    folder.mkdir()
    for name in ("caviar.dump", "mlflow.dump", "artifacts.tar", "secrets.tar"):
        (folder / name).write_bytes(os.urandom(100))
    (folder / "MANIFEST").write_text("format=1\nschema=0001\n")
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(folder.iterdir())
    ]
    (folder / "SHA256SUMS").write_text("".join(lines))
    return folder


def test_a_backup_is_checked_before_docker_is_even_asked(checkout: Path) -> None:
    """Any file of it; the secrets may be elsewhere."""
    folder = archive(checkout / "backup")
    (folder / "secrets.tar").unlink()
    assert "Docker is not installed" in run(checkout, "restore", str(folder)).stderr
    for name in ("caviar.dump", "mlflow.dump", "artifacts.tar", "MANIFEST"):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole + b"\n")
        done = run(checkout, "restore", str(folder))
        assert done.returncode == 2
        assert "is damaged" in done.stderr
        (folder / name).write_bytes(whole)
    for name, said in (("mlflow.dump", "lacks mlflow.dump"), ("SHA256SUMS", "is no backup")):
        (folder / name).unlink()
        assert said in run(checkout, "restore", str(folder)).stderr


def test_a_backup_of_a_later_form_is_refused(checkout: Path) -> None:
    """Rather than half understood."""
    folder = archive(checkout / "backup")
    (folder / "MANIFEST").write_text("format=2\n")
    assert "does not know" in run(checkout, "restore", str(folder)).stderr
