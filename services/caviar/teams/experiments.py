"""In which MLflow experiment a team's runs are. A project's name has no ``/``, so no two teams meet in one."""

from __future__ import annotations

from collections.abc import Collection

from caviar.teams.callers import DEFAULT_TEAM


def experiment_of(team: str, project: str) -> str:
    """``project`` for the default team, ``team/project`` for all others."""
    return project if team == DEFAULT_TEAM else f"{team}/{project}"


def owner_of(experiment: str, teams: Collection[str]) -> str | None:
    """The one of ``teams`` whose experiment it is by its name; None where it has no team's name."""
    team, slash, _ = experiment.partition("/")
    return team if slash and team in teams else None


def model_of(team: str, name: str) -> str:
    """The registered model of that name: ``team.name`` but for the default team. MLflow takes no slash there."""
    return name if team == DEFAULT_TEAM else f"{team}.{name}"


def owner_of_model(model: str, teams: Collection[str]) -> str | None:
    """The one of ``teams`` whose registered model it is by its name; None where it has no team's name."""
    team, dot, _ = model.partition(".")
    return team if dot and team in teams else None
