"""Caviar: hyperparameter tuning for teams that use MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from caviar.client import connect as connect
    from caviar.client import connect_async as connect_async

__version__ = "0.1.0"

_CLIENT = ("connect", "connect_async")


def __getattr__(name: str) -> Any:
    """The client is imported when it is asked for: a worker has no use for it."""
    if name in _CLIENT:
        from caviar import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_CLIENT]
