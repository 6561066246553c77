"""How MLflow is started behind the gateway: what is needed, and where its secrets are."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from caviar.adapters import mlflow_server
from caviar.errors import InputError
from caviar.settings import MlflowSettings, Settings, read

PASSWORD = "p%40ss-of-the-tests-26"  # pragma: allowlist secret
ENVIRON = {
    "CAVIAR_MLFLOW_URI": "http://mlflow:5000/mlflow",
    "CAVIAR_MLFLOW_DATABASE_URL": f"postgresql+psycopg://mlflow:{PASSWORD}@postgres/mlflow",
    "CAVIAR_MLFLOW_ARTIFACTS": "/var/lib/mlflow",
    "CAVIAR_PUBLIC_URL": "https://caviar.example.org/",
    "CAVIAR_GATE_SECRET": "8c1f0d6b5a4e4b0f9d3c2a19",  # pragma: allowlist secret
    "CAVIAR_MLFLOW_SECRET": "27d95e3a6c0b41f88a7e6d50",  # pragma: allowlist secret
    "CAVIAR_BIND": "0.0.0.0",
}
SECRETS = (PASSWORD, ENVIRON["CAVIAR_GATE_SECRET"], ENVIRON["CAVIAR_MLFLOW_SECRET"])


def test_no_secret_is_among_the_arguments() -> None:
    """Whoever lists processes sees them. One worker; the hosts and the origin by which people and services come."""
    command = mlflow_server.command(read(MlflowSettings, ENVIRON))
    told = " ".join(command)
    assert not [each for each in SECRETS if each in told]
    assert "--app-name basic-auth --workers 1 --host 0.0.0.0 --port 5000" in told
    assert "--allowed-hosts 127.0.0.1:5000,caviar.example.org,mlflow:5000" in told
    assert "--cors-allowed-origins https://caviar.example.org" in told


def test_the_file_that_mlflow_reads_is_its_owners_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says that nobody may see anything who was not granted it. A percent sign in a password stays one."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    settings = read(MlflowSettings, ENVIRON)
    path = Path(mlflow_server._config(settings))
    assert path.stat().st_mode & 0o777 == 0o600
    parser = configparser.ConfigParser()  # as MLflow reads it
    parser.read(path)
    found = parser["mlflow"]
    assert found["database_uri"] == settings.mlflow_database_url
    assert found["default_permission"] == "NO_PERMISSIONS"
    assert found["authorization_function"] == "caviar.adapters.mlflow_door:authenticate"


def test_the_administrators_password_is_nobodys() -> None:
    """Another one each time."""
    settings = read(MlflowSettings, ENVIRON)
    drawn = {
        mlflow_server.environment(settings, "x")["MLFLOW_AUTH_ADMIN_PASSWORD"] for _ in range(3)
    }
    assert len(drawn) == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CAVIAR_MLFLOW_URI", "http://mlflow:5000"),
        ("CAVIAR_MLFLOW_URI", "ftp://mlflow/mlflow"),
        ("CAVIAR_PUBLIC_URL", "caviar.example.org"),
        ("CAVIAR_PUBLIC_URL", "https://caviar.example.org/caviar"),
        ("CAVIAR_GATE_SECRET", "short"),
        ("CAVIAR_MLFLOW_SECRET", "changeme"),
        ("CAVIAR_MLFLOW_DATABASE_URL", None),
    ],
)
def test_what_is_missing_or_wrong_is_named(name: str, value: str | None) -> None:
    """Before anything has started."""
    environ = {**ENVIRON, name: value} if value is not None else {**ENVIRON}
    if value is None:
        del environ[name]
    with pytest.raises(InputError) as caught:
        read(MlflowSettings, environ)
    assert [problem.path for problem in caught.value.problems] == [(name,)]


def test_the_services_address_is_checked_as_well() -> None:
    """For it the gateway may be missing."""
    fields = {"database_url": "x", "broker_url": "x", "mlflow_uri": "x"}
    tokens = {"token": "t" * 32, "worker_token": "w" * 32}
    assert Settings.model_validate({**fields, **tokens}).public_url is None
    with pytest.raises(ValueError, match="without a path"):
        Settings.model_validate({**fields, **tokens, "public_url": "https://x/y"})


def test_links_lead_to_where_people_reach_the_service() -> None:
    """The gateway where there is one; the embedded service on the same machine; otherwise nobody said."""
    needed = {"database_url": "x", "broker_url": "x", "mlflow_uri": "x"}
    needed |= {"token": "t" * 32, "worker_token": "w" * 32}
    assert Settings.model_validate(needed).pages is None
    public = Settings.model_validate({**needed, "public_url": "https://caviar.example.org/"})
    assert public.pages == "https://caviar.example.org"
    embedded = Settings.model_validate({**needed, "drawn": "1", "port": "8700"})
    assert embedded.pages == "http://127.0.0.1:8700"
