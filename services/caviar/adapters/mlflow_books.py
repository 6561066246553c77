"""MLflow read as books: every run that carries Caviar's tags, page by page, and the files and tags to put it right.

For `caviar rebuild` and `caviar doctor`, which look at all there is; the service's own record is in ``mlflow``.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from caviar.adapters.imports import HEAVY, without
from caviar.contract.names import TAG_KIND, TAG_REASON, TAG_STUDY
from caviar.errors import CaviarError, ServiceError

os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

PAGE = 1000
MOST_BYTES = 64_000_000
"""Of a file that is read."""
ASIDE = "aside"
"""The kind of a run that was set aside: it is no trial's any more, whatever else its tags say."""
ENDED = ("FINISHED", "FAILED", "KILLED")

with without(HEAVY):
    from mlflow.entities import Run, RunTag
    from mlflow.exceptions import MlflowException
    from mlflow.tracking.client import MlflowClient


class Missing(CaviarError):
    """A run has no such file, or one that is no file of ours."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A run as MLflow has it. Nothing in it is checked."""

    run_id: str
    experiment_id: str
    name: str
    status: str
    start_ms: int
    end_ms: int | None
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    """The latest value of each."""

    @property
    def ended(self) -> bool:
        return self.status in ENDED


class Books:
    """The MLflow server at ``uri``. Every method raises ServiceError while it cannot be reached."""

    def __init__(self, uri: str) -> None:
        self._client = MlflowClient(tracking_uri=uri)

    def study_runs(self) -> Iterator[tuple[str, Seen]]:
        """The runs of all studies, each with its experiment's name, in all experiments that are not deleted."""
        for experiment_id, name in self._experiments():
            for page in self._pages(experiment_id, f"tags.`{TAG_KIND}` = 'study'"):
                for run in page:
                    yield name, run

    def runs(self, experiment_id: str, study_id: str, kind: str) -> Iterator[list[Seen]]:
        """A study's runs of one kind (trial or round), in pages. ``study_id`` was checked: it goes into a filter."""
        query = f"tags.`{TAG_STUDY}` = '{study_id}' and tags.`{TAG_KIND}` = '{kind}'"
        return self._pages(experiment_id, query)

    def file(self, run_id: str, name: str) -> bytes:
        """A file of a run. Raises Missing."""
        with tempfile.TemporaryDirectory(prefix="caviar-") as folder, _reachable():
            try:
                path = Path(self._client.download_artifacts(run_id, name, folder))
            except (MlflowException, OSError) as error:
                if _away(error):
                    raise
                raise Missing(f"it has no {name}") from None
            if not path.is_file() or path.stat().st_size > MOST_BYTES:
                raise Missing(f"its {name} is no file of ours")
            return path.read_bytes()

    def tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        with _reachable():
            entries = [RunTag(key, value) for key, value in tags.items()]
            self._client.log_batch(run_id, tags=entries)

    def end(self, run_id: str, status: str, ended_s: float) -> None:
        """``status`` is FINISHED, FAILED or KILLED."""
        with _reachable():
            self._client.set_terminated(run_id, status, end_time=round(ended_s * 1000))

    def set_aside(self, run_id: str, reason: str, ended_s: float | None) -> None:
        """Take a run out of its study's trials: it is marked, and ended at ``ended_s``; nothing of it is deleted."""
        self.tag(run_id, {TAG_KIND: ASIDE, TAG_REASON: reason[:5000]})
        if ended_s is not None:
            self.end(run_id, "KILLED", ended_s)

    def _experiments(self) -> Iterator[tuple[str, str]]:
        token: str | None = None
        while True:
            with _reachable():
                page = self._client.search_experiments(max_results=PAGE, page_token=token)
            yield from ((str(each.experiment_id), str(each.name)) for each in page)
            token = page.token
            if not token:
                return

    def _pages(self, experiment_id: str, query: str) -> Iterator[list[Seen]]:
        token: str | None = None
        while True:
            with _reachable():
                page = self._client.search_runs(
                    [experiment_id], query, max_results=PAGE, page_token=token
                )
            yield [_seen(run) for run in page]
            token = page.token
            if not token:
                return


def _seen(run: Run) -> Seen:
    return Seen(
        run_id=str(run.info.run_id),
        experiment_id=str(run.info.experiment_id),
        name=str(run.info.run_name),
        status=str(run.info.status),
        start_ms=int(run.info.start_time or 0),
        end_ms=None if run.info.end_time is None else int(run.info.end_time),
        tags=dict(run.data.tags),
        params=dict(run.data.params),
        metrics=dict(run.data.metrics),
    )


def _away(error: Exception) -> bool:
    """Whether the server did not answer, rather than answered that there is nothing."""
    text = str(error)
    return "Max retries" in text or "Connection" in text or "timed out" in text


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except MlflowException as error:
        said = str(error).splitlines()[0][:300]
        raise ServiceError(
            "MLflow does not answer" if _away(error) else f"MLflow: {said}"
        ) from error
    except OSError as error:
        raise ServiceError(f"MLflow does not answer ({type(error).__name__})") from error
