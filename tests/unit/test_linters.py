"""Each linter of what is no Python finds what it is there for, and the whole of them runs over a tree of git's."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import linters

ROOT = Path(__file__).parents[2]
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: scheduler}
spec:
  selector: {matchLabels: {app: scheduler}}
  template:
    metadata: {labels: {app: scheduler}}
    spec:
      containers:
        - name: scheduler
          image: caviar-service
"""
BAD = {
    "hadolint": ("Dockerfile.bad", "FROM debian:12\nRUN cd /tmp && sudo make\n", "DL3004"),
    "shellcheck": ("run", "#!/usr/bin/env bash\nrm -r $1\n", "SC2086"),
    "yamllint": ("compose.yml", "services: {}\nservices: {a: 1}\n", "key-duplicates"),
    "kubernetes-validate": (
        "deploy/kubernetes/scheduler.yaml",
        DEPLOYMENT + "          volumeMount: []\n",
        "volumeMount",
    ),
    "detect-secrets": (
        "settings.env",
        "AWS_ACCESS_KEY_ID=AKIA" + "Z3MSJV4WKN5YEXPL\n",
        "AWS Access Key",
    ),
}
GOOD = {
    ".gitignore": ".lint_cache/\n",
    "Dockerfile": "FROM debian:12\nUSER 10001\n",
    "run": '#!/usr/bin/env bash\nrm -r "$1"\n',
    "compose.yml": "services: {}\n",
    "deploy/kubernetes/scheduler.yaml": DEPLOYMENT,
    "settings.env": "AWS_ACCESS_KEY_ID=$KEY\n",
    "notes.py": 'PASSWORD = "AKIA' + 'Z3MSJV4WKN5YEXPL"  # pragma: allowlist secret\n',
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with a good file of each kind."""
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    for name, text in GOOD.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    return tmp_path


def run(tree: Path, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """As `make lint` does. ``path``: another folder of programs."""
    start = "import pathlib, sys, tests.linters as m\n"
    if path is not None:
        start += f"m.BIN = pathlib.Path({path!r})\n"
    start += f"sys.argv = ['linters', '--root', {str(tree)!r}]; sys.exit(m.main())"
    return subprocess.run(
        [sys.executable, "-c", start], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_what_is_good_passes_in_silence(tree: Path) -> None:
    """All linters over a tree without a fault."""
    done = run(tree)
    assert (done.returncode, done.stdout) == (0, "")
    assert not [line for line in done.stderr.splitlines() if "not run" not in line]


@pytest.mark.parametrize("linter", BAD)
def test_each_linter_fails_on_what_it_is_there_for(tree: Path, linter: str) -> None:
    """With the file's name and the rule; the other linters find nothing in it."""
    if linter in linters.MAY_LACK and not shutil.which(linter, path=str(linters.BIN)):
        pytest.skip(f"no wheel of {linter} for this platform")
    name, text, rule = BAD[linter]
    (tree / name).write_text(text)
    done = run(tree)
    assert done.returncode == 1
    said = done.stderr.splitlines()
    assert any(line.startswith(f"{linter}: ") and name in line and rule in line for line in said)
    assert {line.split(":")[0] for line in said} == {linter}


def test_a_file_that_changed_is_looked_at_again(tree: Path) -> None:
    """What was clean is remembered by its content, so that a second look is quick."""
    assert run(tree).returncode == 0
    name, text, _ = BAD["detect-secrets"]
    (tree / name).write_text(text)
    assert run(tree).returncode == 1
    assert run(tree).returncode == 1, "a file with a secret is not remembered as clean"
    (tree / name).write_text(GOOD[name])
    assert run(tree).returncode == 0


def test_a_platform_without_a_binary_is_told_so(tree: Path, tmp_path: Path) -> None:
    """Not silence, and not a failure for everybody there."""
    (tmp_path / "empty").mkdir()
    (tree / "Dockerfile").write_text(BAD["hadolint"][1])
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "yamllint").symlink_to(linters.BIN / "yamllint")
    done = run(tree, str(programs))
    assert done.returncode == 0, done.stderr
    assert "hadolint: not run, there is no wheel of it for this platform" in done.stderr
    assert "shellcheck: not run" in done.stderr


def test_a_linter_that_every_platform_has_is_not_left_out(tree: Path, tmp_path: Path) -> None:
    """A broken environment is not a clean tree."""
    (tmp_path / "programs").mkdir()
    done = run(tree, str(tmp_path / "programs"))
    assert done.returncode != 0
    assert "yamllint" in done.stderr
