"""The Celery queue, from the scheduler's side: it puts tickets there and reads nothing back."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterable

from celery import Celery
from kombu.exceptions import OperationalError

from caviar.contract.messages import Ticket
from caviar.contract.names import TASK_TRIAL
from caviar.errors import ServiceError

log = logging.getLogger("caviar.scheduler")

ANSWERS_S = 5


def ask_broker(broker_url: str) -> None:
    """Raises ServiceError where the broker does not answer."""
    with Celery("caviar", broker=broker_url, set_as_current=False).connection_for_read() as asked:
        try:
            asked.transport_options = {"socket_connect_timeout": 2, "socket_timeout": 5}
            asked.ensure_connection(max_retries=1, interval_start=0, timeout=ANSWERS_S)
        except (OperationalError, OSError) as error:
            raise ServiceError(f"the broker does not answer ({type(error).__name__})") from error


def ticket_sender(broker_url: str) -> Callable[[Ticket, str], None]:
    """A function that puts a ticket on a named queue, and raises ServiceError while the broker is away.

    The transport is loaded here, not with the first ticket.
    """
    importlib.import_module("kombu.transport.redis")
    app = Celery("caviar", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        task_ignore_result=True,
        task_create_missing_queues=True,
        broker_connection_timeout=2,
        broker_transport_options={"socket_connect_timeout": 2, "socket_timeout": 5},
    )

    def send(ticket: Ticket, queue: str) -> None:
        try:
            app.send_task(
                TASK_TRIAL,
                args=[ticket.model_dump(mode="json")],
                queue=queue,
                retry=False,
                ignore_result=True,
            )
        except (OperationalError, OSError) as error:
            raise ServiceError(f"the broker does not answer ({type(error).__name__})") from error

    return send


def drop_tickets(broker_url: str, queues: Iterable[str]) -> None:
    """Empty the queues. A scheduler that starts sends every ticket again that is still wanted: without this they would
    pile up with each start while no worker takes them. Where the broker is away there is nothing to empty yet."""
    queues = list(queues)
    if not queues:
        return
    app = Celery("caviar", broker=broker_url, set_as_current=False)
    app.conf.update(
        broker_connection_timeout=2,
        broker_transport_options={"socket_connect_timeout": 2, "socket_timeout": 5},
    )
    with app.connection_for_write() as connection:
        away = (OperationalError, OSError, *connection.recoverable_connection_errors)
        try:
            with connection.channel() as channel:
                for queue in queues:
                    channel.queue_purge(queue)
        except away as error:
            log.warning("Old tickets could not be dropped: %s.", error)
