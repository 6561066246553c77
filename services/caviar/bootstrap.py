"""The only wiring: settings in, running processes out."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from pydantic import SecretStr
from sqlalchemy import Engine

from caviar import settings as settings_module
from caviar.adapters.sql import Store, Teams, Webhooks, migrate, open_engine
from caviar.contract.gateway import MLFLOW, SERVICE
from caviar.contract.upkeep import Finding, Rebuilt
from caviar.errors import InputError, Problem, ServiceError
from caviar.refinement.refiner import Recorded
from caviar.secrets import with_files
from caviar.settings import Settings
from caviar.upkeep.facts import Answer, Question

if TYPE_CHECKING:
    from fastapi import FastAPI

    from caviar.api.access import Access
    from caviar.api.upkeep import Examine
    from caviar.scheduler import Scheduler

log = logging.getLogger("caviar")

DOCTOR_S = 900.0
"""The doctor reads every run of every study: one to two minutes for 50,000."""
FILES = 10_240
"""Descriptors of the scheduler: as many as macOS allows a process."""


def configure_logging() -> None:
    """One line an event, to stderr; the levels of chatty libraries are turned down."""
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for name in ("httpx2", "urllib3", "alembic", "mlflow", "matplotlib"):
        logging.getLogger(name).setLevel(logging.WARNING)


def secret_of(setting: SecretStr | None) -> str | None:
    return setting.get_secret_value() if setting is not None else None


def be_the_service(settings: Settings) -> None:
    """What MLflow's client shows in this process, where MLflow authorizes: it reads it from the environment alone."""
    secret = secret_of(settings.mlflow_secret)
    if secret is not None:
        os.environ |= {"MLFLOW_TRACKING_USERNAME": SERVICE, "MLFLOW_TRACKING_PASSWORD": secret}


def run_mlflow() -> None:
    """Become MLflow's server behind the gateway."""
    settings = settings_module.read(settings_module.MlflowSettings)
    from caviar.adapters.mlflow_server import become

    become(settings)


def open_migrated(database_url: str) -> Engine:
    engine = open_engine(database_url)
    migrate(engine)
    return engine


def open_store(settings: Settings) -> Store:
    return Store(open_migrated(settings.database_url))


def run_migrate(restored: bool = False) -> None:
    """Bring the service's database up to date, and MLflow's where CAVIAR_MLFLOW_DATABASE_URL names it; then end.

    ``restored``: it is that of a backup, and is kept apart from what workers have of the time after it.

    Raises:
        InputError: CAVIAR_DATABASE_URL is not set, or a secret's file is wrong.
    """
    configure_logging()
    names = ("CAVIAR_DATABASE_URL", "CAVIAR_MLFLOW_DATABASE_URL")
    given = with_files(os.environ, names)
    service, mlflow = (given.get(name) for name in names)
    if not service:
        raise InputError(Problem((names[0],), "is not set", "See docs/reference/settings.md."))
    engine = open_migrated(service)
    if restored:
        from caviar.adapters.sql.restoring import came_back

        with engine.begin() as connection:
            studies, trials = came_back(connection, time.time())
        log.info("%d studies go on, %d of their trials from the queue", studies, trials)
    engine.dispose()
    if mlflow:
        from mlflow.db import upgrade

        # `mlflow db upgrade`, which its documentation says to run, with no address in the process list.
        upgrade.callback(mlflow)


def run_scheduler() -> None:
    """The scheduler and its API, until SIGTERM."""
    configure_logging()
    settings = settings_module.from_environment()
    from caviar.adapters.queue import drop_tickets, ticket_sender
    from caviar.api.access import Access
    from caviar.api.origin import LOOPBACK_NAMES, is_loopback
    from caviar.api.rates import Rates
    from caviar.api.serving import server
    from caviar.api.sessions import Origin
    from caviar.api.threads import keep_to_one_core, switch_soon
    from caviar.panda.duty import Duty
    from caviar.recheck.duty import Duty as Rechecks
    from caviar.scheduler import Scheduler
    from caviar.scheduler.loop import Loop

    if not settings.drawn:  # on a laptop few ask, and trainings leave no core to choose
        keep_to_one_core()
    listeners = [socket.socket(fileno=number) for number in settings.sockets]
    addresses = [str(each.getsockname()[0]) for each in listeners] or [settings.bind]
    engine = open_migrated(settings.database_url)
    teams = Teams(engine)
    if settings.drawn:
        refuse_open(addresses, teams)
    store = Store(engine)
    scheduler = Scheduler(
        store,
        ticket_sender(settings.broker_url),
        teams=teams.all,
        lease_s=settings.lease_s,
        claim_s=settings.claim_s,
        local=settings.local,
        pages=settings.pages,
    )
    drop_tickets(settings.broker_url, scheduler.queues())
    if settings.start_paused:
        scheduler.pause_all()
    access = Access(
        teams,
        settings.token.get_secret_value(),
        settings.worker_token.get_secret_value(),
        Rates(settings.rate, settings.wrong_tokens),
        Origin(settings.public_url),
    )
    alone = all(map(is_loopback, addresses))
    hosts = {*settings.hosts, *LOOPBACK_NAMES} if alone or settings.hosts else ()
    app = wired(settings, engine, scheduler, access, hosts, _ask_doctor)
    switch_soon()
    loop, nurse = Loop(scheduler, app.state.metrics.ticks.observe), Duty(Store(engine), scheduler)
    rechecks = Rechecks(Store(engine), scheduler, local=settings.local)
    for part in (loop, nurse, rechecks):
        part.start()
    if not settings.drawn:  # the embedded service's own workers reach its Redis themselves
        tell_of_door(settings)
    allow_files()
    api = server(app, host=settings.bind, port=settings.port, proxies=settings.proxies)
    api.run(sockets=listeners or None)
    for part in (rechecks, nurse, loop):
        part.stop()


def wired(
    settings: Settings,
    engine: Engine,
    scheduler: Scheduler,
    access: Access,
    hosts: Collection[str],
    ask_doctor: Examine,
) -> FastAPI:
    """The application with every route that the service has: what the tests of who may do what walk."""
    from caviar.adapters.queue import ask_broker
    from caviar.adapters.redis_door import Door
    from caviar.api import create_app
    from caviar.api.broker import Lines, broker_route
    from caviar.api.upkeep import doctor_routes
    from caviar.api.webhooks import webhook_routes
    from caviar.web import add_pages
    from caviar.webhooks import Allowed

    store = Store(engine)
    app = create_app(
        store,
        scheduler,
        access,
        mlflow_uri=f"{settings.public_url}{MLFLOW}" if settings.public_url else settings.mlflow_uri,
        hosts=hosts,
        ask_broker=lambda: ask_broker(settings.broker_url),
        metrics_token=secret_of(settings.metrics_token),
    )
    lines = Lines(Door(settings.broker_url), access)
    app.router.routes.append(broker_route(lines))
    app.state.metrics.lines.set_function(lambda: len(lines))
    app.include_router(doctor_routes(scheduler, ask_doctor))
    app.include_router(webhook_routes(Webhooks(engine), Allowed.parse(settings.webhook_allow)))
    add_pages(app)
    return app


def tell_of_door(settings: Settings) -> None:
    """Set up the user of Redis that workers are, and say where that cannot be: the service goes on without."""
    import asyncio

    from caviar.adapters.redis_door import Door, NoDoor

    log = logging.getLogger("caviar.broker")
    try:
        asyncio.run(Door(settings.broker_url).check())
    except NoDoor as error:
        log.warning("Workers cannot come to Redis through the service. %s", error)
    except ServiceError as error:
        log.warning("Redis is away: %s.", error)


def allow_files() -> None:
    """A worker's line to the broker takes two descriptors: the usual 1,024 would be 500 of them."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def refuse_open(addresses: Sequence[str], teams: Teams) -> None:
    """A service whose own tokens are drawn at each start listens elsewhere only where somebody has a token to come in.

    Nobody elsewhere can know the drawn ones, so whoever listens without another has not thought of who may come in.

    Raises:
        InputError: an address is not loopback, and no token of a person holds.
    """
    from caviar.api.origin import is_loopback

    elsewhere = [address for address in addresses if not is_loopback(address)]
    if elsewhere and not teams.has_person():
        raise InputError(
            Problem(
                ("--bind",),
                f"{elsewhere[0]} can be reached from other machines, and nobody has a token yet",
                "Make one while the service runs on this machine alone: `caviar up`, and in another terminal "
                "`caviar token create NAME --role operator`.",
            )
        )


def refuse_open_store(database_url: str, addresses: Sequence[str]) -> None:
    """The same of a store that may be older than tokens, before anything has started."""
    engine = open_migrated(database_url)
    try:
        refuse_open(addresses, Teams(engine))
    finally:
        engine.dispose()


def run_refiner() -> None:
    """The refinement job, until SIGTERM."""
    configure_logging()
    settings = settings_module.from_environment()
    from caviar.refinement import Refiner

    stop = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    from caviar.webhooks import Allowed, Courier

    engine = open_migrated(settings.database_url)
    store = Store(engine)
    courier = Courier(store, Teams(engine), Webhooks(engine), Allowed.parse(settings.webhook_allow))
    threading.Thread(target=courier.run, args=(stop,), name="courier", daemon=True).start()
    recorded: dict[str, Recorded] = {}
    wanted = (store, Teams(engine), settings, recorded, stop)
    keeper = threading.Thread(target=_keep, args=wanted, daemon=True)
    keeper.start()
    alive = settings.refiner_alive
    Refiner(store, recorded.get).run(stop, Path(alive).touch if alive else lambda: None)


def _ask_doctor(question: Question) -> tuple[Finding, ...]:
    """Start the doctor's process and wait for what it says."""
    import subprocess

    command = [sys.executable, "-c", "from caviar.bootstrap import run_doctor; run_doctor()"]
    try:
        done = subprocess.run(
            command,
            input=question.model_dump_json().encode(),
            stdout=subprocess.PIPE,
            timeout=DOCTOR_S,
            check=True,
        )
        return Answer.model_validate_json(done.stdout).findings
    except subprocess.TimeoutExpired:
        raise ServiceError(f"the doctor was not done after {DOCTOR_S:g} s") from None
    except (subprocess.CalledProcessError, ValueError) as error:
        raise ServiceError("the doctor failed: see the scheduler's log") from error


def run_doctor() -> None:
    """The doctor: a Question on standard input, an Answer on standard output."""
    from caviar.api.threads import use_all_cores

    configure_logging()
    use_all_cores()
    settings = settings_module.from_environment()
    question = Question.model_validate_json(sys.stdin.buffer.read())
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    be_the_service(settings)
    from caviar.adapters.mlflow_books import Books
    from caviar.adapters.queue import ask_broker
    from caviar.upkeep.doctor import examine

    findings = examine(
        open_store(settings),
        Books(settings.mlflow_uri),
        lambda: ask_broker(settings.broker_url),
        question.facts,
        mend=question.mend,
        now=time.time(),
    )
    sys.stdout.write(Answer(findings=tuple(findings)).model_dump_json())


def rebuild_store(
    database_url: str, mlflow_uri: str, *, missing: bool, tell: Callable[[str], None]
) -> Rebuilt:
    """Write the store again from MLflow: see :mod:`caviar.upkeep.rebuild`."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    from caviar.adapters.mlflow_books import Books
    from caviar.upkeep.rebuild import rebuild

    engine = open_engine(database_url)
    try:
        migrate(engine)
        return rebuild(engine, Books(mlflow_uri), missing=missing, tell=tell)
    finally:
        engine.dispose()


def _keep(
    store: Store,
    teams: Teams,
    settings: Settings,
    recorded: dict[str, Recorded],
    stop: threading.Event,
) -> None:
    """The thread that talks to MLflow. Its client takes two seconds to import: the first round is not kept waiting.

    On Linux niceness is a thread's own: rounds are worth a core, their pictures are not.
    """
    if sys.platform == "linux":
        os.nice(5)
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    be_the_service(settings)
    from caviar.adapters.health import wait_until_up

    if wait_until_up(settings.mlflow_uri, stop):
        from caviar.adapters.mlflow import Record
        from caviar.recheck.recording import Recording
        from caviar.refinement.keeper import Keeper

        secret = secret_of(settings.mlflow_secret)
        granting, recording = None, Recording(store, Record(settings.mlflow_uri))
        if secret is not None:
            from caviar.adapters.mlflow_grants import Grants
            from caviar.refinement.granting import Granting

            grants = Grants(settings.mlflow_uri, secret)
            granting = Granting(store, teams.all, grants)
            recording = Recording(store, Record(settings.mlflow_uri), grants.see_to_model)
        # Beside the books: a check's picture waits for no study's, nor they for it.
        threading.Thread(target=recording.run, args=(stop,), name="champions", daemon=True).start()
        keeper = Keeper(store, Record(settings.mlflow_uri), recorded, granting, settings.pages)
        keeper.run(stop)
