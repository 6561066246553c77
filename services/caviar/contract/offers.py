"""Whether a worker may train what a study names: asked by the worker itself and, before a trial is wasted, by the
scheduler."""

from __future__ import annotations

from fnmatch import fnmatchcase

from caviar.contract.messages import Offers, Trainer


def why_not(trainer: Trainer, offers: Offers) -> str | None:
    """Why a worker with these offers does not run the trainer, with the way out; None where it does."""
    given = [trainer.name, trainer.function, trainer.command]
    if sum(one is not None for one in given) != 1:
        return "A trainer is exactly one of a name, a function and a command."
    if trainer.name is not None:
        return None if trainer.name in offers.names else _no_name(trainer.name, offers)
    if trainer.folder is not None and not offers.folders:
        return (
            "This worker trains nothing out of a folder that a study names. Its operator may allow that with "
            "CAVIAR_WORKER_ALLOW_FOLDERS=1."
        )
    if trainer.bundle is not None and not offers.bundles:
        return (
            "This worker runs no code that a study brings along. Its operator may allow that with "
            "CAVIAR_WORKER_ALLOW_BUNDLES=1."
        )
    if trainer.command is not None:
        if offers.commands:
            return None
        return (
            "This worker runs no commands that a study names. Its operator may allow them with "
            "CAVIAR_WORKER_ALLOW_COMMANDS=1."
        )
    # Whose folders or bundles run may bring any function along: a list would only seem to hold.
    if trainer.folder is not None or trainer.bundle is not None or offers.folders:
        return None
    function = str(trainer.function)
    if any(fnmatchcase(function, pattern) for pattern in offers.functions):
        return None
    return (
        f"This worker does not offer the function {function}. Its operator may allow it with "
        f"CAVIAR_WORKER_TRAINERS={function}, or you bring the code along: caviar submit --code."
    )


def _no_name(name: str, offers: Offers) -> str:
    there = ", ".join(sorted(offers.names)[:10]) or "none"
    return (
        f"This worker does not offer the trainer {name!r}; it offers: {there}. A trainer is an entry point of the "
        "group caviar.trainers of a package that is installed there, CAVIAR_WORKER_TRAINERS says which of them count."
    )
