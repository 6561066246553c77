"""What is too large, too deep, too slow or no text is refused with a problem, and never makes the service fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from caviar.api import limits
from caviar.api.problems import PREFIX

PATH = "/api/v1/studies"
JSON = {"Content-Type": "application/json"}


def kind(answer: Any) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["type"]).removeprefix(PREFIX)


def test_a_body_that_says_it_is_too_large_is_not_read(api: TestClient) -> None:
    """The refusal closes the connection: what is to come need not be taken in."""
    answer = api.post(PATH, content=b"x" * (limits.BODY + 1), headers=JSON)
    assert (answer.status_code, kind(answer)) == (413, "too-large")
    assert answer.headers["connection"] == "close"


def test_a_body_that_does_not_say_its_size_is_cut_off(api: TestClient) -> None:
    """No more of it is taken than the limit."""
    taken = 0

    def chunks() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(100):
            taken += 100_000
            yield b" " * 100_000

    answer = api.post(PATH, content=chunks(), headers=JSON)
    assert (answer.status_code, kind(answer)) == (413, "too-large")


def test_a_worker_may_say_more(api: TestClient) -> None:
    """A heartbeat speaks of every trial that a host holds."""
    body = b" " * (2 * limits.BODY)
    headers = JSON | {"Authorization": "Bearer worker-token"}
    answer = api.post("/api/v1/worker/heartbeat", content=body, headers=headers)
    assert (answer.status_code, kind(answer)) == (422, "malformed")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"text":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 50_000,
        json.dumps({"text": "[" * 50_000}).encode(),
        json.dumps({"text": "a: &a [" + "*a, " * 1000 + "]"}).encode(),
        b'{"text": "\\ud800"}',
        b'{"\\ud800": 1, "text": "x"}',
        b'{"text": "a: \\u0000"}',
        b'{"text": "x", "user": "a\\u0000"}',
        b'{"text": "x", "filename": "\\u0000"}',
        b"\xff\xfe",
        b"",
        b"null",
        b"1e999",
        b"NaN",
    ],
)
def test_a_hostile_body_is_refused(api: TestClient, body: bytes) -> None:
    """Nested, cyclic, half a character, none at all: the client's fault, and told as such."""
    answer = api.post(PATH, content=body, headers=JSON)
    assert answer.status_code in (400, 422), answer.text
    assert kind(answer) in ("bad-request", "malformed", "input")
    worker = JSON | {"Authorization": "Bearer worker-token"}
    answer = api.post("/api/v1/worker/finish", content=body, headers=worker)
    assert (answer.status_code, kind(answer)) == (422, "malformed")


@pytest.mark.parametrize(
    "params",
    [
        '{"x": 1e999}',
        '{"x": NaN}',
        '{"x": "\\ud800"}',
        '{"\\ud800": 1}',
        '{"x": 1' + "0" * 5000 + "}",
    ],
)
def test_a_number_that_is_none_is_refused(api: TestClient, params: str) -> None:
    """Infinite, undefined, longer than any number that is meant."""
    text = 'name: a\nmetric: {name: m, goal: minimize}\ntrainer: {function: "a:b"}\n'
    text += "space: {x: {type: float, low: 0, high: 1}}\nbudget: {trials: 2}\n"
    study = api.post(PATH, json={"text": text}).json()["id"]
    body = f'{{"params": {params}}}'.encode()
    answer = api.post(f"{PATH}/{study}/trials", content=body, headers=JSON)
    assert answer.status_code in (400, 422), answer.text
    assert kind(answer) in ("bad-request", "malformed", "input")
    assert api.get(f"{PATH}/{study}/trials").json() == []


def test_an_address_has_bounds(api: TestClient) -> None:
    """Its length, its number of values, its headers, and that it is text."""
    assert kind(api.get(f"{PATH}?called=" + "a" * limits.ADDRESS)) == "address-too-long"
    assert kind(api.get(f"{PATH}?" + "&".join(["a=1"] * 33))) == "address-too-long"
    assert kind(api.get(PATH, headers={"X": "a" * limits.HEADERS})) == "headers-too-large"
    assert kind(api.get(f"{PATH}/a%00b")) == "bad-request"
    assert kind(api.get(f"{PATH}?called=a%00b")) == "bad-request"
    for number in ("99999999999999999999", "-1", "1.5", "٣"):
        assert api.get(f"{PATH}?limit={number}").status_code == 422
        assert api.get(f"{PATH}/a/trials/{number}").status_code in (404, 422)


def test_a_line_is_text(api: TestClient) -> None:
    """A NUL or an escape has no place in a host's name: some databases refuse it, terminals obey it."""
    for host in ("a\0b", "a\x1b[2J", "", "h" * 129):
        answer = api.post("/api/v1/workers/trust", json={"host": host})
        assert (answer.status_code, kind(answer)) == (422, "malformed")


def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its time the request is answered, and its connection closed."""
    monkeypatch.setattr(limits, "BODY_S", 0.05)

    async def asked() -> int:
        async def never() -> Any:
            await asyncio.Event().wait()

        receive = limits._limited(never, limits.BODY)
        try:
            await receive()
        except limits.Refused as refused:
            return refused.status_code
        return 200

    assert asyncio.run(asked()) == 408
