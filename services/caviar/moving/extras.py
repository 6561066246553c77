"""Packages that only moving needs: a clear answer where one is not installed."""

from __future__ import annotations

import importlib
from typing import Any

from caviar.errors import InputError, Problem


def optuna_package() -> Any:
    """The module ``optuna``. Raises InputError where it is not installed."""
    return _package("optuna", "optuna", "An Optuna storage")


def parquet_package() -> tuple[Any, Any]:
    """The modules ``pyarrow`` and ``pyarrow.parquet``. Raises InputError where they are not installed."""
    return (
        _package("pyarrow", "parquet", "Parquet"),
        _package("pyarrow.parquet", "parquet", "Parquet"),
    )


def _package(name: str, extra: str, what: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        reason = f"{what} needs a package that is not installed"
        raise InputError(Problem((), reason, f"pip install 'caviar[{extra}]'")) from None
