"""Settings of the service, read once from the environment (prefix ``CAVIAR_``) and frozen."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from typing import TypeVar, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from caviar.errors import InputError, Problem
from caviar.secrets import GENERATE, equal_secrets, password_of, weakness, with_files

PREFIX = "CAVIAR_"
_WITH_PASSWORD = ("database_url", "broker_url", "mlflow_database_url")
"""Addresses that may have a password in them."""


class ReadOnce(BaseModel):
    """What a kind of process reads from its environment. Secrets that protect nothing are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*")
    @classmethod
    def _no_weak_secret(cls, value: object) -> object:
        wrong = weakness(value.get_secret_value()) if isinstance(value, SecretStr) else None
        if wrong is not None:
            raise ValueError(f"{wrong}. {GENERATE}")
        return value

    @field_validator(*_WITH_PASSWORD, check_fields=False)
    @classmethod
    def _no_weak_password(cls, value: str) -> str:
        password = password_of(value)
        wrong = weakness(password) if password else None
        if wrong is not None:
            raise ValueError(f"the password in it {wrong}. {GENERATE}")
        return value

    @field_validator("public_url", check_fields=False)
    @classmethod
    def _public_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
            raise ValueError("is to be like https://caviar.example.org, without a path")
        return value.rstrip("/")

    @classmethod
    def secrets(cls) -> tuple[str, ...]:
        """Variables that may be given as a file: ``CAVIAR_TOKEN_FILE``."""
        return tuple(
            PREFIX + name.upper()
            for name, field in cls.model_fields.items()
            if name in _WITH_PASSWORD
            or SecretStr in (field.annotation, *get_args(field.annotation))
        )


Kind = TypeVar("Kind", bound=ReadOnce)


class Settings(ReadOnce):
    """One field a setting: ``database_url`` is read from ``CAVIAR_DATABASE_URL``."""

    database_url: str = Field(description="SQLAlchemy address of the SQL store.")
    broker_url: str = Field(description="Redis that carries the tickets.")
    mlflow_uri: str = Field(description="Address of the MLflow server.")
    token: SecretStr = Field(description="What clients must present.")
    worker_token: SecretStr = Field(description="What workers must present.")
    public_url: str | None = Field(
        default=None,
        description="The gateway's address that people and workers use; MLflow is below it at `/mlflow`.",
    )
    mlflow_secret: SecretStr | None = Field(
        default=None,
        description="The service's password at an MLflow that authorizes, where its user is `service`.",
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        description="What Prometheus presents to read `/metrics`; it opens nothing else.",
    )
    bind: str = Field(default="127.0.0.1", description="Address that the API listens on.")
    port: int = Field(default=8642, ge=0, le=65535, description="Port that the API listens on.")
    sockets: tuple[int, ...] = Field(
        default=(), description="Inherited listening sockets; used instead of bind and port."
    )
    hosts: tuple[str, ...] = Field(
        default=(),
        description="Names in a request's Host that are answered, separated by commas.",
    )
    proxies: tuple[str, ...] = Field(
        default=(),
        description="Addresses or networks of reverse proxies whose X-Forwarded-For is believed.",
    )
    rate: float = Field(
        default=100.0,
        gt=0,
        le=1e6,
        description="Requests a second with one token; ten seconds' worth may come at once.",
    )
    wrong_tokens: float = Field(
        default=30.0,
        gt=0,
        le=1e6,
        description="Wrong tokens a minute from one address; more are answered with 429.",
    )
    lease_s: float = Field(
        default=20.0,
        gt=0,
        le=3600,
        description="Seconds without a heartbeat after which a trial is lost.",
    )
    claim_s: float = Field(
        default=15.0,
        gt=0,
        le=3600,
        description="Seconds without a claim after which a ticket is sent again.",
    )
    local: bool = Field(
        default=False, description="Accept studies whose trainer lies in a folder of this machine."
    )
    refiner_alive: str | None = Field(
        default=None,
        description="A file that the refiner touches as long as it does its work, for a health check.",
    )
    webhook_allow: str = Field(
        default="",
        description="Hosts and networks beside public addresses that webhooks may go to.",
    )
    drawn: bool = Field(
        default=False,
        description="The tokens are drawn anew at each start, so that nobody elsewhere knows them.",
    )
    start_paused: bool = Field(
        default=False,
        description="Pause all unfinished studies at start (caviar run: one at a time).",
    )

    @property
    def pages(self) -> str | None:
        """Where people reach the service; None where nobody said. The embedded service's are on the same machine."""
        if self.public_url is not None:
            return self.public_url
        return f"http://127.0.0.1:{self.port}" if self.drawn else None

    @field_validator("sockets", "hosts", "proxies", mode="before")
    @classmethod
    def _by_commas(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(word.strip() for word in value.split(",") if word.strip())

    @field_validator("proxies")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for word in value:
            try:
                ipaddress.ip_network(word, strict=False)
            except ValueError:
                raise ValueError(
                    f"{word!r} is no address and no network: whoever may call it a proxy may forge its address"
                ) from None
        return value


class MlflowSettings(ReadOnce):
    """Of MLflow's server behind the gateway, which `caviar mlflow` starts."""

    mlflow_uri: str = Field(
        description="Where the service reaches it, with its prefix: `http://mlflow:5000/mlflow`."
    )
    mlflow_database_url: str = Field(
        description="SQLAlchemy address of its own database, for runs and for who may see them."
    )
    mlflow_artifacts: str = Field(
        description="Folder or address (`s3://...`) where it keeps files."
    )
    public_url: str = Field(description="The gateway's address that people and workers use.")
    gate_secret: SecretStr = Field(
        description="What the gateway shows beside the name of MLflow's user."
    )
    mlflow_secret: SecretStr = Field(description="The service's password.")
    bind: str = Field(default="127.0.0.1", description="Address that it listens on.")

    @field_validator("mlflow_uri")
    @classmethod
    def _with_prefix(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme != "http" or not parts.hostname or parts.path != "/mlflow":
            raise ValueError("is to be like http://mlflow:5000/mlflow")
        return value


def from_environment(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of the scheduler and the refiner. Raises InputError as ``read``."""
    return read(Settings, environment)


def read(kind: type[Kind], environment: Mapping[str, str] | None = None) -> Kind:
    """Read the settings of one kind of process.

    Raises:
        InputError: a variable is missing, malformed, a secret that protects nothing, or the same as another secret;
            names each one.
    """
    secrets = kind.secrets()
    environment = with_files(os.environ if environment is None else environment, secrets)
    given = {
        name: environment[PREFIX + name.upper()]
        for name in kind.model_fields
        if PREFIX + name.upper() in environment
    }
    try:
        settings = kind.model_validate(given)
    except ValidationError as error:
        problems = [
            Problem(
                (PREFIX + str(entry["loc"][0]).upper(),),
                "is not set"
                if entry["type"] == "missing"
                else entry["msg"].removeprefix("Value error, "),
                "See docs/reference/settings.md.",
            )
            for entry in error.errors(include_input=False, include_url=False)
        ]
        raise InputError(problems) from None
    same = equal_secrets({name: _secret_in(environment.get(name)) for name in secrets})
    if same:
        raise InputError(same)
    return settings


def _secret_in(value: str | None) -> str | None:
    """``value``, or the password in it where it is an address."""
    return value and (password_of(value) if "://" in value else value)
