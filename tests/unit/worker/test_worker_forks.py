"""Checkpoints that are laid aside for another trial, and that it begins with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from caviar.contract.panda import fork_key, forked_from
from caviar_worker import checkpoints, forks, leftovers
from caviar_worker.copies import Copies
from caviar_worker.files import write_json
from caviar_worker.folders import AttemptFolder, checkpoints_of, forks_of
from caviar_worker.settings import WorkerSettings
from caviar_worker.store import Store, Unusable

KEY = fork_key("study-0", 2, 1)


@pytest.fixture
def folder(tmp_path: Path) -> AttemptFolder:
    """A trial with checkpoints at 0, 5 and 10, the newest of its second attempt."""
    folder = AttemptFolder(tmp_path, "study-0", 2)
    for attempt, step in ((1, 0), (1, 5), (2, 10)):
        save(folder, attempt, step)
    return folder


def save(folder: AttemptFolder, attempt: int, step: int) -> None:
    def fill(to: Path) -> None:
        (to / "weights").write_text(f"of step {step}")

    checkpoints.save(folder.checkpoints, attempt, step, fill, keep=9)


def begins(root: Path, trial: str) -> list[tuple[int, str]]:
    found = checkpoints.saved(checkpoints_of(root, trial), 1)
    assert all(number == 0 and checkpoints.verified(path, 0, step) for number, step, path in found)
    found = checkpoints.saved(checkpoints_of(root, trial), 1)
    return [(step, (path / "weights").read_text()) for _, step, path in found]


def test_it_begins_with_the_newest_up_to_the_step_and_all_before(folder: AttemptFolder) -> None:
    """Who went back can go back further."""
    assert forks.lay_aside(folder, KEY, 7) == 5
    assert forks.adopt(folder.root, "study-1", KEY)
    assert begins(folder.root, "study-1") == [(5, "of step 5"), (0, "of step 0")]


def test_asked_again_it_gives_the_same_answer(folder: AttemptFolder) -> None:
    """Whatever the training has saved meanwhile; and taking it twice is harmless."""
    assert forks.lay_aside(folder, KEY, None) == 10
    save(folder, 2, 15)
    assert forks.lay_aside(folder, KEY, None) == 10
    assert forks.adopt(folder.root, "study-1", KEY)
    assert forks.adopt(folder.root, "study-1", KEY)
    assert begins(folder.root, "study-1")[0] == (10, "of step 10")


def test_the_originals_stay_as_they_are(folder: AttemptFolder) -> None:
    """Files are shared, manifests are not; and what the original drops stays with the other."""
    forks.lay_aside(folder, KEY, 5)
    forks.adopt(folder.root, "study-1", KEY)
    assert checkpoints.verified(folder.checkpoints / "1" / "5", 1, 5)
    save(folder, 2, 20)
    for _, _, path in list(checkpoints.saved(folder.checkpoints, 2))[1:]:
        forks.shutil.rmtree(path)
    assert begins(folder.root, "study-1")[0] == (5, "of step 5")


def test_without_one_there_it_says_which_there_are(tmp_path: Path) -> None:
    """Or that there is none at all."""
    folder = AttemptFolder(tmp_path, "study-0", 1)
    with pytest.raises(forks.NoCheckpoint, match="has saved no checkpoint yet"):
        forks.lay_aside(folder, KEY, None)
    save(folder, 1, 10)
    with pytest.raises(forks.NoCheckpoint, match="before step 7 is kept: there are 10"):
        forks.lay_aside(folder, KEY, 7)
    assert not forks_of(tmp_path).joinpath(KEY).exists()
    assert not forks.adopt(tmp_path, "study-1", KEY)


def test_a_damaged_newest_one_is_passed_over(folder: AttemptFolder) -> None:
    """The one before it is whole."""
    (folder.checkpoints / "2" / "10" / "weights").write_text("spoiled")
    assert forks.lay_aside(folder, KEY, None) == 5


def test_a_trial_of_another_user_may_go_through_its_folders(tmp_path: Path) -> None:
    """Where the worker keeps its own files to itself; what cannot be read would be as if there was no checkpoint."""

    def fill(to: Path) -> None:
        (to / "deep" / "er").mkdir(parents=True)
        (to / "deep" / "er" / "weights").write_text("of step 5")

    folder = AttemptFolder(tmp_path, "study-0", 1)
    checkpoints.save(folder.checkpoints, 1, 5, fill)
    before = os.umask(0o077)
    try:
        forks.lay_aside(folder, KEY, 5)
        forks.adopt(tmp_path, "study-1", KEY)
    finally:
        os.umask(before)
    home = checkpoints_of(tmp_path, "study-1")
    inside = [path for path in (home, *home.rglob("*")) if path.is_dir()]
    assert len(inside) == 5
    assert {path.stat().st_mode & 0o777 for path in inside} == {0o755}


def test_a_pipe_in_the_place_of_a_manifest_holds_nobody_up(folder: AttemptFolder) -> None:
    """The training's own user may put one there: who reads it would wait for ever."""
    manifest = folder.checkpoints / "2" / "10" / checkpoints.MANIFEST
    manifest.unlink()
    os.mkfifo(manifest)
    assert forks.lay_aside(folder, KEY, None) == 5


def test_what_nobody_took_goes_with_the_study(folder: AttemptFolder) -> None:
    """The host asks about it as about other leftovers, and removes it when it hears that the study is over."""
    forks.lay_aside(folder, KEY, None)
    assert KEY in leftovers.leftovers(folder.root)
    leftovers.remove(folder.root, [KEY])
    assert forks.laid_aside(folder.root) == []


@pytest.mark.parametrize("attempt", [1, 2])
def test_each_host_fetches_what_the_trial_begins_with(
    tmp_path: Path, attempt: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one may be lost before it has saved anything: the next begins with the same checkpoint."""
    folder = AttemptFolder(tmp_path, "study-0", attempt)
    folder.path.mkdir(parents=True)
    write_json(folder.claim, {"assignment": {"origin": {"run_id": "kept"}}})
    brought: list[str] = []
    monkeypatch.setattr(Copies, "_fetch_kept", lambda _self, _folder, run: brought.append(run))
    copies = Copies(
        WorkerSettings(
            url="http://nobody",
            token="t",
            broker="",
            mlflow="",
            host="here",
            slots=1,
            resource_class="cpu",
            folder=tmp_path,
            run_dir=tmp_path,
        )
    )
    folder.fetch_request.touch()
    copies.fetch_all()
    assert brought == ["kept"]
    assert folder.fetch_answer.exists()


def test_a_kept_checkpoint_is_there_whole_or_not_at_all(
    folder: AttemptFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of one, or an empty folder, would let a training begin from nothing and say nothing."""
    store = Store.__new__(Store)
    store._place = "checkpoint"
    kept = folder.checkpoints / "2" / "10"

    def download(path: str, draft: Path) -> None:
        to = draft / path
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes((kept / to.name).read_bytes())

    monkeypatch.setattr(store, "_download", download)
    home = forks_of(folder.root) / "study-1-f0"
    with monkeypatch.context() as patch:
        patch.setattr("caviar_worker.store.begin_with", lambda *_: False)
        with pytest.raises(Unusable):
            store.fetch_kept(home)
    assert not home.exists()
    store.fetch_kept(home)
    assert forks.adopt(folder.root, "study-1", "study-1-f0")
    assert begins(folder.root, "study-1") == [(10, "of step 10")]


def test_it_can_always_go_back_to_where_it_began(folder: AttemptFolder) -> None:
    """However few checkpoints its study keeps."""
    forks.lay_aside(folder, KEY, 5)
    forks.adopt(folder.root, "study-1", KEY)
    child = AttemptFolder(folder.root, "study-1", 1)
    for step in (10, 15, 20):
        checkpoints.save(child.checkpoints, 1, step, lambda to: (to / "w").write_text("") and None)
    assert [step for _, step, _ in checkpoints.saved(child.checkpoints, 1)] == [20, 15, 5]


def test_what_another_attempt_laid_aside_is_not_taken_for_this_ones(folder: AttemptFolder) -> None:
    """After a backup was restored interventions are numbered anew; attempts go on at numbers that nobody has seen."""
    forks.lay_aside(folder, KEY, 5)
    later = AttemptFolder(folder.root, folder.trial, 102)
    assert forks.lay_aside(later, fork_key("study-0", 102, 1), None) == 10
    assert forked_from(KEY) == ("study-0", 1)
    assert forked_from("study-0") is None
