"""The login page, its cookie, and what a session may do at the API."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from caviar.api.rates import Rates
from caviar.api.sessions import safe_return
from caviar.contract.gateway import COOKIE
from caviar.teams import SESSION_S, Pass, Signer
from tests.support.two_teams import SERVICE, STUDY, House, open_house

OWN = {"Origin": "http://testserver"}


def log_in(house: House, who: str, next: str = "", **headers: str) -> httpx2.Response:
    form = {"token": house.tokens.get(who, who), "next": next}
    house.client.cookies.clear()
    return house.client.post(
        "/login", data=form, headers={**OWN, **headers}, follow_redirects=False
    )


def test_a_token_is_shown_once_and_the_cookie_stands_for_it(house: House) -> None:
    """The caller is the same; the cookie is closed to scripts and does not hold the token."""
    answer = log_in(house, "alpha/viewer")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=v1.{house.ids['alpha/viewer']}.")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert house.tokens["alpha/viewer"].rpartition("_")[2] not in cookie
    me = house.client.get("/api/v1/whoami").json()
    assert (me["name"], me["role"], me["team"]) == ("viewer of alpha", "viewer", "alpha")
    assert "viewer of alpha, viewer of alpha" in house.client.get("/login").text
    house.client.post("/logout", headers=OWN)
    assert house.client.get("/api/v1/whoami").status_code == 401


def test_a_session_may_do_what_its_token_may(house: House) -> None:
    """No more: a viewer submits nothing, an admin of alpha sees nothing of beta's."""
    study = house.submit("beta/submitter")
    for who, status in (("alpha/viewer", 403), ("alpha/submitter", 201)):
        log_in(house, who)
        text = {"text": STUDY.format(name=who.replace("/", "-"), more="")}
        answer = house.client.post("/api/v1/studies", json=text, headers=OWN)
        assert answer.status_code == status, answer.text
        assert house.client.get(f"/api/v1/studies/{study}").status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://testserver.evil.example"},
        {"Origin": "http://testserver:81"},
        {"Origin": "https://testserver"},
        {"Origin": "http://testserver", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://testserver", "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_a_page_of_another_origin_changes_nothing(house: House, headers: dict[str, str]) -> None:
    """Nor does it log somebody in or out. A token in the header needs no origin."""
    log_in(house, "alpha/submitter")
    text = {"text": STUDY.format(name="csrf", more="")}
    answer = house.client.post("/api/v1/studies", json=text, headers=headers)
    assert answer.status_code == 403
    assert "another origin" in answer.json()["detail"]
    assert house.client.post("/logout", headers=headers).status_code == 403
    form = {"token": house.tokens["beta/admin"]}
    assert house.client.post("/login", data=form, headers=headers).status_code == 403
    assert house.client.get("/api/v1/whoami").json()["team"] == "alpha"
    assert house.client.get("/api/v1/studies").json() == []
    assert house.call("POST", "/studies", "alpha/submitter", text, headers).status_code == 201


def test_a_session_ends_with_its_token(house: House) -> None:
    """Revoked: with the next request. Expired: at that moment. Seven days: the same."""
    log_in(house, "alpha/viewer")
    house.call("POST", f"/tokens/{house.ids['alpha/viewer']}/revoke", "alpha/admin")
    answer = house.client.get("/api/v1/whoami")
    assert answer.status_code == 401
    assert "was revoked" in answer.json()["detail"]
    house.token("guest", "viewer", "beta", days=1)
    log_in(house, "beta/viewer")
    assert house.client.get("/api/v1/whoami").status_code == 200
    house.hand.append(86_401.0)
    assert house.client.get("/api/v1/whoami").status_code == 401
    log_in(house, "beta/admin")
    house.hand.append(SESSION_S - 10)
    assert house.client.get("/api/v1/whoami").status_code == 200
    house.hand.append(20)
    assert house.client.get("/api/v1/whoami").status_code == 401
    assert house.call("GET", "/whoami", "beta/admin").status_code == 200


def test_no_cookie_of_anybody_elses_making_counts(house: House) -> None:
    """Another service's key, another end, another token's id, a trial's pass, a worker's token, nonsense."""
    log_in(house, "alpha/viewer")
    right = house.client.cookies[COOKIE]
    version, identifier, end, signature = right.split(".")
    other = house.ids["alpha/admin"]
    worker = house.ids["worker"]
    signer = Signer(SERVICE)
    forged = [
        "",
        "x" * 4000,
        right[:-1],
        right + "A",
        ".".join((version, identifier, str(int(end) + 1), signature)),
        ".".join((version, other, end, signature)),
        ".".join(("v2", identifier, end, signature)),
        Signer("another service's token").session(identifier, float(end)),
        Signer("another service's token").session("service", float(end)),
        signer.session("0123456789ab", float(end)),
        signer.session(worker, float(end)),
        signer.session(identifier, 1.0),
        signer.trial_pass(Pass("alpha", "s-0", 1)),
        house.tokens["alpha/viewer"],
        SERVICE,
    ]
    for each in forged:
        house.client.cookies.clear()
        answer = house.client.get("/api/v1/whoami", headers={"Cookie": f"{COOKIE}={each}"})
        assert answer.status_code == 401, each
    answer = house.client.get("/api/v1/whoami", headers={"Cookie": f"{COOKIE}={right}"})
    assert answer.status_code == 200


def test_the_cookie_is_of_no_use_to_workers_routes(house: House) -> None:
    """A session is a person's; so a worker's token opens none."""
    log_in(house, "operator")
    hello = {"host": "h", "incarnation": "i", "slots": 1}
    assert house.client.post("/api/v1/worker/hello", json=hello, headers=OWN).status_code == 401
    assert log_in(house, "worker").status_code == 401
    assert log_in(house, "workers").status_code == 401


def test_wrong_tokens_are_told_counted_and_not_repeated(tmp_path: Path) -> None:
    """As at the API; a right one still counts from there."""
    with open_house(tmp_path, Rates(wrong_per_minute=3)) as house:
        for _ in range(3):
            answer = log_in(house, "cav_<script>alert(1)</script>-a-wrong-token")
            assert answer.status_code == 401
            assert "none of this service" in answer.text
            assert "script>" not in answer.text
        answer = log_in(house, "a-wrong-token-of-more-than-32-characters")
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
        assert "Too many wrong tokens" in answer.text
        assert log_in(house, "alpha/viewer").status_code == 303


def test_forms_that_are_none_are_told(house: House) -> None:
    """Empty, too large, no text, a thousand fields."""
    for body in (b"", b"token=", b"token=" + b"x" * 20_000, b"\xff\xfe", b"a=1&" * 1000):
        answer = house.client.post("/login", content=body, headers=OWN)
        assert answer.status_code == 401, body[:20]
        assert 'role="alert"' in answer.text


def test_the_page_needs_nothing_from_elsewhere(house: House) -> None:
    """No script, no file, no frame around it; nobody keeps it."""
    answer = house.client.get("/login")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"
    for word in ("<script", "src=", "http:", "https:", "url("):
        assert word not in answer.text


def test_over_tls_the_cookie_stays_on_tls(house: House) -> None:
    """As the address says that the operator gave, or a proxy that the operator named."""
    secure = log_in(house, "alpha/viewer").headers["set-cookie"]
    assert "Secure" not in secure
    house.client.base_url = httpx2.URL("https://testserver")
    answer = log_in(house, "alpha/viewer", Origin="https://testserver")
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "given",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "///evil.example",
        "/x\r\nSet-Cookie: a=b",
        "/" + "x" * 3000,
        "/caf\u00e9",
        "",
    ],
)
def test_the_way_back_leads_nowhere_else(house: House, given: str) -> None:
    """What is no path of this service is left out, on the page and after the login."""
    assert safe_return(given, "/login") == "/login"
    answer = log_in(house, "alpha/viewer", next=given)
    assert answer.headers["location"] == "/"
    shown = house.client.get("/login", params={"next": given}, follow_redirects=False)
    assert shown.status_code == 200
    assert "evil" not in shown.text


def test_the_way_back_leads_back(house: House) -> None:
    """To a path with its query; who is logged in already goes there at once."""
    for path in ("/mlflow/", "/mlflow/?a=1&b=https://x", "/studies/abc#top"):
        assert log_in(house, "alpha/viewer", next=path).headers["location"] == path
        answer = house.client.get("/login", params={"next": path}, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, path)


def test_who_came_and_went_is_in_the_audit_log_without_the_token(house: House) -> None:
    """The log has the token's id. A wrong token leaves no line."""
    log_in(house, "alpha/submitter")
    house.client.post("/logout", headers=OWN)
    log_in(house, "a-wrong-token-of-more-than-32-characters")
    log_in(house, "service")
    lines = house.teams.audit(limit=100)
    assert [(line.actor, line.action, line.target, line.team) for line in lines] == [
        ("submitter of alpha", "login", house.ids["alpha/submitter"], "alpha"),
        ("submitter of alpha", "logout", house.ids["alpha/submitter"], "alpha"),
        ("operator", "login", "service", None),
    ]
    told = " ".join(line.model_dump_json() for line in lines)
    assert house.tokens["alpha/submitter"] not in told
    assert SERVICE not in told


def way_in(house: House, who: str) -> str:
    """The pass in the address that the owner of a token is given."""
    answer = house.call("POST", "/login/pass", who)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    path = str(answer.json()["path"])
    page = house.client.get(path)
    assert page.status_code == 200
    given = path.partition("pass=")[2]
    assert given in page.text
    return given


def enter(house: House, given: str, **headers: str) -> httpx2.Response:
    house.client.cookies.clear()
    form = {"pass": given, "next": "/queue"}
    return house.client.post(
        "/login", data=form, headers={**OWN, **headers}, follow_redirects=False
    )


def test_a_pass_opens_one_session_of_its_owner(house: House) -> None:
    """What is left in the browser's history opens nothing."""
    given = way_in(house, "alpha/viewer")
    answer = enter(house, given)
    assert (answer.status_code, answer.headers["location"]) == (303, "/queue")
    me = house.client.get("/api/v1/whoami").json()
    assert (me["name"], me["role"]) == ("viewer of alpha", "viewer")
    again = enter(house, given)
    assert again.status_code == 401
    assert "used already" in again.text


def test_a_pass_of_a_token_that_was_revoked_opens_nothing(house: House) -> None:
    given = way_in(house, "alpha/viewer")
    house.call("POST", f"/tokens/{house.ids['alpha/viewer']}/revoke", "alpha/admin")
    assert enter(house, given).status_code == 401


def test_a_pass_is_taken_from_our_own_page_alone(house: House) -> None:
    """A page elsewhere cannot log somebody in as somebody else; and the pass is not used up by that."""
    given = way_in(house, "alpha/viewer")
    assert enter(house, given, Origin="https://evil.example").status_code == 403
    assert enter(house, given).status_code == 303


def test_guessed_passes_count_as_wrong_tokens(tmp_path: Path) -> None:
    with open_house(tmp_path, Rates(wrong_per_minute=3)) as house:
        codes = [enter(house, f"guess-{n}").status_code for n in range(5)]
        assert codes[0] == 401
        assert codes[-1] == 429
        assert enter(house, way_in(house, "alpha/viewer")).status_code == 303


def test_a_session_makes_no_session(house: House) -> None:
    """Only who has the token is given a way in: a cookie that was copied would live for ever by it."""
    log_in(house, "alpha/admin")
    refused = house.client.post("/api/v1/login/pass", headers=OWN)
    assert refused.status_code == 403
    assert "token" in refused.json()["detail"]
    house.client.cookies.clear()
    assert house.call("POST", "/login/pass", "alpha/admin").status_code == 201
