"""Connections that are held without a request, over real sockets."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from caviar.api import serving as how
from tests.support.real_api import serving

WHOLE = b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\n\r\n"


def answer(connection: socket.socket) -> bytes:
    """All that comes until the server closes."""
    found = b""
    while chunk := connection.recv(65536):
        found += chunk
    return found


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\nX: ",
        WHOLE + b"GET /api/v1/health HTTP/1.1\r\nHost",
    ],
)
def test_a_head_that_does_not_come_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    """The first on a connection, and one behind an answer."""
    monkeypatch.setattr(how, "HEAD_S", 0.3)
    with serving(tmp_path) as service:
        port = urlsplit(service.url).port
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(sent)
            assert answer(connection).count(b"200 OK") == sent.count(WHOLE)


def test_a_head_without_end_is_cut_off(tmp_path: Path) -> None:
    """It is not collected in memory."""
    with serving(tmp_path) as service:
        port = urlsplit(service.url).port
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            endless = (b"X: " + b"a" * 65536 + b"\r\n") * 1000
            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                connection.sendall(b"GET /api/v1/health HTTP/1.1\r\n" + endless)


def test_a_connection_that_works_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is one for a head, not for all that a client asks on its connection; a stream is no head."""
    monkeypatch.setattr(how, "HEAD_S", 0.3)
    with serving(tmp_path) as service:
        study = service.submit(trials=1)
        with service.client() as client, client.stream("GET", f"/studies/{study}/events") as told:
            lines = told.iter_lines()
            assert next(lines) == "retry: 2000"
            port = urlsplit(service.url).port
            with socket.create_connection(("127.0.0.1", port), timeout=30) as idle:
                assert idle.recv(1) == b""  # longer than the time for a head
            service.train(study, 1)
            assert any(line.startswith("event: trial") for line in lines)
