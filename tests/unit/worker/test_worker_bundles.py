"""The cache of code bundles on a worker, and the user that trials run as."""

from __future__ import annotations

import os
import stat
import threading
import time
from pathlib import Path

import pytest

from caviar.contract.bundle import File, pack
from caviar.errors import InputError
from caviar_worker import bundles
from caviar_worker.bundles import Bundles
from caviar_worker.child import _own_copy
from caviar_worker.files import write_json
from caviar_worker.folders import AttemptFolder
from caviar_worker.settings import WorkerSettings
from tests.unit.worker.test_worker_safety import ENVIRON


def a_bundle(number: int, size: int = 10) -> tuple[str, bytes]:
    return pack([File("train.py", bytes([65 + number]) * size), File("bin/run.sh", b"1", True)])


def test_a_bundle_is_fetched_once_for_all_slots(tmp_path: Path) -> None:
    """However many ask at once."""
    digest, data = a_bundle(0)
    fetched: list[int] = []

    def fetch() -> bytes:
        fetched.append(1)
        time.sleep(0.05)
        return data

    threads = [
        threading.Thread(target=lambda: Bundles(tmp_path).get(digest, fetch)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fetched == [1]
    assert (Bundles(tmp_path).get(digest, fetch) / "bin" / "run.sh").stat().st_mode & 0o111


def test_what_was_unpacked_is_read_only_and_each_trial_works_in_a_copy(tmp_path: Path) -> None:
    """What one writes beside its code, no other sees."""
    digest, data = a_bundle(0)
    home = Bundles(tmp_path).get(digest, lambda: data)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (home, *home.rglob("*"))}
    assert modes == {digest: 0o555, "bin": 0o555, "train.py": 0o444, "run.sh": 0o555}
    copy = _own_copy(home, tmp_path / "scratch")
    (copy / "train.py").write_text("mine")
    (copy / "bin" / "new").write_text("mine")
    assert os.access(copy / "bin" / "run.sh", os.X_OK)
    assert (home / "train.py").read_bytes() == b"A" * 10
    assert not (home / "bin" / "new").exists()


def test_the_least_used_go_first_and_none_that_a_trial_runs_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bound by what they take together, and by their age."""
    monkeypatch.setattr(bundles, "KEPT_BYTES", 2500)
    cache = Bundles(tmp_path)
    packed = [a_bundle(number, 1000) for number in range(5)]
    held = AttemptFolder(tmp_path, "t-1", 1)
    held.path.mkdir(parents=True)
    write_json(held.claim, {"assignment": {"trainer": {"bundle": packed[0][0]}}})
    for age, (digest, data) in zip((40, 30, 20, 10), packed, strict=False):
        place = cache.get(digest, lambda data=data: data)  # type: ignore[misc]
        os.utime(place, (time.time() - age, time.time() - age))
    cache.get(packed[4][0], lambda: packed[4][1])
    here = {path.name for path in (tmp_path / "bundles").iterdir() if path.is_dir()}
    assert here == {packed[0][0], packed[2][0], packed[3][0], packed[4][0]}
    monkeypatch.setattr(bundles, "KEPT_S", 5.0)
    cache.get(packed[1][0], lambda: packed[1][1])
    here = {path.name for path in (tmp_path / "bundles").iterdir() if path.is_dir()}
    assert here == {packed[0][0], packed[4][0], packed[1][0]}


def test_what_a_kill_left_of_a_bundle_is_in_nobodys_way(tmp_path: Path) -> None:
    """It was never renamed into place."""
    draft = tmp_path / "bundles" / ".draft" / "deep"
    draft.mkdir(parents=True)
    draft.chmod(0o555)
    digest, data = a_bundle(0)
    assert (Bundles(tmp_path).get(digest, lambda: data) / "train.py").exists()
    assert not draft.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root may choose the user of trials")
@pytest.mark.parametrize(
    ("user", "says"),
    [("", "runs as root"), ("root", "root may do"), ("nobody-of-that-name", "no user")],
)
def test_root_names_an_unprivileged_user_for_what_studies_bring(user: str, says: str) -> None:
    """Or says that trials may do what root may."""
    environ = ENVIRON | {"CAVIAR_WORKER_ALLOW_BUNDLES": "1"}
    with pytest.raises(InputError) as caught:
        WorkerSettings.from_environ(environ | {"CAVIAR_WORKER_USER": user})
    assert says in str(caught.value)
    assert WorkerSettings.from_environ(environ | {"CAVIAR_WORKER_USER": "same"}).user is None
    assert WorkerSettings.from_environ(environ | {"CAVIAR_WORKER_USER": "nobody"}).user == "nobody"
    assert WorkerSettings.from_environ(ENVIRON).user is None
