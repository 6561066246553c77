"""A slot's request for a checkpoint that another host has copied, before a later attempt trains."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from caviar_worker.folders import AttemptFolder

log = logging.getLogger("caviar.worker")

FIND_PATIENCE_S = 120.0
"""Until the store has said what it has. Long: what it has may have taken hours to train."""
FETCH_PATIENCE_S = 900.0
"""Until a checkpoint that it has is here."""
_POLL_S = 0.1


def fetch(folder: AttemptFolder, give_up: Callable[[], bool]) -> None:
    """Wait until the newest checkpoint is here, wherever it was saved.

    Never for ever: when the store is away, training goes on from what this host has, or from the start.
    """
    folder.fetch_request.touch()
    begun = time.monotonic()
    while not give_up():
        if folder.fetch_answer.exists():
            return
        waited = time.monotonic() - begun
        found = folder.fetch_found.exists()
        if waited > (FETCH_PATIENCE_S if found else FIND_PATIENCE_S):
            what = "has not delivered the checkpoint" if found else "has not answered"
            log.warning(
                "%s: the store of checkpoints %s in %.0f s. It trains from what is on this host, or from the start.",
                *(folder.path.name, what, waited),
            )
            folder.fetch_request.unlink(missing_ok=True)
            return
        time.sleep(_POLL_S)
