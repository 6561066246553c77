"""Addresses of what people open: Caviar's pages and MLflow's, from each other.

MLflow's UI is one page: what it shows stands behind the ``#``. With an empty ``uri`` the addresses are relative, for
links between MLflow's own pages: they hold behind the gateway's prefix as well.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

from caviar.contract.names import TAG_KIND, TAG_STUDY

_TRAINING = {"workflowType": "machine_learning"}
"""Without it a browser that never chose sees MLflow's pages for applications of language models."""


def study_page(service: str, study_id: str) -> str:
    """A study's page at the service's address for people."""
    return f"{service}/studies/{study_id}"


def trial_page(service: str, study_id: str, number: int) -> str:
    return f"{study_page(service, study_id)}/trials/{number}"


def champion_page(service: str, study_id: str) -> str:
    return f"{study_page(service, study_id)}/champion"


def home_page(uri: str) -> str:
    """MLflow's list of experiments."""
    return _ui(uri, "/experiments", {})


def experiment_page(uri: str, experiment_id: str) -> str:
    """The runs of an experiment, newest first."""
    return _ui(uri, f"/experiments/{_part(experiment_id)}/runs", {})


def run_page(uri: str, experiment_id: str, run_id: str) -> str:
    return _ui(uri, f"/experiments/{_part(experiment_id)}/runs/{_part(run_id)}", {})


def trials_page(uri: str, experiment_id: str, study_id: str, metric: str, *, maximize: bool) -> str:
    """The runs of a study's trials, best first."""
    query = {
        "searchFilter": trials_filter(study_id),
        "orderByKey": f"metrics.`{metric}`",
        "orderByAsc": "false" if maximize else "true",
    }
    return _ui(uri, f"/experiments/{_part(experiment_id)}/runs", query)


def trials_filter(study_id: str) -> str:
    """What finds a study's trials in MLflow's search."""
    return f"tags.`{TAG_STUDY}` = '{study_id}' and tags.`{TAG_KIND}` = 'trial'"


def artifact_file(run_id: str, path: str) -> str:
    """A file of a run, seen from MLflow's page."""
    return "get-artifact?" + urlencode({"path": path, "run_uuid": run_id})


def _ui(uri: str, path: str, query: dict[str, str]) -> str:
    at = f"{uri.rstrip('/')}/" if uri else ""
    # No "+" for a space, and no bracket: these stand in Markdown.
    return f"{at}#{path}?{urlencode(query | _TRAINING, quote_via=quote)}"


def _part(text: str) -> str:
    return quote(text, safe="")
