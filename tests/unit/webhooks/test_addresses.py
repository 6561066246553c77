"""A webhook's address comes from a client and is called from inside: only public ones are."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from caviar.errors import InputError
from caviar.webhooks import Allowed, check_url
from caviar.webhooks.addresses import Refused, resolve

NONE = Allowed()

INSIDE = [
    "http://127.0.0.1:6379/",
    "http://2130706433/",  # 127.0.0.1 as one number
    "http://0x7f.1/",
    "http://0.0.0.0/",
    "http://localhost:8642/api/v1/studies",
    "http://10.0.0.7/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data/",  # a cloud's metadata service
    "http://100.64.0.1/",
    "http://224.0.0.1/",
    "http://[::1]/",
    "http://[::]/",
    "http://[fe80::1]/",
    "http://[fd00::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001:0:7f00:1::]/",
]


@pytest.mark.parametrize("url", INSIDE)
def test_no_way_of_writing_an_inner_address_is_taken(url: str) -> None:
    with pytest.raises(InputError, match="not a public address"):
        check_url(url, NONE)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_INFO",
        "https://",
        "https:///path",
        "https://user:secret@example.com/",  # pragma: allowlist secret
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://[::1",
        "https://example.com/\r\nX-Injected: yes",
        "https://example.com/a b",
        "https://exämple.com/",
    ],
)
def test_what_is_no_plain_web_address_is_refused(url: str) -> None:
    with pytest.raises(InputError):
        check_url(url, NONE)


def test_an_operator_allows_hosts_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, whatever it resolves to; by network, whatever it is called."""
    allowed = Allowed.parse("Hooks.internal, 10.1.0.0/16 fd00::/8")
    monkeypatch.setattr(socket, "getaddrinfo", _answers("192.168.0.9"))
    assert resolve("hooks.internal", 80, allowed) == "192.168.0.9"
    with pytest.raises(Refused):
        resolve("other.internal", 80, allowed)
    monkeypatch.setattr(socket, "getaddrinfo", _answers("10.1.2.3", "fd00::7"))
    assert resolve("other.internal", 80, allowed) == "10.1.2.3"


def test_a_word_that_is_neither_is_told() -> None:
    with pytest.raises(InputError, match=r"10\.1\.0\.0/33"):
        Allowed.parse("hooks.internal 10.1.0.0/33")


def test_a_name_with_one_inner_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of them a connection takes is chance."""
    monkeypatch.setattr(socket, "getaddrinfo", _answers("8.8.8.8", "127.0.0.1"))
    with pytest.raises(Refused):
        resolve("mixed.example", 443, NONE)


def test_a_name_that_does_not_resolve_now_may_do_so_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deliveries are checked again, each time."""

    def fails(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    check_url("https://hooks.example/caviar", NONE)


def _answers(*addresses: str) -> Any:
    def getaddrinfo(_host: str, port: int, **_: Any) -> list[Any]:
        return [(0, 0, 0, "", (address, port)) for address in addresses]

    return getaddrinfo
