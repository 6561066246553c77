"""`caviar workers drain` and `resume`: a host without work, so that its machine can be taken away."""

from __future__ import annotations

import time

import click
from rich.text import Text

from caviar.cli.reading import console, print_json
from caviar.cli.views.parts import clean
from caviar.cli.views.tables import count
from caviar.client.connection import Client, find_service
from caviar.contract.views import DrainedHost, TrustedHost, WorkerView
from caviar.errors import CaviarError, ServiceError

POLL_S = 1.0
ABSENT_S = 60.0
"""So long a host, or the service, may not be heard of while somebody waits: the service may be starting again."""


def drain(host: str, now: bool, wait: bool, as_json: bool) -> int:
    with Client(find_service()) as client:
        known = client.drain(DrainedHost(host=host, now=now))
        if wait:
            known = _wait(client, host)
    if as_json:
        print_json(known)
    else:
        what = _left(next((each for each in known if each.host == host), None))
        console().print(
            Text(f"{clean(host)} gets no more work, {what}. `caviar workers resume` ends that.")
        )
    return 0


def resume(host: str, as_json: bool) -> int:
    with Client(find_service()) as client:
        known = client.resume_host(TrustedHost(host=host))
    if as_json:
        print_json(known)
    else:
        console().print(Text(f"{clean(host)} gets work again."))
    return 0


def _left(worker: WorkerView | None) -> str:
    """What is still on the host."""
    if worker is None:
        return "and does not call"
    if not worker.running and not worker.unshipped:
        return "and nothing is left there"
    run = f"{count(worker.running, 'trial')} still run{'s' if worker.running == 1 else ''} there"
    waits = f"results of {count(worker.unshipped, 'trial')} are on their way to MLflow"
    return "; ".join([run] * bool(worker.running) + [waits] * bool(worker.unshipped))


def _wait(client: Client, host: str) -> list[WorkerView]:
    """Until nothing of the host's is on the host alone. Raises CaviarError where it is not heard of meanwhile."""
    said = ""
    last: WorkerView | None = None
    heard = time.monotonic()
    while True:
        try:
            known = client.workers()
        except ServiceError:
            known = []
        worker = next((each for each in known if each.host == host), None)
        if worker is not None:
            last, heard = worker, time.monotonic()
            if worker.drained_since is None:
                raise CaviarError(f"Somebody gave {host} work again.")
            if not worker.running and not worker.unshipped:
                return known
            if (left := _left(worker)) != said:
                said = left
                click.echo(f"{clean(host)}: {left}.", err=True)
        elif time.monotonic() - heard > ABSENT_S:
            raise CaviarError(f"{host} does not call any more. When it did: {_left(last)}.")
        time.sleep(POLL_S)
