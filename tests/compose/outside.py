"""What another machine sees: asked from a container that is in none of the deployment's networks."""

from __future__ import annotations

import json

from tests.support.stack import docker

SCAN = """
import asyncio, json, sys
host, ports = sys.argv[1], [int(port) for port in sys.argv[2].split(",")] if sys.argv[2] else range(1, 65536)

async def knock(port, turn, found):
    async with turn:
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 3)
        except (OSError, asyncio.TimeoutError):
            return
        found.append(port)
        writer.close()

async def main():
    turn, found = asyncio.Semaphore(400), []
    await asyncio.gather(*(knock(port, turn, found) for port in ports))
    print(json.dumps(sorted(found)))

asyncio.run(main())
"""


def this_machine() -> str:
    """The address of this machine as containers of the engine's default network see it."""
    form = "{{(index .IPAM.Config 0).Gateway}}"
    return docker("network", "inspect", "bridge", "--format", form).stdout.strip()


def listening(host: str = "", ports: tuple[int, ...] = ()) -> set[int]:
    """Which of ``ports`` (all 65,535) take a connection at ``host`` (this machine)."""
    words = ("run", "--rm", "--network", "bridge", "caviar-service", "python", "-c", SCAN)
    done = docker(*words, host or this_machine(), ",".join(map(str, ports)))
    return set(json.loads(done.stdout))
