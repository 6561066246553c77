"""Requests that were made to be misread: odd ids, headers, hosts, and bodies."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from urllib.parse import quote

import httpx2
import pytest
import uvicorn

from tests.support import wait_until
from tests.support.servers import free_port
from tests.support.two_teams import House, routes_of

ODD = [
    "..",
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e%2fstudies",
    "a%2fb",
    "a%00b",
    "%00",
    "%0d%0aX-Injected:%201",
    "a;b",
    "a?b",
    "' OR '1'='1",
    "%25",
    "_",
    "*",
    "\N{SNOWMAN}",
    "\N{RIGHT-TO-LEFT OVERRIDE}abc",
    "a" * 8_000,
    "-1",
    "1e400",
    "99999999999999999999999999",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: ascii(odd)[:30])
def test_an_odd_id_names_nothing(standing: House, odd: str) -> None:
    """On every route, as it is and quoted: refused with words, never found, never an error of the service."""
    given = {odd, quote(odd, safe="")} if "%" not in odd else {odd}
    for method, path, _ in routes_of(standing.app):
        if "{" not in path:
            continue
        for one in given:
            if path.endswith("/events") and set(one) <= {".", "/"}:
                continue  # the client itself steps up, to the team's own stream, which has no end
            parts = [one if part.startswith("{") else part for part in path.split("/")]
            answer = standing.client.request(
                method,
                "/".join(parts),
                json={},
                headers={"Authorization": f"Bearer {standing.tokens['operator']}"},
            )
            refused = {307, 400, 404, 405, 409, 414, 422}
            if "/hooks/" in path:  # the same as where there is such a study, and nothing is signed
                refused |= {401, 429}
            assert answer.status_code in refused, f"{method} {path}: {answer}"
            assert "x-injected" not in answer.headers


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=100000",
        "limit=nan",
        "after=-1",
        "after=1e9",
        "after=99999999999999999999999",
        "since=inf",
        "since=nan",
        "actor=",
        f"actor={'a' * 200}",
        "newest=perhaps",
    ],
)
def test_an_odd_question_to_the_log_is_refused(standing: House, query: str) -> None:
    """With the name of what is wrong."""
    answer = standing.call("GET", f"/audit?{query}", "operator")
    assert answer.status_code == 422
    assert query.partition("=")[0] in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "Gamma"},
        {"name": "../gamma"},
        {"name": "gamma\n"},
        {"name": ""},
        {"name": "a" * 33},
        {"name": "gamma", "weight": 0},
        {"name": "gamma", "weight": -1},
        {"name": "gamma", "weight": 1e308},
        {"name": "gamma", "weight": "Infinity"},
        {"name": "gamma", "quota": {"slots": -1}},
        {"name": "gamma", "quota": {"slots": 10**30}},
        {"name": "gamma", "quota": {"gold": 1}},
        {"name": "gamma", "role": "operator"},
        [],
        None,
        "gamma",
    ],
)
def test_a_wrong_team_is_not_made(standing: House, body: object) -> None:
    """A name is part of addresses and of experiments' names; a weight divides."""
    teams = standing.teams.all()
    assert standing.call("POST", "/teams", "operator", body).status_code == 422
    assert standing.teams.all() == teams


def test_a_body_that_is_nested_deeply_is_refused(house: House) -> None:
    """Not an error of the service, and not for long."""
    deep = '{"name": ' + "[" * 100_000 + "]" * 100_000 + "}"
    answer = house.client.post(
        "/api/v1/teams",
        content=deep,
        headers={
            "Authorization": f"Bearer {house.tokens['operator']}",
            "Content-Type": "application/json",
        },
    )
    assert answer.status_code in (400, 422)


@pytest.fixture
def listening(house: House, request: pytest.FixtureRequest) -> Iterator[str]:
    """The same application behind a real socket; the parameter: proxies that are believed."""
    proxies: list[str] = request.param
    server = uvicorn.Server(
        uvicorn.Config(
            house.app,
            port=free_port(),
            log_config=None,
            lifespan="off",
            proxy_headers=bool(proxies),
            forwarded_allow_ips=proxies,
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started, why="the API answers")
    yield f"127.0.0.1:{server.config.port}"
    server.should_exit = True
    thread.join()


def noted_from(house: House, where: str, forwarded: str) -> str:
    headers = {
        "Authorization": f"Bearer {house.tokens['operator']}",
        "X-Forwarded-For": forwarded,
        "Forwarded": f"for={forwarded}",
        "X-Real-IP": forwarded,
    }
    answer = httpx2.patch(
        f"http://{where}/api/v1/teams/alpha",
        json={"weight": 2},
        headers=headers,
        trust_env=False,
        timeout=60,
    )
    assert answer.status_code == 200
    return house.teams.audit(limit=1000)[-1].address


@pytest.mark.parametrize("listening", [[]], indirect=True)
def test_nobody_says_himself_where_he_comes_from(house: House, listening: str) -> None:
    """The headers that proxies set are anybody's to write: they are read only of a proxy that the operator named."""
    for forged in ("198.51.100.7", "127.0.0.1, 198.51.100.7", "unknown", '\\"', "::1"):
        assert noted_from(house, listening, forged) == "127.0.0.1"


@pytest.mark.parametrize("listening", [["127.0.0.1", "10.0.0.0/8"]], indirect=True)
def test_a_named_proxy_says_where_a_request_comes_from(house: House, listening: str) -> None:
    """The last address that no named proxy has: whatever a client put before it counts for nothing."""
    assert noted_from(house, listening, "198.51.100.7") == "198.51.100.7"
    assert noted_from(house, listening, "1.2.3.4, 198.51.100.7, 10.1.1.1") == "198.51.100.7"
    assert noted_from(house, listening, "2001:db8::7") == "2001:db8::7"
    assert noted_from(house, listening, "<script>") == "unknown"


@pytest.mark.parametrize("listening", [[]], indirect=True)
def test_headers_cannot_be_injected(house: House, listening: str) -> None:
    """Neither from an id, nor from a name that an answer repeats; a line break in a header is no request at all."""
    host, _, port = listening.partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    raw = (
        "GET /api/v1/studies/a%0d%0aX-Injected:%20yes HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {house.tokens['operator']}\r\n\r\n"
    )
    connection.connect()
    assert connection.sock is not None
    connection.sock.sendall(raw.encode())
    answer = http.client.HTTPResponse(connection.sock)
    answer.begin()
    assert answer.status == 404
    assert answer.getheader("X-Injected") is None
    assert "X-Injected" in json.loads(answer.read())["detail"]
    connection.close()


@pytest.mark.parametrize("listening", [[]], indirect=True)
@pytest.mark.parametrize(
    "smuggled",
    [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /api/v1/teams HTTP/1.1\r\nHost: x\r\n\r\n",
        "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        "Authorization : Bearer x\r\n\r\n",
    ],
)
def test_a_request_with_two_lengths_is_refused(house: House, listening: str, smuggled: str) -> None:
    """A proxy in front may read the other one: what is left over would be the next client's request."""
    host, _, port = listening.partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(f"POST /api/v1/teams HTTP/1.1\r\nHost: x\r\n{smuggled}".encode())
        told = b""
        while part := connection.recv(65536):
            told += part
            if b"\r\n\r\n" in told:
                break
    assert told.split(b" ")[1] in (b"400", b"401")
    assert told.count(b"HTTP/1.1") == 1
