"""Whether a server answers."""

from __future__ import annotations

import threading

import httpx2

POLL_S = 0.3


def wait_until_up(uri: str, stop: threading.Event) -> bool:
    """Wait until the MLflow server at ``uri`` answers its health route. False where ``stop`` came first.

    What is no HTTP server (a database's address) counts as up.
    """
    if not uri.startswith(("http://", "https://")):
        return True
    while not stop.is_set():
        try:
            if httpx2.get(f"{uri}/health", timeout=5).status_code < 500:
                return True
        except httpx2.HTTPError:
            pass
        stop.wait(POLL_S)
    return False
