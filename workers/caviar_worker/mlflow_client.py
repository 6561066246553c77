"""The MLflow client, with the few calls that shipping needs.

Import this module only in the shipper: it costs a second or two of CPU and 91 MB, 45 MB more where it opens a database;
twice as much where ``lean`` has not prepared for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import requests
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from caviar.contract.names import TAG_ATTEMPT, TAG_TRIAL
from caviar_worker.ship_errors import MlflowAway, MlflowRefused
from caviar_worker.spool import Point

_TEXT_LIMIT = 6000
"""Characters of a parameter's value, by MLflow's limit."""
_AT_ONCE = 4
_PERMANENT = {"INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS"}


class Runs:
    """The runs of one tracking server. Every call raises MlflowAway or MlflowRefused.

    With ``store``, the address of the server's own database on this machine, runs are written straight into it by
    MlflowClient: the same statements as the server's, for a third of the processor time. Files still go to the server.
    """

    def __init__(self, uri: str, store: str | None = None) -> None:
        self._uri = uri
        self._store = store
        self._server = MlflowClient(tracking_uri=uri)
        self.at_once = _AT_ONCE if store is None else 1
        """Threads that may call at the same time. A file has one writer; a server's answers are worth waiting for
        side by side."""

    @cached_property
    def _client(self) -> MlflowClient:
        if self._store is None:
            return self._server
        # Who opens an empty database makes its tables, and two at once fail: the server goes first. Once opened, it is
        # written to whether the server answers or not.
        with _translated():
            requests.get(f"{self._uri}/health", timeout=5).raise_for_status()
            return MlflowClient(tracking_uri=self._store)

    def create(self, experiment_id: str, name: str, start_ms: int, tags: dict[str, str]) -> str:
        with _translated():
            run = self._client.create_run(
                experiment_id, start_time=start_ms, tags=tags, run_name=name
            )
            return str(run.info.run_id)

    def find(self, experiment_id: str, trial: str) -> str | None:
        """The run of a trial that was created before, by its tag."""
        found = self.find_all(experiment_id, trial)
        return found[0] if found else None

    def find_all(self, experiment_id: str, trial: str) -> list[str]:
        """More than one where two hosts created a run for the trial at the same time."""
        with _translated():
            found = self._client.search_runs(
                [experiment_id], f"tags.`{TAG_TRIAL}` = '{trial}'", max_results=10
            )
            return [str(run.info.run_id) for run in found]

    def discard(self, run_id: str) -> None:
        with _translated():
            self._client.delete_run(run_id)

    def log(
        self,
        run_id: str,
        points: Sequence[Point],
        params: dict[str, str],
        tags: dict[str, str],
    ) -> None:
        """One request for each 1,000 points; the first one carries parameters and tags (100 of each).

        Replaying it changes nothing: the points' times are frozen.
        """
        metrics = [Metric(p.name, p.value, p.t_ms, p.step) for p in points]
        texts = [Param(name, value[:_TEXT_LIMIT]) for name, value in params.items()]
        marks = [RunTag(name, value) for name, value in tags.items()]
        with _translated():
            # The client splits what one request cannot hold (1,000 entities, 100 of them params).
            self._client.log_batch(run_id, metrics, texts, marks)

    def reopen(self, run_id: str) -> None:
        with _translated():
            self._client.update_run(run_id, status="RUNNING")

    def end(self, run_id: str, status: str, end_ms: int) -> None:
        with _translated():
            self._client.set_terminated(run_id, status, end_ms)

    def attempt_of(self, run_id: str) -> int:
        """The newest attempt that has written to the run."""
        with _translated():
            text = self._client.get_run(run_id).data.tags.get(TAG_ATTEMPT, "")
            return int(text) if text.isdecimal() else 0

    def latest(self, run_id: str) -> dict[str, float]:
        """MLflow's latest value of each metric."""
        with _translated():
            return dict(self._client.get_run(run_id).data.metrics)

    def last_points(self, run_id: str) -> dict[str, Point]:
        """The newest point of each metric, for a run that another host began."""
        found = {}
        with _translated():
            for name in self._client.get_run(run_id).data.metrics:
                history = self._client.get_metric_history(run_id, name)
                newest = max(history, key=lambda m: (m.step, m.timestamp, m.value))
                found[name] = Point(name, newest.step, newest.timestamp, newest.value)
        return found

    def steps(self, run_id: str) -> dict[str, set[int]]:
        """The steps at which each metric has a value."""
        with _translated():
            return {
                name: {m.step for m in self._client.get_metric_history(run_id, name)}
                for name in self._client.get_run(run_id).data.metrics
            }

    def upload(self, run_id: str, path: Path) -> None:
        """Store the file as an artifact under its own name."""
        with _translated():
            self._server.log_artifact(run_id, str(path))


class _translated:  # noqa: N801 - a context manager that reads as a verb
    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, MlflowException):
            refused = error.error_code in _PERMANENT
            raise (MlflowRefused if refused else MlflowAway)(str(error)[:500]) from None
        if isinstance(error, OSError):  # requests' errors among them
            raise MlflowAway(str(error)[:500]) from None
