"""Starts a process of the worker out of the sight of trials: ``python -m caviar_worker.hidden MODULE ARGUMENT...``.

A trial may be the same user's, and a process' environment can be read by its user from the moment that it starts. So
what is secret comes in over standard input, a socket, which nobody can open anew, once the process is hidden.
"""

from __future__ import annotations

import json
import os
import runpy
import socket
import sys

from caviar_worker.user import hide


def command(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", __name__, module, *arguments]


def main() -> None:
    """Hide, take over the environment, become the module."""
    hide()
    with socket.socket(fileno=os.dup(0)) as giver:
        pieces = []
        while piece := giver.recv(65_536):
            pieces.append(piece)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.environ.update(json.loads(b"".join(pieces)))
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
