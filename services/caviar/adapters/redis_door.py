"""Redis for workers: connections of a Redis user of their own, who may take tickets and nothing else.

A worker never sees a password of Redis: the connection is made and let in here, and joined to the worker's then.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kombu.utils.url import parse_ssl_cert_reqs, url_to_parts

from caviar.contract.names import queue_name
from caviar.errors import ServiceError

USER: Final = "caviar-worker"
COMMANDS: Final = ("ping", "brpop")
"""What Celery's worker sends with the settings of ``caviar_worker.app``, beside HELLO, which Redis lets anybody send.

Whoever may only take tickets cannot forge one. ``tests/integration/test_tunnel.py`` fails where Celery needs another.
redis-py also tells its own name (CLIENT SETINFO) and goes on where it may not.
"""
KEYS: Final = queue_name("*")
OPEN_S: Final = 5.0
CHUNK: Final = 32 * 1024
"""Bytes that are read at once."""

Answer = bytes | list[Any] | None


class NoDoor(ServiceError):
    """This Redis cannot keep workers apart. Nothing gets better by itself: the message has the way out."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where Redis is, read as Celery reads it."""

    host: str
    port: int
    path: str | None
    """Of a unix socket; then host and port mean nothing."""
    user: str | None
    password: str | None
    database: int
    tls: ssl.SSLContext | None

    @classmethod
    def parse(cls, url: str) -> Address:
        """Raises NoDoor for what is no plain Redis."""
        scheme, host, port, user, password, path, query = url_to_parts(url)
        if scheme not in ("redis", "rediss", "redis+socket"):
            raise NoDoor(
                f"Workers come in through the service where CAVIAR_BROKER_URL is redis://, rediss:// or "
                f"redis+socket://; it is {scheme}://. Give workers a CAVIAR_BROKER_URL of their own."
            )
        socket = f"/{path}" if scheme == "redis+socket" else None
        database = query.get("virtual_host", "0") if socket else path or "0"
        try:
            number = int(database.strip("/") or "0")
        except ValueError:
            raise NoDoor(
                f"CAVIAR_BROKER_URL names the database {database!r}: it is a number."
            ) from None
        tls = _tls(query) if scheme == "rediss" else None
        return cls(host or "127.0.0.1", port or 6379, socket, user, password, number, tls)

    async def connect(self) -> tuple[StreamReader, StreamWriter]:
        if self.path is not None:
            return await asyncio.open_unix_connection(self.path, limit=CHUNK)
        return await asyncio.open_connection(self.host, self.port, ssl=self.tls, limit=CHUNK)

    def entry(self) -> list[Sequence[str]]:
        """The commands that make a fresh connection the service's own."""
        found: list[Sequence[str]] = []
        if self.password is not None:
            found.append(("AUTH", *((self.user,) if self.user else ()), self.password))
        if self.database:
            found.append(("SELECT", str(self.database)))
        return found


class Door:
    """Opens connections as ``USER``. The user's password is drawn for this process' life and never told.

    The user is set up with each connection, which changes nothing where it is there: a Redis that was restarted or
    wiped meanwhile needs no other care.
    """

    def __init__(self, broker_url: str) -> None:
        self._url = broker_url
        self._password = secrets.token_urlsafe(32)

    async def open(self) -> tuple[StreamReader, StreamWriter]:
        """A connection that may do what a worker may.

        Raises:
            NoDoor: Redis cannot keep workers apart.
            ServiceError: it does not answer, or not now.
        """
        address = Address.parse(self._url)
        try:
            async with asyncio.timeout(OPEN_S):
                reader, writer = await address.connect()
                try:
                    await self._enter(address, reader, writer)
                except BaseException:
                    writer.transport.abort()
                    raise
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            raise ServiceError(f"the broker does not answer ({type(error).__name__})") from error
        return reader, writer

    async def check(self) -> None:
        """Raises as ``open`` does."""
        _, writer = await self.open()
        writer.transport.abort()

    async def _enter(self, address: Address, reader: StreamReader, writer: StreamWriter) -> None:
        rules = ("reset", "on", f">{self._password}", f"~{KEYS}", *(f"+{c}" for c in COMMANDS))
        commands = [
            *address.entry(),
            ("ACL", "SETUSER", USER, *rules),
            ("ACL", "LIST"),
            ("AUTH", USER, self._password),
        ]
        writer.write(b"".join(map(_packed, commands)))
        answers = [await _answer(reader) for _ in commands]
        for command, answer in zip(commands, answers, strict=True):
            if isinstance(answer, _Refusal):
                raise _refused(command[0], answer.text)
            if command == ("ACL", "LIST") and isinstance(answer, list):
                _refuse_open(answer)


def _refuse_open(users: list[bytes]) -> None:
    """A connection can always become a user that has no password, with AUTH or RESET: Redis lets anybody send those."""
    for line in users:
        words = line.decode(errors="replace").split()
        if "nopass" in words and "on" in words:
            raise NoDoor(
                f"Redis lets its user {words[1]} in without a password, so workers could become that user. "
                "Give Redis a password (requirepass, and the same in CAVIAR_BROKER_URL), or give workers a "
                "CAVIAR_BROKER_URL of their own."
            )


def _refused(command: str, said: str) -> ServiceError:
    """``said`` is Redis' own words: they hold no password."""
    if command == "ACL":
        return NoDoor(
            f"Redis does not let the service make a user for workers ({said}). It takes Redis 6 or later (or "
            "Valkey) and, in CAVIAR_BROKER_URL, a user that may use ACL. Otherwise give workers a CAVIAR_BROKER_URL of "
            "their own."
        )
    return ServiceError(f"the broker refuses the service ({said})")


@dataclass(frozen=True, slots=True)
class _Refusal:
    text: str


async def _answer(reader: StreamReader) -> Answer | _Refusal:
    """The next answer, in RESP2."""
    line = (await reader.readuntil(b"\r\n"))[:-2]
    kind, rest = line[:1], line[1:]
    if kind == b"-":
        return _Refusal(rest.decode(errors="replace")[:200])
    if kind == b"$":
        size = int(rest)
        return None if size < 0 else (await reader.readexactly(size + 2))[:-2]
    if kind == b"*":
        return [await _answer(reader) for _ in range(int(rest))]
    if kind in (b"+", b":"):
        return rest
    raise ValueError("not Redis")


def _packed(words: Sequence[str]) -> bytes:
    encoded = [word.encode() for word in words]
    parts = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
    return b"*%d\r\n%s" % (len(encoded), parts)


def _tls(query: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=query.get("ssl_ca_certs"))
    if "ssl_certfile" in query:
        context.load_cert_chain(query["ssl_certfile"], query.get("ssl_keyfile"))
    if "ssl_cert_reqs" in query:
        context.check_hostname = query["ssl_cert_reqs"].lower().endswith("required")
        context.verify_mode = parse_ssl_cert_reqs(query["ssl_cert_reqs"])
    return context
