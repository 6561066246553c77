"""Where MLflow's own pages are."""

from __future__ import annotations

from caviar.contract.views import MlflowView


def run_page(where: MlflowView, run_id: str | None) -> str | None:
    """The page of one of the study's runs; None where there is none, or MLflow has no pages (a database, say)."""
    if run_id is None or where.experiment_id is None or not where.uri:
        return None
    if not where.uri.startswith(("http://", "https://")):
        return None
    return f"{where.uri.rstrip('/')}/#/experiments/{where.experiment_id}/runs/{run_id}"
