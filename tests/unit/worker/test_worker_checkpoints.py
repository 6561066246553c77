"""What comes back from a store is hostile until it is checked."""

from __future__ import annotations

import json
import logging
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from caviar_worker import checkpoints, fetching
from caviar_worker.checkpoints import surplus
from caviar_worker.copies import Copies
from caviar_worker.files import read_json
from caviar_worker.folders import AttemptFolder, checkpoints_of, copies_of
from caviar_worker.settings import WorkerSettings
from caviar_worker.store import Store, Unusable
from tests.unit.worker.test_worker_safety import ENVIRON

# pragma: allowlist nextline secret
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "shared"), "t-1", "http://127.0.0.1:9")


@pytest.fixture
def host(tmp_path: Path) -> Path:
    root = tmp_path / "worker"
    root.mkdir()
    return root


def settings_of(root: Path, where: str) -> WorkerSettings:
    environ = ENVIRON | {"CAVIAR_WORKER_DIR": str(root), "CAVIAR_WORKER_CHECKPOINTS": where}
    return WorkerSettings.from_environ(environ)


def save(root: Path, attempt: int, step: int) -> Path:
    def fill(folder: Path) -> None:
        (folder / "deep").mkdir()
        (folder / "deep" / "w").write_text(f"{attempt} {step}")

    return checkpoints.save(root, attempt, step, fill, keep=9).path


def test_what_is_stored_comes_back(tmp_path: Path, store: Store) -> None:
    """Newest first by attempt, then step; a fetched one is found as if it had been saved here."""
    for attempt, step in ((1, 2), (1, 10), (2, 3)):
        store.put(save(tmp_path / "one", attempt, step), attempt, step)
    assert store.found(9) == [(2, 3), (1, 10), (1, 2)]
    assert store.found(1) == [(1, 10), (1, 2)]
    store.fetch(tmp_path / "two", 1, 10)
    found = checkpoints.newest(tmp_path / "two", 3)
    assert found is not None
    assert (found.step, (found.path / "deep" / "w").read_text()) == (10, "1 10")
    store.remove(2, 3)
    assert store.found(9) == [(1, 10), (1, 2)]
    store.remove_all()
    store.remove_all()
    assert store.found(9) == []


@pytest.mark.parametrize("name", ["manifest.json", "deep/w"])
def test_an_upload_that_was_cut_is_no_checkpoint(tmp_path: Path, store: Store, name: str) -> None:
    """The manifest comes last: without one, nothing is taken. The one before it is."""
    store.put(save(tmp_path / "one", 1, 2), 1, 2)
    missing = tmp_path / "shared" / "t-1" / "1" / "2" / name
    missing.unlink()
    with pytest.raises(Unusable, match=f"not copied whole, {missing.name} is missing"):
        store.fetch(tmp_path / "two", 1, 2)
    assert not list((tmp_path / "two").iterdir())


@pytest.mark.parametrize(
    "files",
    [
        {"../../evil": {"size": 0, "sha256": EMPTY}},
        {"/etc/passwd": {"size": 0, "sha256": EMPTY}},
        {"a/../../evil": {"size": 0, "sha256": EMPTY}},
        {"": {"size": 0, "sha256": EMPTY}},
        {"manifest.json": {"size": 0, "sha256": EMPTY}},
        {"deep/w": {"size": 9, "sha256": EMPTY}},
        {"deep/w": {"size": 0, "sha256": "x"}},
        {"deep/w": "e3b0"},
        ["deep/w"],
    ],
)
def test_a_manifest_that_lies_is_refused(tmp_path: Path, store: Store, files: Any) -> None:
    """Paths that leave the folder, wrong sizes and checksums, other shapes: nothing of it stays on this host."""
    store.put(save(tmp_path / "one", 1, 2), 1, 2)
    manifest = tmp_path / "shared" / "t-1" / "1" / "2" / "manifest.json"
    manifest.write_text(json.dumps({"v": 1, "attempt": 1, "step": 2, "files": files}))
    with pytest.raises(Unusable):
        store.fetch(tmp_path / "two", 1, 2)
    assert not list((tmp_path / "two").iterdir())
    assert not list(tmp_path.rglob("evil"))


def test_a_manifest_of_another_step_is_refused(tmp_path: Path, store: Store) -> None:
    """An old checkpoint cannot pass for a new one."""
    store.put(save(tmp_path / "one", 1, 2), 1, 2)
    there = tmp_path / "shared" / "t-1" / "1"
    (there / "2").rename(there / "9")
    with pytest.raises(Unusable, match="not one of this checkpoint"):
        store.fetch(tmp_path / "two", 1, 9)


def test_what_no_disk_can_hold_is_not_fetched(tmp_path: Path, store: Store) -> None:
    """The manifest says how much is to come, before it comes."""
    store.put(save(tmp_path / "one", 1, 2), 1, 2)
    manifest = tmp_path / "shared" / "t-1" / "1" / "2" / "manifest.json"
    entry = {"size": 10**18, "sha256": EMPTY}
    manifest.write_text(json.dumps({"v": 1, "attempt": 1, "step": 2, "files": {"deep/w": entry}}))
    with pytest.raises(Unusable, match="no room for its 1,000,000,000,000,000,000 bytes"):
        store.fetch(tmp_path / "two", 1, 2)


def test_a_link_is_no_file_of_a_checkpoint(tmp_path: Path) -> None:
    """It would lead somewhere else on another host. One that was put there later is not followed."""
    secret = tmp_path / "secret"
    secret.write_text("1 2")
    with pytest.raises(ValueError, match="w is a link"):
        checkpoints.save(tmp_path / "c", 1, 1, lambda folder: (folder / "w").symlink_to(secret))
    path = save(tmp_path / "c", 1, 2)
    (path / "deep" / "w").unlink()
    (path / "deep" / "w").symlink_to(secret)
    assert checkpoints.newest(tmp_path / "c", 1) is None


def test_a_file_with_the_manifests_name_is_refused(tmp_path: Path) -> None:
    """It would be overwritten without a word."""
    with pytest.raises(ValueError, match=r"'manifest.json' is no file of a checkpoint"):
        checkpoints.save(
            tmp_path, 1, 1, lambda folder: (folder / "manifest.json").write_text("") and None
        )


@pytest.mark.parametrize(("found", "says"), [(False, "not answered"), (True, "not delivered")])
def test_a_store_that_is_away_holds_up_no_trial_for_ever(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    found: bool,
    says: str,
) -> None:
    """The trial says so and trains from what is there. What comes later is not put under a running training."""
    monkeypatch.setattr(fetching, "FIND_PATIENCE_S", 0.01)
    monkeypatch.setattr(fetching, "FETCH_PATIENCE_S", 0.01)
    folder = AttemptFolder(tmp_path, "t-1", 2)
    folder.path.mkdir(parents=True)
    if found:
        folder.fetch_found.touch()
    with caplog.at_level(logging.WARNING):
        fetching.fetch(folder, lambda: False)
    assert says in caplog.text
    assert not folder.fetch_request.exists()


def sealed(folder: Path, **links: str) -> Path:
    """A checkpoint of user code's own making: its manifest names links as if they were files."""
    path = save(folder, 1, 2)
    manifest = json.loads((path / "manifest.json").read_text())
    for name, target in links.items():
        (path / name).symlink_to(target)
        inside = f"{name}/secret" if Path(target).is_dir() else name
        manifest["files"][inside] = {"size": 6, "sha256": "0" * 64}
    (path / "manifest.json").write_text(json.dumps(manifest))
    return path


@pytest.mark.parametrize("target", ["secret", "."])
def test_a_link_in_a_checkpoint_is_never_followed_off_the_host(
    tmp_path: Path, host: Path, target: str
) -> None:
    """Not to a file, not through a folder: the secret beside it stays where it is, the copy is not made."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("classified")
    path = sealed(tmp_path / "checkpoints", stolen=str(outside / target))
    with pytest.raises(checkpoints.NotPlain):
        checkpoints.link(path, tmp_path / "linked", 1, 2)
    found = [file for file in (tmp_path / "linked").rglob("*") if file.is_file()]
    assert "classified" not in "".join(file.read_text() for file in found)
    copies = Copies(settings_of(host, str(tmp_path / "shared")))
    home = checkpoints_of(host, "t-1")
    home.parent.mkdir()
    path.parent.parent.rename(home)
    copies.copy_all()
    stored = (tmp_path / "shared").rglob("*")
    assert [file.name for file in stored if file.is_file()] == []
    assert read_json(copies_of(host, "t-1")) == {"keep": 2, "newest": [1, 2]}


def test_a_manifest_that_is_a_link_is_no_checkpoint(tmp_path: Path) -> None:
    """It would be the manifest of something else."""
    path = save(tmp_path / "one", 1, 2)
    (path / "manifest.json").rename(tmp_path / "manifest.json")
    (path / "manifest.json").symlink_to(tmp_path / "manifest.json")
    with pytest.raises(checkpoints.NotPlain):
        checkpoints.link(path, tmp_path / "linked", 1, 2)


def test_a_whole_checkpoint_is_linked(tmp_path: Path) -> None:
    """With what lies deeper; nothing is copied."""
    path = save(tmp_path / "one", 1, 2)
    checkpoints.link(path, tmp_path / "linked", 1, 2)
    assert checkpoints.verified(tmp_path / "linked", 1, 2)
    assert (tmp_path / "linked" / "deep" / "w").samefile(path / "deep" / "w")


def test_the_older_ones_that_are_kept_lie_further_apart() -> None:
    """So one can go back far: after a thousand checkpoints twenty are left, the first among them."""
    kept: list[int] = []
    for step in range(1000):
        kept.insert(0, step)
        gone = {kept[place] for place in surplus(kept, 20)}
        kept = [each for each in kept if each not in gone]
    assert len(kept) == 20
    assert kept[:10] == list(range(999, 989, -1))
    assert kept[-1] == 0
    gaps = [newer - older for newer, older in pairwise(kept)]
    assert max(gaps) < 500
    assert sum(gap > 20 for gap in gaps) >= 4


def test_of_two_the_newest_two_stay() -> None:
    """As many as the study says, whatever came before."""
    assert surplus([9, 8, 7, 6], 2) == [3, 2]
    assert surplus([9], 2) == []
