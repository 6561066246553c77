"""Addresses outside these pages."""

from __future__ import annotations

from caviar.adapters.sql import StudyRecord
from caviar.contract.pages import run_page
from caviar.web.shared import Shared


def run_address(shared: Shared, record: StudyRecord | None, run_id: str | None) -> str:
    """Where MLflow shows a run of the study; empty where there is none yet, or MLflow is no web server."""
    uri = shared.presenter.mlflow_uri
    if run_id is None or record is None or record.experiment_id is None:
        return ""
    if not uri.startswith(("http://", "https://")):
        return ""
    return run_page(uri, record.experiment_id, run_id)
