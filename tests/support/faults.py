"""Faults drawn from one seed: what is killed, and when. Each is written down, so that a run can be repeated."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

from tests.support.team import Team

SERVERS = ("redis", "mlflow", "scheduler", "refiner")
OF_A_HOST = ("trial", "zygote", "forkserver", "slot", "celery", "shipper", "agent", "host")
KINDS = (*SERVERS, *OF_A_HOST)


def roles(team: Team, host: str) -> dict[str, list[psutil.Process]]:
    """The processes of a worker host by what they are: forks share a command line, their parents tell them apart."""
    agent = team.parts[host].process
    found: dict[str, list[psutil.Process]] = {kind: [] for kind in OF_A_HOST}
    if agent is None or agent.poll() is not None:
        return found
    with suppress(psutil.Error):
        found["agent"] = found["host"] = [psutil.Process(agent.pid)]
        for child in found["agent"][0].children():
            line = " ".join(child.cmdline())
            if "forkserver" in line:
                found["forkserver"] = [child]
                found["zygote"] = child.children()
            elif "celery_main" in line:
                found["celery"] = [child]
                found["slot"] = child.children()
            elif "shipper" in line:
                found["shipper"] = [child]
    for zygote in found["zygote"]:
        with suppress(psutil.Error):
            found["trial"] += zygote.children()
    return found


def _say_nothing(_line: str) -> None: ...


@dataclass
class Faults:
    """``strike`` does the next one of ``kinds``; ``log`` has a line for each, with the seconds since the start."""

    team: Team
    seed: int
    kinds: tuple[str, ...] = KINDS
    say: Callable[[str], None] = _say_nothing
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._begun = time.monotonic()

    def shuffled(self, kinds: tuple[str, ...]) -> list[str]:
        return self._random.sample(kinds, len(kinds))

    def strike(self, kind: str | None = None) -> str | None:
        """What was killed; None where there was nothing to kill: no trial ran just then, say."""
        kind = kind or self._random.choice(self.kinds)
        host = self._random.choice(self.team.hosts)
        which = self._random.random()
        if kind in SERVERS:
            self._note(kind)
            self.team.kill(kind)
            return kind
        if kind == "host":
            self._note(f"all of {host}")
            self.team.down(host)
            self.team.up(host)
            return kind
        victims = roles(self.team, host)[kind]
        if not victims:
            return None
        victim = victims[int(which * len(victims))]
        self._note(f"{kind} {victim.pid} of {host}")
        with suppress(psutil.Error):
            victim.kill()
        return kind

    def _note(self, what: str) -> None:
        self.log.append(f"{time.monotonic() - self._begun:7.2f} s  kill -9 of {what}")
        self.say(self.log[-1])
