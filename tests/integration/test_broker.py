"""Workers come to Redis through the service: what a line carries, what it refuses, and when it ends."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import redis
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from caviar.adapters.queue import ticket_sender
from caviar.adapters.redis_door import COMMANDS, USER, Door
from caviar.api import broker as broker_module
from caviar.contract.messages import Ticket
from caviar.contract.names import queue_name
from tests.support import wait_until
from tests.support.broker import PASSWORD, Line, address, line, packed
from tests.support.real_api import WORKER_TOKEN, Serving, serving
from tests.support.servers import RedisServer, running_redis

pytestmark = pytest.mark.real
TICKET = Ticket(trial="a-0", study="a", number=0, attempt=1, params={"x": 0.5})


@pytest.fixture
def guarded(short_path: Path) -> Iterator[RedisServer]:
    """A Redis that wants a password, as a team's does."""
    with running_redis(short_path, PASSWORD) as server:
        yield server


@pytest.fixture
def service(tmp_path: Path, guarded: RedisServer) -> Iterator[Serving]:
    with serving(tmp_path, broker=guarded.url) as service:
        yield service


@pytest.fixture
def worker(service: Serving) -> Iterator[Line]:
    with line(service.url, WORKER_TOKEN) as worker:
        yield worker


@pytest.fixture
def operator(guarded: RedisServer) -> Iterator[redis.Redis]:
    """Who administers Redis: sees all of it."""
    with redis.Redis(unix_socket_path=str(guarded.socket), password=PASSWORD) as client:
        yield client


def refused(url: str, token: str | None) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as caught, line(url, token):
        pass
    answer = caught.value.response
    return answer.status_code, str(json.loads(bytes(answer.body or b""))["detail"])


def ended(worker: Line, within: float) -> tuple[int, str]:
    """The code and the reason with which the service ends the line, in so many seconds."""
    deadline = time.monotonic() + within
    try:
        while True:
            worker.connection.recv(timeout=max(0.01, deadline - time.monotonic()))
    except ConnectionClosed as closed:
        return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")


def test_a_ticket_comes_through(worker: Line, guarded: RedisServer) -> None:
    """As Celery asks for it: the answer to a BRPOP that waits."""
    assert worker.ask("PING") == b"+PONG\r\n"
    worker.connection.send(packed("BRPOP", queue_name("cpu"), "10"))
    ticket_sender(guarded.url)(TICKET, queue_name("cpu"))
    answer = worker.connection.recv(timeout=60)
    assert isinstance(answer, bytes)
    assert answer.startswith(b"*2\r\n$10\r\ncaviar.cpu\r\n")
    assert b"caviar.trial" in answer


REFUSED = [
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("CONFIG", "GET", "*"),
    ("CONFIG", "SET", "requirepass", ""),
    ("KEYS", "*"),
    ("SCAN", "0"),
    ("GET", "other"),
    ("BRPOP", "other", "1"),
    ("BRPOP", "caviar.cpu", "other", "1"),
    ("BLPOP", "caviar.cpu", "1"),
    ("LRANGE", "caviar.cpu", "0", "-1"),
    ("LPUSH", "caviar.cpu", "forged"),
    ("SET", "caviar.cpu", "forged"),
    ("DEL", "caviar.cpu"),
    ("EVAL", "return redis.call('KEYS', '*')", "0"),
    ("SCRIPT", "FLUSH"),
    ("ACL", "LIST"),
    ("ACL", "WHOAMI"),
    ("ACL", "SETUSER", USER, "+@all"),
    ("SELECT", "1"),
    ("MOVE", "caviar.cpu", "1"),
    ("DEBUG", "SLEEP", "10"),
    ("MONITOR",),
    ("INFO",),
    ("CLIENT", "LIST"),
    ("CLIENT", "KILL", "TYPE", "normal"),
    ("SUBSCRIBE", "anything"),
    ("PUBLISH", "anything", "x"),
    ("MULTI",),
    ("SHUTDOWN", "NOSAVE"),
    ("REPLICAOF", "example.org", "6379"),
    ("MODULE", "LIST"),
    ("MIGRATE", "example.org", "6379", "caviar.cpu", "0", "10"),
    ("DUMP", "caviar.cpu"),
    ("COMMAND",),
]


def test_a_worker_takes_tickets_and_does_nothing_else(worker: Line, operator: redis.Redis) -> None:
    """Not read, not write, not look around: so who has a worker's token can forge no ticket."""
    operator.set("other", "secret")
    operator.lpush(queue_name("cpu"), "ticket")
    for command in REFUSED:
        assert worker.ask(*command).startswith(b"-NOPERM"), command
    assert operator.get("other") == b"secret"
    assert operator.lrange(queue_name("cpu"), 0, -1) == [b"ticket"]
    assert worker.ask("PING") == b"+PONG\r\n"


@pytest.mark.parametrize(
    "command",
    [
        ("RESET",),
        ("AUTH", "default", ""),
        ("AUTH", PASSWORD[:-1]),
        ("HELLO", "3", "AUTH", "default", "guessed"),
        ("AUTH", USER, "guessed"),
    ],
    ids=" ".join,
)
def test_nobody_becomes_another_user_of_redis(
    worker: Line, operator: redis.Redis, command: tuple[str, ...]
) -> None:
    """Redis lets anybody send these; without a password they lead nowhere."""
    operator.set("other", "secret")
    worker.ask(*command)
    assert worker.ask("GET", "other").startswith((b"-NOPERM", b"-NOAUTH"))


def test_no_password_of_redis_is_sent_to_a_worker(worker: Line, operator: redis.Redis) -> None:
    """Redis' user for workers has a password that only this process of the service knows."""
    (entry,) = [text for text in operator.acl_list() if USER in text]
    assert "nopass" not in entry
    assert {word for word in entry.split() if word[0] in "+~"} == {
        f"~{queue_name('*')}",
        *(f"+{command}" for command in COMMANDS),
    }
    assert PASSWORD.encode() not in worker.ask("HELLO", "3")


def test_only_a_workers_token_opens_a_line(service: Serving) -> None:
    """Before anything is opened: no token, a forged one, a person's, the service's own, an expired, a revoked one."""
    forged = f"cav_{'0' * 12}_{'A' * 43}"
    for token in (None, "", "guessed", forged, WORKER_TOKEN + "x"):
        assert refused(service.url, token)[0] == 401
    for role, team in (("viewer", "default"), ("admin", "default"), ("operator", None)):
        assert refused(service.url, service.token(role, team))[0] == 401  # type: ignore[arg-type]
    teams = service.access.teams
    old = service.token("worker", None, days=-1)
    assert refused(service.url, old)[1].startswith("This token expired at ")
    lost = service.token("worker", None)
    row = teams.revoke(lost.split("_")[1])
    assert row is not None
    service.access.changed(row)
    assert refused(service.url, lost)[1].startswith("This token was revoked at ")
    with line(service.url, service.token("worker", None)) as worker:
        assert worker.ask("PING") == b"+PONG\r\n"


def test_a_line_is_cut_when_its_token_is_revoked_or_expires(
    service: Serving, operator: redis.Redis
) -> None:
    """In the middle of a BRPOP, and no ticket is taken after. Other workers' lines stay."""
    lost, soon = service.token("worker", None), service.token("worker", None, days=1.5 / 86_400)
    with (
        line(service.url, lost) as first,
        line(service.url, soon) as second,
        line(service.url, WORKER_TOKEN) as third,
    ):
        for each in (first, second):
            each.connection.send(packed("BRPOP", queue_name("cpu"), "0"))
        row = service.access.teams.revoke(lost.split("_")[1])
        assert row is not None
        service.access.changed(row)
        assert ended(first, 30) == (1008, "the token does not hold any more")
        assert ended(second, 30)[0] == 1008
        wait_until(lambda: len(operator.client_list(_type="normal")) == 2, 30, "Redis knows it")
        operator.lpush(queue_name("cpu"), "ticket")
        assert operator.llen(queue_name("cpu")) == 1
        assert third.ask("PING") == b"+PONG\r\n"


def test_a_redis_without_a_password_is_no_door(tmp_path: Path, redis_server: RedisServer) -> None:
    """A worker could become the user that may do everything: refused, with what to do."""
    with serving(tmp_path, broker=redis_server.url) as service:
        status, detail = refused(service.url, WORKER_TOKEN)
        assert status == 503
        assert "lets its user default in without a password" in detail
        assert "requirepass" in detail


def test_a_redis_that_does_not_know_acl_is_named(short_path: Path, tmp_path: Path) -> None:
    """The words are Redis' own, with the way out. (Of an old Redis: here the command is renamed.)"""
    server = RedisServer(short_path, password=PASSWORD, more=("--rename-command", "ACL", ""))
    server.start()
    try:
        with serving(tmp_path, broker=server.url) as service:
            status, detail = refused(service.url, WORKER_TOKEN)
            assert status == 503
            assert "Redis 6 or later" in detail
            assert "CAVIAR_BROKER_URL of their own" in detail
    finally:
        server.kill()


def test_a_line_needs_no_care_when_redis_was_away(service: Serving, guarded: RedisServer) -> None:
    """Cut when Redis dies, refused while it is away, and open again with a Redis that has forgotten everything."""
    with line(service.url, WORKER_TOKEN) as worker:
        worker.ask("PING")
        guarded.kill()
        assert ended(worker, 30) == (1013, "the broker went away")
    assert refused(service.url, WORKER_TOKEN)[0] == 503
    guarded.start()
    with line(service.url, WORKER_TOKEN) as worker:
        assert worker.ask("PING") == b"+PONG\r\n"


def test_the_database_of_the_address_is_the_workers(
    tmp_path: Path, guarded: RedisServer, operator: redis.Redis
) -> None:
    """They cannot choose another one."""
    with serving(tmp_path, broker=f"{guarded.url}?virtual_host=3") as service:
        operator.lpush(queue_name("cpu"), "of database 0")
        with redis.Redis(unix_socket_path=str(guarded.socket), password=PASSWORD, db=3) as third:
            third.lpush(queue_name("cpu"), "of database 3")
        with line(service.url, WORKER_TOKEN) as worker:
            assert b"of database 3" in worker.ask("BRPOP", queue_name("cpu"), "1")
            assert worker.ask("SELECT", "0").startswith(b"-NOPERM")


def test_what_is_no_command_ends_the_line(service: Serving, operator: redis.Redis) -> None:
    """Text, a message that is too large, bytes that mean nothing, one command without an end."""
    with line(service.url, WORKER_TOKEN) as worker:
        worker.connection.send("PING")
        assert ended(worker, 30)[0] == 1003
    with line(service.url, WORKER_TOKEN) as worker:
        worker.connection.send(b"x" * 100_000)
        assert ended(worker, 30)[0] == 1009
    with line(service.url, WORKER_TOKEN) as worker:
        worker.connection.send(b"*1\r\n$-7\r\n\xff\xfe\r\n")
        assert worker.connection.recv(timeout=60) == b"-ERR Protocol error: invalid bulk length\r\n"
        assert ended(worker, 30)[0] == 1013
    with line(service.url, WORKER_TOKEN) as worker:
        before = operator.info("memory")["used_memory"]
        worker.connection.send(b"*2\r\n$4\r\nPING\r\n$500000000\r\n")
        with suppress(ConnectionClosed):
            for _ in range(1000):
                worker.connection.send(b"x" * 30_000)
        assert ended(worker, 30) == (1008, "too much was sent without waiting for an answer")
        assert operator.info("memory")["used_memory"] - before < 2_000_000


def test_who_does_not_read_is_not_answered_into_memory(
    service: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Questions and pings without an end, none of whose answers are taken: the service stops reading, then lets go."""
    monkeypatch.setattr(broker_module, "STALLED_S", 1.0)
    host, _, port = service.url.removeprefix("http://").partition(":")
    process = psutil.Process()
    with socket.create_connection((host, int(port))) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.sendall(
            f"GET {address(service.url).partition(port)[2]} HTTP/1.1\r\nHost: localhost\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Authorization: Bearer {WORKER_TOKEN}\r\n\r\n".encode()
        )
        assert raw.recv(1000).startswith(b"HTTP/1.1 101")
        question = b"HELLO\r\n" * 17
        frame = b"\x82" + bytes([0x80 | len(question)]) + bytes(4) + question
        ping = b"\x89" + bytes([0x80 | 125]) + bytes(4) + b"p" * 125
        before = process.memory_info().rss
        raw.settimeout(0.5)
        sent = 0
        with suppress(OSError):  # nobody takes more, or it is cut
            while sent < 500_000_000:
                sent += raw.send((frame + ping) * 100)
        assert sent < 20_000_000
        assert process.memory_info().rss - before < 20_000_000
        assert service.lines is not None
        wait_until(lambda: len(service.lines or ()) == 0, 60, "it is let go")


def test_many_lines_that_idle_cost_no_thread(service: Serving, operator: redis.Redis) -> None:
    """200 of them, from one worker: each can still be used, and when they leave nothing of them stays."""
    threads = threading.active_count()

    async def many() -> None:
        headers = {"Authorization": f"Bearer {WORKER_TOKEN}"}
        lines = [
            await connect(
                address(service.url), additional_headers=headers, compression=None, proxy=None
            )
            for _ in range(200)
        ]
        assert service.lines is not None
        assert len(service.lines) == 200
        assert threading.active_count() <= threads + 2
        for each in lines:
            await each.send(packed("PING"))
        for each in lines:
            assert await asyncio.wait_for(each.recv(), 10) == b"+PONG\r\n"
        await asyncio.gather(*(each.close() for each in lines))

    asyncio.run(many())
    wait_until(lambda: len(service.lines or ()) == 0, 60, "all have left")
    wait_until(lambda: len(operator.client_list(_type="normal")) == 1, 60, "Redis knows it")


def test_a_token_has_so_many_lines(service: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a stolen one does not take the places of all."""
    monkeypatch.setattr(broker_module, "A_TOKEN", 2)
    own = service.token("worker", None)
    with line(service.url, own), line(service.url, own) as second:
        assert refused(service.url, own)[0] == 429
        with line(service.url, WORKER_TOKEN) as other:
            assert other.ask("PING") == b"+PONG\r\n"
        second.connection.close()
        wait_until(lambda: len(service.lines or ()) == 1, 60, "it has left")
        with line(service.url, own) as third:
            assert third.ask("PING") == b"+PONG\r\n"


def test_lines_end_with_the_service(tmp_path: Path, guarded: RedisServer) -> None:
    """At once: workers come back to the next one."""
    with serving(tmp_path, broker=guarded.url) as service:
        opened = line(service.url, WORKER_TOKEN)
        worker = opened.__enter__()
        worker.connection.send(packed("BRPOP", queue_name("cpu"), "0"))
    assert ended(worker, 30)[0] == 1012
    opened.__exit__(None, None, None)


def test_the_user_of_redis_is_set_up_again_and_again(
    guarded: RedisServer, operator: redis.Redis
) -> None:
    """With each connection: those that are open stay, and a service that starts anew locks the former one's out."""

    async def twice() -> None:
        door = Door(guarded.url)
        reader, writer = await door.open()
        await door.check()
        writer.write(packed("PING"))
        assert await reader.readline() == b"+PONG\r\n"
        await Door(guarded.url).check()  # the next service: another password
        operator.execute_command("ACL", "DELUSER", USER)
        assert await reader.read() == b""
        writer.transport.abort()
        await door.check()

    asyncio.run(twice())
