"""The Celery worker of a host: one child a slot, one task."""

from __future__ import annotations

import os
import sys
from typing import Any

from celery import Celery
from celery.signals import worker_process_init
from kombu import Exchange, Queue

from caviar.contract.names import TASK_TRIAL, queue_name
from caviar_worker.processes import die_with_parent
from caviar_worker.reporting import Outbox
from caviar_worker.scheduler import Scheduler
from caviar_worker.settings import WorkerSettings
from caviar_worker.slot import Slot, run_ticket

_slot: Slot | None = None
"""This child's, made when the pool forks it: a connection is not shared between processes."""


def make_app(broker: str) -> Celery:
    """A Celery application that only carries tickets; why so is in docs/adr/0004-worker-processes.md."""
    app = Celery("caviar_worker", broker=broker)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_acks_late=False,
        task_create_missing_queues=True,
        worker_prefetch_multiplier=1,
        # A slot takes a ticket only when it is free: none waits behind a long trial.
        worker_disable_prefetch=True,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=True,
        worker_redirect_stdouts=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_retry=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,
        broker_transport_options={
            "socket_keepalive": True,
            "health_check_interval": 30,
            # Nothing waits to be acknowledged, so nothing is looked for that could be given back.
            "ack_emulation": False,
        },
    )

    @app.task(name=TASK_TRIAL, ignore_result=True)  # type: ignore[untyped-decorator]
    def trial(*arguments: Any, **named: Any) -> None:
        """The arguments are checked here: a forged message must not reach Celery's own check."""
        assert _slot is not None
        run_ticket(_slot, arguments[0] if len(arguments) == 1 and not named else None)

    return app


def main() -> None:
    """Run until SIGTERM (ends its trials first) or until the agent is gone."""
    if len(sys.argv) > 1:
        die_with_parent(int(sys.argv[1]))
    settings = WorkerSettings.from_environ(os.environ)
    incarnation = os.environ["CAVIAR_WORKER_INCARNATION"]
    main_pid = os.getpid()

    def start_child(**_: Any) -> None:
        global _slot
        die_with_parent(main_pid)
        from billiard.process import current_process

        index = getattr(current_process(), "index", 0) or 0
        outbox = Outbox(Scheduler(settings.url, settings.token))
        scheduler = Scheduler(settings.url, settings.token)
        _slot = Slot(settings, scheduler, outbox, incarnation, index)

    worker_process_init.connect(start_child, weak=False)
    app = make_app(settings.broker)
    name = queue_name(settings.resource_class)
    # Nothing waits in Redis for an acknowledgement: a ticket that is lost with its slot is sent again anyway. Nor is
    # the queue declared, which only who sends needs: a worker takes tickets and may write nothing.
    app.conf.task_queues = [Queue(name, Exchange(name), name, no_ack=True, no_declare=True)]
    app.worker_main(
        [
            "--quiet",
            "worker",
            f"--hostname=caviar@{settings.host}",
            f"--concurrency={settings.slots}",
            "--pool=prefork",
            f"--queues={name}",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
            "--loglevel=WARNING",
        ]
    )
