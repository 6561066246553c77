"""Copies of checkpoints off the host, through MLflow's artifact stores: one library for folders, S3, and MLflow itself.

    <place>/<attempt>/<step>/...          the files, then manifest.json: without one there is no checkpoint

Import this module only where it is needed: it costs what MLflow's client costs.
"""

from __future__ import annotations

import posixpath
import shutil
from pathlib import Path
from typing import Any

from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.tracking import MlflowClient

from caviar_worker.checkpoints import MANIFEST, Checkpoint, numbers_of, read_manifest, verified
from caviar_worker.forks import begin_with
from caviar_worker.room import free, reserve


class Unusable(Exception):
    """A copy that is not whole, is not what was stored, or is too large for this disk."""


class Store:
    """The checkpoints under one place. Calls raise whatever the store's client raises: try again later."""

    def __init__(self, address: str, place: str, tracking: str) -> None:
        self._repo: Any = get_artifact_repository(address, tracking_uri=tracking)
        self._place = place

    def found(self, upto: int) -> list[tuple[int, int]]:
        """(attempt, step) of what lies there of attempts up to ``upto``, newest first. Not all of it may be whole."""
        return sorted(
            (
                (attempt, step)
                for attempt in self._numbers(self._place)
                if attempt <= upto
                for step in self._numbers(f"{self._place}/{attempt}")
            ),
            reverse=True,
        )

    def put(self, folder: Path, attempt: int, step: int) -> None:
        """Store a checkpoint. The manifest goes last: a kill in between leaves none."""
        self.put_files(folder, f"{self._place}/{attempt}/{step}", attempt, step)

    def put_files(self, folder: Path, where: str, attempt: int, step: int) -> None:
        for name in [*read_manifest(folder / MANIFEST, attempt, step), MANIFEST]:
            directory = posixpath.join(where, posixpath.dirname(name)).rstrip("/")
            self._repo.log_artifact(str(folder / name), directory)

    def fetch(self, root: Path, attempt: int, step: int) -> Checkpoint:
        """Bring a copy to ``root/<attempt>/<step>``, verified.

        Raises Unusable for what is no whole checkpoint or too large for the disk.
        """
        final = root / str(attempt) / str(step)
        draft = root / f".fetched-{attempt}-{step}"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        try:
            there = self._bring(draft, attempt, step)
            final.parent.mkdir(exist_ok=True)
            shutil.rmtree(final, ignore_errors=True)  # a damaged one
            there.rename(final)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return Checkpoint(step, final)

    def _bring(self, draft: Path, attempt: int, step: int) -> Path:
        where = f"{self._place}/{attempt}/{step}"
        there = draft / where
        self._download(f"{where}/{MANIFEST}", draft)
        self._bring_files(draft, where, attempt, step)
        return there

    def fetch_kept(self, home: Path) -> None:
        """Bring the one checkpoint that a run has kept, ``<place>/...``, to ``home/<step>``, for a trial to begin with.

        Raises Unusable as ``fetch``.
        """
        draft = home.with_name(f".{home.name}")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        try:
            self._download(f"{self._place}/{MANIFEST}", draft)
            attempt, step = numbers_of(draft / self._place / MANIFEST)
            self._bring_files(draft, self._place, attempt, step)
            whole = draft / ".whole"
            whole.mkdir()
            if not begin_with(draft / self._place, attempt, step, whole / str(step)):
                raise Unusable("it is none of plain files")
            shutil.rmtree(home, ignore_errors=True)
            whole.rename(home)
        except (ValueError, FileNotFoundError) as error:
            raise Unusable(str(error)) from None
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _bring_files(self, draft: Path, where: str, attempt: int, step: int) -> None:
        there = draft / where
        try:
            files = read_manifest(there / MANIFEST, attempt, step)
        except (ValueError, FileNotFoundError) as error:
            raise Unusable(str(error)) from None
        needed = sum(entry.size for entry in files.values())
        if needed > free(draft) - reserve(draft):
            raise Unusable(f"there is no room for its {needed:,} bytes")
        for name in files:
            self._download(f"{where}/{name}", draft)
        if not verified(there, attempt, step):
            raise Unusable("its files are not those of its manifest")

    def _download(self, path: str, draft: Path) -> None:
        try:
            self._repo.download_artifacts(path, str(draft))
        except Exception:
            # Away or absent? Each store says so in its own way; a listing tells.
            if path not in [
                info.path for info in self._repo.list_artifacts(posixpath.dirname(path))
            ]:
                raise Unusable(
                    f"it was not copied whole, {posixpath.basename(path)} is missing"
                ) from None
            raise

    def remove(self, attempt: int, step: int) -> None:
        self._repo.delete_artifacts(f"{self._place}/{attempt}/{step}")

    def remove_all(self) -> None:
        if self._numbers(self._place):
            self._repo.delete_artifacts(self._place)

    def _numbers(self, path: str) -> list[int]:
        """The folders in ``path`` whose names are numbers; any other name is not ours."""
        names = [
            posixpath.basename(info.path.rstrip("/")) for info in self._repo.list_artifacts(path)
        ]
        return [int(name) for name in names if name.isdecimal() and len(name) < 19]


def address_of_run(tracking: str, run_id: str) -> str:
    """Where the artifacts of a run lie."""
    return str(MlflowClient(tracking_uri=tracking).get_run(run_id).info.artifact_uri)
