"""A worker takes no ticket before the scheduler serves its version: one that it may not claim would only be held up."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from caviar_worker.scheduler import Away, Refused, Scheduler, TokenRefused, WrongProtocol

log = logging.getLogger("caviar.worker")

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 0.25
REFUSED_PAUSE_S = 5.0
"""Between two questions to a scheduler that does not serve this worker: somebody has to upgrade one of them."""
LOOK_S = 0.2
SAID_EVERY_S = 300.0


def wait_until_welcome(scheduler: Scheduler, closing: Callable[[], bool]) -> bool:
    """Wait for as long as it takes. False where the host shuts down before."""
    pause, said = FIRST_PAUSE_S, -SAID_EVERY_S
    while not closing():
        try:
            scheduler.welcome()
            return True
        except (WrongProtocol, Refused) as error:
            if time.monotonic() - said >= SAID_EVERY_S:
                said = time.monotonic()
                log.error("No ticket is taken. %s", error)
            wait = REFUSED_PAUSE_S
        except TokenRefused:  # which is in the log by now
            wait = REFUSED_PAUSE_S
        except Away:  # the agent says so
            wait = pause
            pause = min(LONGEST_PAUSE_S, pause * 2)
        until = time.monotonic() + wait
        while not closing() and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, LOOK_S))
    return False
