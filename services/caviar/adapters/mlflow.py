"""The record in MLflow, from the service's side: the study's run, its rounds, and the results read back.

Trial runs are written by the workers' shippers; nothing here is on a trial's path.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caviar.adapters.imports import HEAVY, without
from caviar.contract.names import TAG_KIND, TAG_ROUND, TAG_STUDY, TAG_TRIAL
from caviar.errors import ServiceError

PAGE = 1000
PAGE_OF_RUNS = 200
EXPERIMENT_KIND, TRAINING = "mlflow.experimentKind", "custom_model_development"
"""What MLflow's pages ask a person about otherwise."""

with without(HEAVY):
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.exceptions import MlflowException
    from mlflow.tracking.client import MlflowClient


@dataclass(frozen=True, slots=True)
class Foreign:
    """A finished run of an experiment: whose study it was of, its parameters as text, and the metric asked for."""

    study: str | None
    params: dict[str, str]
    value: float | None


class Record:
    """The MLflow server at ``uri``. Every method raises ServiceError while it cannot be reached."""

    def __init__(self, uri: str) -> None:
        self._client = MlflowClient(tracking_uri=uri)

    def experiment(self, name: str) -> str:
        """The id of the experiment of this name, made where it is missing."""
        with _reachable():
            found = self._client.get_experiment_by_name(name)
            if found is None:
                try:
                    return str(
                        self._client.create_experiment(name, tags={EXPERIMENT_KIND: TRAINING})
                    )
                except MlflowException:  # another process made it in between
                    found = self._client.get_experiment_by_name(name)
            if found is None or found.lifecycle_stage != "active":
                raise ServiceError(
                    f"the MLflow experiment {name!r} is deleted; restore it or give the study another project"
                )
            return str(found.experiment_id)

    def tag_experiment(self, experiment_id: str, tags: Mapping[str, str]) -> None:
        with _reachable():
            for key, value in tags.items():
                self._client.set_experiment_tag(experiment_id, key, value)

    def run(
        self,
        experiment_id: str,
        name: str,
        tags: Mapping[str, str],
        start_s: float,
        params: Mapping[str, Any] | None = None,
    ) -> str:
        """The run that carries these study, kind and round tags; made where it is missing."""
        keys = [key for key in (TAG_STUDY, TAG_KIND, TAG_ROUND) if key in tags]
        query = " and ".join(f"tags.`{key}` = '{tags[key]}'" for key in keys)
        with _reachable():
            found = self._client.search_runs([experiment_id], query, max_results=1)
            if found:
                return str(found[0].info.run_id)
            run = self._client.create_run(
                experiment_id, start_time=round(start_s * 1000), tags=dict(tags), run_name=name
            )
            run_id = str(run.info.run_id)
            if params:
                entries = [Param(key, str(value)) for key, value in params.items()]
                self._client.log_batch(run_id, params=entries)
            return run_id

    def write(
        self,
        run_id: str,
        now_s: float,
        *,
        metrics: Mapping[str, float] | None = None,
        step: int = 0,
        tags: Mapping[str, str] | None = None,
        artifacts: Mapping[str, bytes] | None = None,
    ) -> None:
        """Add metrics, tags and files to a run. Writing the same again changes nothing but the files' times."""
        now_ms = round(now_s * 1000)
        with _reachable():
            self._client.log_batch(
                run_id,
                metrics=[
                    Metric(key, value, now_ms, step) for key, value in (metrics or {}).items()
                ],
                tags=[RunTag(key, value) for key, value in (tags or {}).items()],
            )
            if artifacts:
                with tempfile.TemporaryDirectory(prefix="caviar-") as folder:
                    for name, content in artifacts.items():
                        (Path(folder) / name).write_bytes(content)
                    self._client.log_artifacts(run_id, folder)

    def trial_run(self, experiment_id: str, trial: str) -> str | None:
        """The run of a trial, whoever wrote it."""
        with _reachable():
            found = self._client.search_runs(
                [experiment_id], f"tags.`{TAG_TRIAL}` = '{trial}'", max_results=1
            )
            return str(found[0].info.run_id) if found else None

    def end(self, run_id: str, status: str, ended_s: float) -> None:
        """``status`` is FINISHED, FAILED or KILLED."""
        with _reachable():
            self._client.set_terminated(run_id, status, end_time=round(ended_s * 1000))

    def results(
        self, experiment_id: str, study_id: str, metric: str, since_ms: int
    ) -> dict[str, tuple[str, float | None, int]]:
        """Trial id -> (run id, value, end in ms), of the study's trial runs that ended at ``since_ms`` or later."""
        query = (
            f"tags.`{TAG_STUDY}` = '{study_id}' and tags.`{TAG_KIND}` = 'trial' "
            f"and attributes.end_time >= {since_ms}"
        )
        found: dict[str, tuple[str, float | None, int]] = {}
        token: str | None = None
        with _reachable():
            while True:
                page = self._client.search_runs(
                    [experiment_id], query, max_results=PAGE, page_token=token
                )
                for run in page:
                    trial = run.data.tags.get(TAG_TRIAL)
                    if trial:
                        value = run.data.metrics.get(metric)
                        found[trial] = (run.info.run_id, value, run.info.end_time)
                token = page.token
                if not token:
                    return found

    def dataset_digest(self, experiment: str, dataset: str) -> str | None:
        """The digest of the newest run's dataset of that name; None where there is none."""
        quote = '"' if "'" in dataset else "'"
        if quote in dataset:  # MLflow's filter knows no escape
            return None
        with _reachable():
            found = self._client.get_experiment_by_name(experiment)
            if found is None or found.lifecycle_stage != "active":
                return None
            runs = self._client.search_runs(
                [found.experiment_id],
                f"dataset.name = {quote}{dataset}{quote}",
                max_results=1,
                order_by=["attributes.start_time DESC"],
            )
            for run in runs:
                for given in run.inputs.dataset_inputs if run.inputs else ():
                    if given.dataset.name == dataset:
                        return str(given.dataset.digest)
            return None

    def model_version(
        self, model: str, experiment_id: str, run_id: str, tags: Mapping[str, str]
    ) -> str | None:
        """The version of a registered model that a run logged, made where it is missing; None: the run logged none."""
        with _reachable():
            known = self._client.search_model_versions(f"run_id = '{run_id}'")
            for version in known:
                if version.name == model:
                    return str(version.version)
            logged = self._client.search_logged_models(
                [experiment_id], f"source_run_id = '{run_id}'", max_results=1
            )
            if not logged:
                return None
            try:
                self._client.create_registered_model(model)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            made = self._client.create_model_version(
                model,
                f"models:/{logged[0].model_id}",
                run_id=run_id,
                tags=dict(tags),
                model_id=logged[0].model_id,
            )
            return str(made.version)

    def point_alias(self, model: str, alias: str, version: str | None) -> None:
        """Let the alias of a registered model name that version; None: no version."""
        with _reachable():
            if version is not None:
                self._client.set_registered_model_alias(model, alias, version)
                return
            try:
                self._client.delete_registered_model_alias(model, alias)
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise

    def finished_runs(self, experiment: str, metric: str, most: int) -> list[Foreign] | None:
        """The newest ``most`` finished runs of an experiment, oldest first; None where there is no such experiment.

        Runs in which the service keeps its books (of studies and rounds) are not among them.
        """
        with _reachable():
            found = self._client.get_experiment_by_name(experiment)
            if found is None or found.lifecycle_stage != "active":
                return None
            runs: list[Foreign] = []
            token: str | None = None
            while len(runs) < most:
                page = self._client.search_runs(
                    [found.experiment_id],
                    "attributes.status = 'FINISHED'",
                    max_results=PAGE_OF_RUNS,
                    order_by=["attributes.start_time DESC"],
                    page_token=token,
                )
                for run in page:
                    if run.data.tags.get(TAG_KIND, "trial") == "trial":
                        study, value = run.data.tags.get(TAG_STUDY), run.data.metrics.get(metric)
                        runs.append(Foreign(study, dict(run.data.params), value))
                token = page.token
                if not token:
                    break
            return runs[:most][::-1]


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except MlflowException as error:
        raise ServiceError(f"MLflow: {str(error).splitlines()[0][:300]}") from error
    except OSError as error:
        raise ServiceError(f"MLflow does not answer ({type(error).__name__})") from error
