"""Addresses between Caviar's pages and MLflow's."""

from __future__ import annotations

import pytest

from caviar.contract import pages


@pytest.mark.parametrize("uri", ["http://127.0.0.1:8643", "https://caviar.example.org/mlflow/"])
def test_a_run_s_page_stands_below_mlflow_s_address(uri: str) -> None:
    """Behind the gateway's prefix as well, with a slash at its end or without; as a page for model training."""
    expected = f"{uri.rstrip('/')}/#/experiments/1/runs/ab?workflowType=machine_learning"
    assert pages.run_page(uri, "1", "ab") == expected
    assert pages.experiment_page(uri, "1") == expected.replace("/ab?", "?")


def test_between_mlflow_s_own_pages_addresses_are_relative() -> None:
    """Whoever reads a description reached MLflow somehow: the same way holds."""
    assert pages.run_page("", "1", "ab").startswith("#/experiments/1/runs/ab?")
    assert pages.artifact_file("ab", "zoom.svg") == "get-artifact?path=zoom.svg&run_uuid=ab"


def test_no_part_of_an_address_ends_another() -> None:
    """What MLflow or a study file says is encoded, and so is what would end a link in Markdown."""
    assert "/runs/a%2F..%3Fb?" in pages.run_page("http://m", "1", "a/..?b")
    page = pages.trials_page("http://m", "1", "abc", "m (x) & y", maximize=True)
    assert "orderByKey=metrics.%60m%20%28x%29%20%26%20y%60&orderByAsc=false" in page


def test_caviar_s_pages_stand_below_its_address() -> None:
    """As its pages have them."""
    service = "https://caviar.example.org"
    assert pages.study_page(service, "abc") == f"{service}/studies/abc"
    assert pages.trial_page(service, "abc", 7) == f"{service}/studies/abc/trials/7"
    assert pages.champion_page(service, "abc") == f"{service}/studies/abc/champion"
