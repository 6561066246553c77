"""Secrets come from files where one is named, for service and worker alike; those that protect nothing are refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from caviar.client.connection import find_service
from caviar.errors import InputError
from caviar.settings import MlflowSettings, Settings, from_environment
from caviar_worker.settings import SECRETS as WORKER_SECRETS
from caviar_worker.settings import WorkerSettings

SERVICE = {
    "CAVIAR_DATABASE_URL": "postgresql+psycopg://caviar@postgres/caviar",
    "CAVIAR_BROKER_URL": "redis://caviar:a-password-of-the-broker@redis/0",  # pragma: allowlist secret
    "CAVIAR_MLFLOW_URI": "http://mlflow:5000",
    "CAVIAR_TOKEN": "the-service's-own-token",
    "CAVIAR_WORKER_TOKEN": "the-workers'-own-token",
}
WORKER = {
    "CAVIAR_URL": "http://gateway",
    "CAVIAR_WORKER_TOKEN": "the-workers'-own-token",
    "CAVIAR_BROKER_URL": "redis://caviar:a-password-of-the-broker@redis/0",  # pragma: allowlist secret
    "MLFLOW_TRACKING_URI": "http://gateway/mlflow",
    "CAVIAR_WORKER_SLOTS": "1",
}
Read = Callable[[Mapping[str, str]], object]
READERS: list[tuple[Read, dict[str, str]]] = [
    (from_environment, SERVICE),
    (WorkerSettings.from_environ, WORKER),
]
both = pytest.mark.parametrize("read, environ", READERS, ids=["service", "worker"])


def in_file(environ: Mapping[str, str], name: str, path: Path) -> dict[str, str]:
    """``environ`` with ``name`` given as the file ``path``."""
    rest = {key: value for key, value in environ.items() if key != name}
    return rest | {f"{name}_FILE": str(path)}


def told(read: Read, environ: Mapping[str, str]) -> str:
    with pytest.raises(InputError) as caught:
        read(environ)
    return str(caught.value)


@both
@pytest.mark.parametrize("name", ["CAVIAR_WORKER_TOKEN", "CAVIAR_BROKER_URL"])
def test_a_secret_in_a_file_is_as_good_as_a_variable(
    read: Read, environ: dict[str, str], name: str, tmp_path: Path
) -> None:
    """A line end after it is the editor's, not the secret's."""
    path = tmp_path / "secret"
    path.write_text(environ[name] + "\n")
    assert read(in_file(environ, name, path)) == read(environ)


@both
def test_a_file_that_is_no_secret_is_named_and_never_shown(
    read: Read, environ: dict[str, str], tmp_path: Path
) -> None:
    """Missing, empty, a folder, two lines, not text, a whole disk image: each has its own reason."""
    name = "CAVIAR_WORKER_TOKEN"
    path = tmp_path / "secret"
    given = in_file(environ, name, path)
    assert f"{name}_FILE: {path} cannot be read: No such file" in told(read, given)
    path.mkdir()
    assert "cannot be read: Is a directory" in told(read, given)
    path.rmdir()
    contents = {
        b" \n": "is empty",
        b"first-line\nsecond-line": "more than one line",
        b"with-a-\x00-inside-of-it": "control characters",
        b"\xff\xfe-some-binary-secret": "not UTF-8",  # pragma: allowlist secret
        b"again-and-again" * 1000: "larger than 8192 bytes",
    }
    for content, reason in contents.items():
        path.write_bytes(content)
        message = told(read, given)
        assert reason in message
        assert "again-and" not in message
        assert "second-line" not in message


@both
def test_a_secret_given_twice_is_refused(
    read: Read, environ: dict[str, str], tmp_path: Path
) -> None:
    """Which one counts should not have to be looked up."""
    path = tmp_path / "secret"
    path.write_text("another-token-of-the-workers")
    message = told(read, environ | {"CAVIAR_WORKER_TOKEN_FILE": str(path)})
    assert "CAVIAR_WORKER_TOKEN is set as well" in message


@both
@pytest.mark.parametrize(
    "secret, reason",
    [
        ("changeme", "placeholder"),
        ("<CHANGE-ME>", "placeholder"),
        ("short", "shorter than 16"),
    ],
)
def test_a_secret_that_protects_nothing_is_refused(
    read: Read, environ: dict[str, str], secret: str, reason: str, tmp_path: Path
) -> None:
    """Also as a file, and as the password inside an address."""
    path = tmp_path / "secret"
    path.write_text(secret)
    broker = f"redis://caviar:{secret}@redis/0"
    for given in (
        environ | {"CAVIAR_WORKER_TOKEN": secret},
        in_file(environ, "CAVIAR_WORKER_TOKEN", path),
        environ | {"CAVIAR_BROKER_URL": broker},
    ):
        message = told(read, given)
        assert reason in message
        assert secret not in message.replace("is shorter", "")


@both
def test_equal_secrets_are_refused(read: Read, environ: dict[str, str]) -> None:
    """Whoever is given the one would have the other: a worker that is an operator, say."""
    twice = environ["CAVIAR_WORKER_TOKEN"]
    message = told(read, environ | {"CAVIAR_BROKER_URL": f"redis://caviar:{twice}@redis/0"})
    assert "is the same as" in message
    assert twice not in message


def test_the_service_s_tokens_differ() -> None:
    """A worker's machine must not hold an operator's token."""
    message = told(from_environment, SERVICE | {"CAVIAR_WORKER_TOKEN": SERVICE["CAVIAR_TOKEN"]})
    assert "CAVIAR_WORKER_TOKEN: is the same as CAVIAR_TOKEN" in message


def test_every_secret_of_the_settings_may_be_a_file() -> None:
    """Found by their types, so that a new one is not forgotten."""
    service, mlflow = set(Settings.secrets()), set(MlflowSettings.secrets())
    assert {"CAVIAR_DATABASE_URL", "CAVIAR_BROKER_URL", "CAVIAR_TOKEN"} < service
    assert {"CAVIAR_WORKER_TOKEN", "CAVIAR_METRICS_TOKEN", "CAVIAR_MLFLOW_SECRET"} < service
    assert mlflow == {"CAVIAR_MLFLOW_DATABASE_URL", "CAVIAR_GATE_SECRET", "CAVIAR_MLFLOW_SECRET"}
    assert "CAVIAR_WORKER_TOKEN" in WORKER_SECRETS
    assert "CAVIAR_MLFLOW_URI" not in service


def test_commands_find_their_token_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the service's container it is there; who gives a token by the variable is somebody else there."""
    path = tmp_path / "token"
    path.write_text("the-service's-own-token\n")
    monkeypatch.setenv("CAVIAR_URL", "http://localhost:8642")
    monkeypatch.delenv("CAVIAR_TOKEN", raising=False)
    monkeypatch.setenv("CAVIAR_TOKEN_FILE", str(path))
    assert find_service().token == "the-service's-own-token"
    monkeypatch.setenv("CAVIAR_TOKEN", "somebody's")
    assert find_service().token == "somebody's"
