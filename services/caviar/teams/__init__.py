"""Who may do what: callers and their roles, tokens, sessions. Pure: no I/O, no clock."""

from caviar.teams.callers import DEFAULT_TEAM, LOCAL, ROLES_OF_PERSONS, WORKERS, Caller
from caviar.teams.experiments import experiment_of, model_of, owner_of, owner_of_model
from caviar.teams.months import month_of
from caviar.teams.sessions import SESSION_S, Pass, Signer
from caviar.teams.tokens import Fresh, digest_of, identifier_of, new_token

__all__ = [
    "DEFAULT_TEAM",
    "LOCAL",
    "ROLES_OF_PERSONS",
    "SESSION_S",
    "WORKERS",
    "Caller",
    "Fresh",
    "Pass",
    "Signer",
    "digest_of",
    "experiment_of",
    "identifier_of",
    "model_of",
    "month_of",
    "new_token",
    "owner_of",
    "owner_of_model",
]
