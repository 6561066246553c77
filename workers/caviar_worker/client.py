"""Asking the fork server: run a trial, check a trainer."""

from __future__ import annotations

import select
import socket
import time
from pathlib import Path
from typing import Any

from caviar_worker.wire import Wire


class ForkServerGone(ConnectionError):
    """The connection ended: the fork server is dead. The slot kills the group that it was told."""


class Conversation:
    """One connection to the fork server; its end ends what it started."""

    def __init__(self, path: Path, *, patience_s: float) -> None:
        """Connect, waiting ``patience_s`` at most for a fork server that is being started (again).

        Raises ForkServerGone.
        """
        deadline = time.monotonic() + patience_s
        while True:
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.connect(str(path))
                break
            except OSError as error:
                sock.close()
                if time.monotonic() >= deadline:
                    raise ForkServerGone(f"No fork server answers at {path}: {error}.") from None
                time.sleep(0.02)
        self._wire = Wire(sock)
        self._waiting: list[dict[str, Any]] = []

    def ask(self, message: dict[str, Any]) -> None:
        if not self._wire.send(message):
            raise ForkServerGone("The fork server went away.")

    def answer(self, timeout_s: float) -> dict[str, Any] | None:
        """The next message; None where none came within ``timeout_s``. Raises ForkServerGone."""
        deadline = time.monotonic() + timeout_s
        while not self._waiting:
            left = deadline - time.monotonic()
            if not select.select([self._wire], [], [], max(0.0, left))[0]:
                return None
            messages = self._wire.receive()
            if messages is None:
                raise ForkServerGone("The fork server went away.")
            self._waiting += messages
        return self._waiting.pop(0)

    def close(self) -> None:
        self._wire.close()

    def __enter__(self) -> Conversation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_trainer(socket_path: Path, trainer: dict[str, Any], timeout: float) -> str | None:
    """Import the trainer as a trial would; None where it works, else what is wrong, to be shown.

    ``trainer`` is ``Trainer.model_dump()``. The import stays warm: the first trial finds it done.
    ``timeout`` is in seconds. Raises ForkServerGone where no fork server answers.
    """
    deadline = time.monotonic() + timeout
    with Conversation(socket_path, patience_s=timeout) as conversation:
        conversation.ask({"op": "check", "trainer": trainer})
        answer = conversation.answer(max(0.0, deadline - time.monotonic()))
    if answer is None:
        return f"Importing {trainer.get('function')} took longer than {timeout:g} s."
    return None if answer.get("ok") else str(answer.get("error"))
