"""What of a folder travels as a study's code."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from caviar.contract.bundle import unpack
from caviar.errors import InputError
from caviar.studies import code_folder
from caviar.studies.code_folder import read_code


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def names(folder: Path) -> list[str]:
    code = read_code(folder)
    return [file.path for file in unpack(code.data, code.digest)]


def layout(folder: Path) -> Path:
    write(
        folder,
        **{
            "train.py": "x",
            "data/.gitignore": "*\n!keep.txt\n!.gitignore\n",
            "data/big.bin": "1",
            "data/keep.txt": "1",
            ".gitignore": "out/\n*.log\n",
            "out/model.py": "1",
            "deep/run.log": "1",
            "deep/lib.py": "1",
            "__pycache__/train.pyc": "1",
        },
    )
    (folder / "_" / "_pycache").mkdir(parents=True, exist_ok=True)
    return folder


KEPT = [".gitignore", "data/.gitignore", "data/keep.txt", "deep/lib.py", "train.py"]


@pytest.mark.parametrize("repository", [True, False], ids=["git", "no repository"])
def test_what_git_ignores_stays_at_home(tmp_path: Path, repository: bool) -> None:
    """With a repository by git itself, without one by the same rules."""
    folder = layout(tmp_path / "code")
    if repository:
        subprocess.run(["git", "init", "-q", str(folder)], check=True)
    assert names(folder) == KEPT


def test_a_tracked_file_travels_even_if_a_rule_names_it(tmp_path: Path) -> None:
    """As git has it. One that is deleted but still in the index does not."""
    folder = layout(tmp_path / "code")
    git = ["git", "-C", str(folder)]
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    subprocess.run([*git, "add", "-f", "out/model.py", "deep/lib.py"], check=True)
    (folder / "deep" / "lib.py").unlink()
    assert "out/model.py" in names(folder)
    assert "deep/lib.py" not in names(folder)


def test_a_folder_inside_a_repository_brings_itself_alone(tmp_path: Path) -> None:
    """Its paths begin at the folder, whatever is above it."""
    write(
        tmp_path,
        **{"above.py": "1", "project/train.py": "1", ".gitignore": "*.csv", "project/a.csv": "1"},
    )
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert names(tmp_path / "project") == ["train.py"]


def test_the_same_tree_is_the_same_bundle(tmp_path: Path) -> None:
    """Times, owners and modes but for the executable bit do not count."""
    one, two = layout(tmp_path / "one"), layout(tmp_path / "two")
    (two / "train.py").touch()
    (two / "train.py").chmod(0o600)
    assert read_code(one).digest == read_code(two).digest
    (two / "train.py").chmod(0o700)
    assert read_code(one).digest != read_code(two).digest


def test_what_looks_like_a_secret_is_left_out_and_said(tmp_path: Path) -> None:
    """Also behind a link with a harmless name; an example of one is welcome."""
    folder = write(
        tmp_path / "code",
        **{"train.py": "1", ".env": "K=1", "sub/server.pem": "1", ".env.example": "K="},
    )
    (folder / "harmless.txt").symlink_to(".env")
    code = read_code(folder)
    assert code.left_out == (".env", "harmless.txt", "sub/server.pem")
    assert names(folder) == [".env.example", "train.py"]


def test_a_link_inside_travels_as_the_file_that_it_leads_to(tmp_path: Path) -> None:
    """No link is in a bundle."""
    folder = write(tmp_path / "code", **{"real.py": "1"})
    (folder / "alias.py").symlink_to("real.py")
    assert names(folder) == ["alias.py", "real.py"]


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside.py", "missing.py", "folder"])
@pytest.mark.parametrize("repository", [True, False])
def test_a_link_that_leads_out_or_nowhere_is_refused(
    tmp_path: Path, target: str, repository: bool
) -> None:
    """By its name, before anything is sent."""
    write(tmp_path, **{"outside.py": "1", "code/folder/a.py": "1"})
    folder = tmp_path / "code"
    (folder / "alias.py").symlink_to(target)
    if repository:
        subprocess.run(["git", "init", "-q", str(folder)], check=True)
    with pytest.raises(InputError, match=r"alias\.py is a link"):
        read_code(folder)


def test_too_much_is_refused_with_the_largest_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way out is named too. What git ignores does not count."""
    folder = write(
        tmp_path / "code", **{"train.py": "1", "weights.bin": "1" * 5000, "b.csv": "1" * 700}
    )
    monkeypatch.setattr(code_folder, "MOST_BYTES", 5000)
    with pytest.raises(InputError, match=r"5,701 bytes.*weights\.bin \(5,000\), b\.csv") as caught:
        read_code(folder)
    assert ".gitignore" in caught.value.problems[0].way_out
    (folder / ".gitignore").write_text("*.bin\n")
    assert len(names(folder)) == 3
    monkeypatch.setattr(code_folder, "MOST_FILES", 2)
    with pytest.raises(InputError, match="3 files"):
        read_code(folder)
    monkeypatch.setattr(code_folder, "MOST_FILES", 9)
    monkeypatch.setattr(code_folder, "MOST_COMPRESSED", 50)
    with pytest.raises(InputError, match="compressed"):
        read_code(folder)


def test_nothing_to_send_is_said(tmp_path: Path) -> None:
    """An empty folder, or none."""
    with pytest.raises(InputError, match="no folder"):
        read_code(tmp_path / "missing")
    with pytest.raises(InputError, match="nothing to send"):
        read_code(tmp_path)
