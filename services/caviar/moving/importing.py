"""Which tool a file is of, and its reading."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from caviar.errors import InputError, Problem
from caviar.moving import sagemaker, vizier
from caviar.moving.optuna import from_distributions, from_storage, is_storage
from caviar.moving.reading import read_data, read_text
from caviar.moving.report import Moved
from caviar.moving.sagemaker import from_sagemaker
from caviar.moving.vizier import from_vizier
from caviar.moving.wandb import from_wandb

KINDS = ("wandb", "optuna", "ray", "hyperopt", "sagemaker", "vizier")
READERS = {
    "wandb": from_wandb,
    "optuna": from_distributions,
    "sagemaker": from_sagemaker,
    "vizier": from_vizier,
}
OBJECTS = {"ray": "from_ray", "hyperopt": "from_hyperopt"}
"""Tools whose spaces are Python objects: by tool, the function that reads them."""
TITLES = {"ray": "Ray Tune", "hyperopt": "Hyperopt"}


def read_moved(where: str, kind: str | None, study: str | None = None) -> Moved:
    """A file, or the address of an Optuna storage, as a study. ``kind``: one of KINDS, or None to see it from the file.

    ``study``: which one of an Optuna storage. Raises InputError with everything that is wrong; nothing was written.
    """
    if kind in OBJECTS or (kind is None and where.endswith((".py", ".ipynb", ".pkl"))):
        raise InputError(_objects(where, kind))
    name = Path(where).stem or "study"
    if is_storage(where) and kind in (None, "optuna"):
        return from_storage(where, study, name)
    if study is not None:
        raise InputError(Problem(("--study",), "it belongs to a storage of Optuna"))
    if "://" in where:
        reason = "only a SQLite storage can be read by its address"
        way_out = "`optuna.copy_study` brings a study of another one into sqlite:///study.db."
        raise InputError(Problem((where.partition("://")[0],), reason, way_out))
    source = read_data(read_text(Path(where)), "such a file")
    found = kind or guessed(source.data)
    if found is None:
        reason = "it does not show which tool it is of"
        raise InputError(Problem((where,), reason, f"Say it with --from: {', '.join(KINDS)}."))
    return READERS[found](source, name)


def guessed(data: Mapping[str, Any]) -> str | None:
    """The tool that a file is of, where its keys show it."""
    keys = {vizier.spelled(key) for key in data}
    if data.keys() & {sagemaker.CONFIG, sagemaker.RANGES, *sagemaker.KINDS}:
        return "sagemaker"
    if keys & {"study_spec", "study_config"} or isinstance(data.get("parameters"), list):
        return "vizier"
    if "method" in data and isinstance(data.get("parameters"), dict):
        return "wandb"
    if data and all(_is_distribution(value) for value in data.values()):
        return "optuna"
    return None


def _is_distribution(value: object) -> bool:
    if isinstance(value, str):
        return '"attributes"' in value and "Distribution" in value
    return isinstance(value, dict) and {"name", "attributes"} <= value.keys()


def _objects(where: str, kind: str | None) -> Problem:
    """Python is not executed here, so its owner has to call the reader."""
    functions = [OBJECTS[kind]] if kind in OBJECTS else list(OBJECTS.values())
    title = TITLES[kind] if kind in OBJECTS else "Ray Tune or Hyperopt"
    calls = " or ".join(f"`caviar.moving.{function}(space)`" for function in functions)
    return Problem(
        (where,),
        f"a space of {title} consists of Python objects, and no file is executed here",
        f"In the program that has the space, {calls} gives the study's text and the report.",
    )
