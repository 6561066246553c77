"""WebSockets are routes too: whoever may not come in is told so before one is accepted."""

from __future__ import annotations

import pytest
from starlette.testclient import WebSocketDenialResponse

from tests.support.two_teams import DAY_S, House, sockets_of


def opened(house: House, path: str, headers: dict[str, str]) -> tuple[int, str]:
    """The status and the words with which it is refused."""
    with (
        pytest.raises(WebSocketDenialResponse) as caught,
        house.client.websocket_connect(path, headers=headers),
    ):
        pass
    answer = caught.value
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, str(answer.json()["detail"])


def with_token(house: House, path: str, who: str) -> tuple[int, str]:
    return opened(house, path, {"Authorization": f"Bearer {house.tokens.get(who, who)}"})


def test_every_websocket_is_a_workers(house: House) -> None:
    """Walks all of them, with every token that is no worker's, in every place where a token is none."""
    paths = sockets_of(house.app)
    assert paths == ["/api/v1/broker"]  # a new one: say here who may come in
    for path in paths:
        for who in ("service", "operator", "alpha/admin", "alpha/submitter", "alpha/viewer", "no"):
            assert with_token(house, path, who)[0] == 401, who
        token = house.tokens["worker"]
        for headers in (
            {},
            {"Authorization": token},
            {"Authorization": f"Basic {token}"},
            {"Cookie": f"caviar_session={token}"},
            {"Sec-WebSocket-Protocol": token},
            {"X-Caviar-User": "worker"},
        ):
            assert opened(house, path, headers)[0] == 401, headers
        assert opened(house, f"{path}?token={token}", {})[0] == 401
        # A worker's is let in, as far as a Redis that is nowhere.
        for who in ("worker", "workers"):
            assert with_token(house, path, who)[0] == 503, who


def test_a_workers_token_that_holds_no_more_opens_none(house: House) -> None:
    """Expired, or revoked."""
    for path in sockets_of(house.app):
        house.call("POST", f"/tokens/{house.ids['worker']}/revoke", "operator")
        assert with_token(house, path, "worker")[0] == 401
        house.token("host-2", "worker", None, days=1.0)
        house.hand.append(2 * DAY_S)
        assert with_token(house, path, "worker")[0] == 401
        house.hand.pop()


def test_a_websocket_is_limited_as_a_request_is(house: House) -> None:
    """Headers, address, query: before anybody asks who it is."""
    for path in sockets_of(house.app):
        assert opened(house, path, {"X": "x" * 40_000})[0] == 431
        assert opened(house, f"{path}?{'x' * 9_000}", {})[0] == 414
        assert opened(house, f"{path}?{'a=1&' * 40}", {})[0] == 414
        assert opened(house, f"{path}?a=%00", {})[0] == 400


def test_what_is_no_websocket_is_no_route(house: House) -> None:
    """A plain request to the same address, as a proxy makes of one that it does not understand."""
    for path in sockets_of(house.app):
        for method in ("GET", "POST", "DELETE"):
            answer = house.call(method, path.removeprefix("/api/v1"), "worker")
            assert answer.status_code == 404
