"""The version of what service and workers say to each other, and who serves whom.

A worker states its version with every request, in the header ``Caviar-Protocol``; every message and ticket has it as
``v``. A service serves the versions from ``OLDEST`` to ``PROTOCOL`` and answers in the caller's; it is upgraded before
its workers. Whom it does not serve it refuses before anything else is looked at, and such a worker takes no ticket.

Most changes need no new version, since whoever reads a message leaves out what it does not know:

- a new field has a default that means what was before it, and whoever does not know it may go on without;
- a field that is there keeps its name, its type and its meaning.

Everything else is a new version: ``PROTOCOL`` is raised, the messages of the one before are kept in tests/contract, and
``OLDEST`` follows when no worker of that version is left.
"""

from __future__ import annotations

from typing import Final

PROTOCOL: Final = 1
"""What this side speaks."""
OLDEST: Final = 1
"""The oldest that it still understands."""
HEADER: Final = "Caviar-Protocol"
PROBLEM: Final = "urn:caviar:problem:protocol"
"""The type of the refusal."""


def understood() -> str:
    return f"version {PROTOCOL}" if OLDEST == PROTOCOL else f"versions {OLDEST} to {PROTOCOL}"


def refusal(stated: str | None) -> str | None:
    """Why the service does not serve a worker of the ``stated`` version; None where it does.

    None is the first version, which stated none.
    """
    if stated is None:
        stated = "1"
    if not (stated.isascii() and stated.isdecimal() and len(stated) < 6):
        return (
            f"{HEADER} is no version. This service speaks {understood()} of the workers' protocol."
        )
    version = int(stated)
    if OLDEST <= version <= PROTOCOL:
        return None
    way_out = (
        "Upgrade the service first, then its workers."
        if version > PROTOCOL
        else "Upgrade this worker: what it trained is kept, and told then."
    )
    return (
        f"This worker speaks version {version} of the workers' protocol, "
        f"this service {understood()}. {way_out}"
    )
