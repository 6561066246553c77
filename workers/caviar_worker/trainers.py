"""The trainers that are installed on this worker: entry points of the group ``caviar.trainers``.

[project.entry-points."caviar.trainers"]
digits-mlp = "digits:train"
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from importlib.metadata import entry_points

from caviar.contract.messages import Offers
from caviar_worker.settings import WorkerSettings

GROUP = "caviar.trainers"


@cache
def installed() -> dict[str, str]:
    """Name -> ``module:function``, as of this process' start."""
    return {point.name: point.value.replace(" ", "") for point in entry_points(group=GROUP)}


def offers(settings: WorkerSettings) -> Offers:
    """What studies may have trained here.

    Of ``settings.trainers``, patterns with a colon are for functions, those without for the names of installed ones.
    The function of an installed trainer that is allowed may be named as such, too.
    """
    names = [pattern for pattern in settings.trainers if ":" not in pattern]
    allowed = {
        name: function
        for name, function in sorted(installed().items())
        if any(fnmatchcase(name, pattern) for pattern in names)
    }
    functions = [pattern for pattern in settings.trainers if ":" in pattern]
    return Offers(
        names=tuple(allowed)[:500],
        functions=(*functions, *sorted(set(allowed.values())))[:500],
        folders=settings.allow_folders,
        commands=settings.allow_commands,
        bundles=settings.allow_bundles,
    )
