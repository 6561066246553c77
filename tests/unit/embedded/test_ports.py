"""Two embedded services on one machine."""

from __future__ import annotations

import importlib

import pytest

listening = importlib.import_module("caviar.embedded.listening")
service = importlib.import_module("caviar.embedded.service")


def test_two_services_that_start_together_choose_two_ports_for_mlflow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither MLflow listens yet when the second one chooses: else both would write into whichever came first."""
    with listening.on_loopback(0) as chosen:
        usual = chosen.getsockname()[1]
    with listening.on_loopback(0) as chosen:
        mlflow = chosen.getsockname()[1]
    monkeypatch.setattr(service, "API_PORT", usual)
    monkeypatch.setattr(service, "MLFLOW_PORT", mlflow)
    with listening.on_loopback(usual) as first, listening.on_loopback(usual) as second:
        assert service._port_of_mlflow(first.getsockname()[1]) == mlflow
        assert service._port_of_mlflow(second.getsockname()[1]) != mlflow
        with listening.on_loopback(mlflow):
            assert service._port_of_mlflow(first.getsockname()[1]) != mlflow
