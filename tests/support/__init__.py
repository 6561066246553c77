"""What tests of real processes share: waiting, servers, a scheduler's side, a worker host."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def wait_until(predicate: Callable[[], Found], deadline: float = 60.0, why: str = "") -> Found:
    """Poll until ``predicate`` gives something true, and return it; fail after ``deadline`` seconds.

    The deadline is only for what never comes: it is generous, so that a slow machine passes.
    """
    end = time.monotonic() + deadline
    while True:
        found = predicate()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"Waited {deadline:g} s in vain: {why or predicate}")
        time.sleep(0.02)
