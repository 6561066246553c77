"""Settings of the service, read once from the environment (prefix ``CAVIAR_``) and frozen."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from typing import get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from caviar.errors import InputError, Problem
from caviar.secrets import GENERATE, equal_secrets, password_of, weakness, with_files

PREFIX = "CAVIAR_"
_WITH_PASSWORD = ("database_url", "broker_url")
"""Addresses that may have a password in them."""


class Settings(BaseModel):
    """One field a setting: ``database_url`` is read from ``CAVIAR_DATABASE_URL``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: str = Field(description="SQLAlchemy address of the SQL store.")
    broker_url: str = Field(description="Redis that carries the tickets.")
    mlflow_uri: str = Field(description="Address of the MLflow server.")
    token: SecretStr = Field(description="What clients must present.")
    worker_token: SecretStr = Field(description="What workers must present.")
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

    @field_validator("*")
    @classmethod
    def _no_weak_secret(cls, value: object) -> object:
        wrong = weakness(value.get_secret_value()) if isinstance(value, SecretStr) else None
        if wrong is not None:
            raise ValueError(f"{wrong}. {GENERATE}")
        return value

    @field_validator(*_WITH_PASSWORD)
    @classmethod
    def _no_weak_password(cls, value: str) -> str:
        password = password_of(value)
        wrong = weakness(password) if password else None
        if wrong is not None:
            raise ValueError(f"the password in it {wrong}. {GENERATE}")
        return value


def _is_secret(name: str) -> bool:
    annotation = Settings.model_fields[name].annotation
    return SecretStr in (annotation, *get_args(annotation))


SECRETS = tuple(
    PREFIX + name.upper()
    for name in Settings.model_fields
    if name in _WITH_PASSWORD or _is_secret(name)
)
"""Variables that may be given as a file: ``CAVIAR_TOKEN_FILE``."""


def from_environment(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Raises:
        InputError: a variable is missing, malformed, a secret that protects nothing, or the same as another secret;
            names each one.
    """
    environment = with_files(os.environ if environment is None else environment, SECRETS)
    given = {
        name: environment[PREFIX + name.upper()]
        for name in Settings.model_fields
        if PREFIX + name.upper() in environment
    }
    try:
        settings = Settings.model_validate(given)
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
    same = equal_secrets({name: _secret_in(environment.get(name)) for name in SECRETS})
    if same:
        raise InputError(same)
    return settings


def _secret_in(value: str | None) -> str | None:
    """``value``, or the password in it where it is an address."""
    return value and (password_of(value) if "://" in value else value)
