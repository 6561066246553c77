"""What is another team's does not exist: on every route, whichever of its ids is known."""

from __future__ import annotations

import re

import pytest

from caviar.contract.bundle import File, pack
from tests.support.champions import crown
from tests.support.mlflow_events import signed
from tests.support.two_teams import STUDY, House, routes_of

EVERYBODYS = {
    ("GET", "/api/v1/health"),
    (
        "GET",
        "/api/v1/queue",
    ),  # which teams hold slots is told; of their studies nothing: test_queue_routes
    ("GET", "/api/v1/ready"),
    ("GET", "/api/v1/openapi.json"),
    ("GET", "/api/v1/events"),  # its stream has no end: tests/integration looks into it
    ("GET", "/api/v1/whoami"),
    ("GET", "/api/v1/workers"),  # see below
}
"""Routes that tell a member nothing of another team."""
SIGNED = {("POST", "/api/v1/hooks/mlflow/{study_id}")}
"""Not by a token: 401 without MLflow's signature, for every study alike. See tests/unit/api/test_recheck_routes."""
BODIES: dict[str, object] = {
    "/api/v1/studies/{study_id}": {"shared": True},
    "/api/v1/studies/{study_id}/rounds/{number}/undo": {},
    "/api/v1/studies/{study_id}/rounds/{number}/branch": {"name": "stolen"},
    "/api/v1/studies/{study_id}/trials": {"params": {"x": 0.5}},
    "/api/v1/teams/{team}": {"weight": 1000},
}
"""What a route would take, were the thing the caller's own."""


@pytest.fixture
def victim(house: House) -> dict[str, str]:
    """Alpha's ids by the names that paths have for them. A route with another one: add what it is of alpha's."""
    study = house.submit("alpha/submitter")
    ticket, _ = house.run_one()
    url = {"url": "https://8.8.8.8/caviar"}
    hook = house.call("POST", "/webhooks", "alpha/admin", url).json()
    digest, data = pack([File("train.py", b"pass")])
    assert house.call("PUT", f"/bundles/{digest}", "alpha/admin", data).status_code == 204
    return {
        "study_id": study,
        "trial_id": ticket.trial,
        "number": "0",
        "team": "alpha",
        "token_id": house.ids["alpha/submitter"],
        "webhook_id": hook["id"],
        "digest": digest,
        "name": "zoom",
    }


def filled(path: str, ids: dict[str, str]) -> str:
    return re.sub(r"{(\w+)(?::\w+)?}", lambda found: ids[found[1]], path)


def everything_of(house: House, victim: dict[str, str]) -> list[str]:
    paths = [f"/studies/{victim['study_id']}", "/teams", "/tokens", "/studies", "/webhooks"]
    of_study = ("trials", "rounds", "recheck")
    paths += [f"/studies/{victim['study_id']}/{what}" for what in of_study]
    told = [house.call("GET", path, "alpha/admin").text for path in paths]
    return [re.sub(r'"used":[0-9.e+]+|"used":null', "", text) for text in told]


def test_no_route_tells_or_changes_anything_of_another_team(
    house: House, victim: dict[str, str]
) -> None:
    """Every route of the application with alpha's ids, called by beta's admin: 404 or 403, and nothing has changed."""
    before = everything_of(house, victim)
    walked = 0
    for method, path, _route in routes_of(house.app):
        if "{" not in path or (method, path) == ("PUT", "/api/v1/bundles/{digest}"):
            continue  # of who brings the same code, it is the same
        answer = house.call(
            method, filled(path, victim).removeprefix("/api/v1"), "beta/admin", BODIES.get(path)
        )
        refused = (401,) if (method, path) in SIGNED else (403, 404)
        assert answer.status_code in refused, f"{method} {path}: {answer.status_code}"
        if answer.status_code == 403:
            assert answer.json()["detail"].startswith("This needs the role operator")
        walked += 1
    assert walked >= 15
    assert everything_of(house, victim) == before


def test_lists_leave_out_what_is_another_teams(house: House, victim: dict[str, str]) -> None:
    """Every route without an id that reads: no id, no name of alpha's in what beta's admin is told."""
    secrets = {*(each for each in victim.values() if len(each) > 1), '"secret"'}
    for method, path, _route in routes_of(house.app):
        if method != "GET" or "{" in path or (method, path) in EVERYBODYS:
            continue
        answer = house.call(method, path.removeprefix("/api/v1"), "beta/admin")
        assert answer.status_code in (200, 403), f"{path}: {answer.status_code} {answer.text}"
        if answer.status_code == 200:
            assert not [each for each in secrets if each in answer.text], f"{path}: {answer.text}"


def test_why_a_host_is_set_aside_names_no_study_to_a_member(
    house: House, victim: dict[str, str]
) -> None:
    """The studies whose trials failed there may be another team's. An operator reads them."""
    house.set_aside("host-1", f"its last 9 trials failed in a row, of study {victim['study_id']}")
    (told,) = house.call("GET", "/workers", "beta/viewer").json()
    assert told["aside"] == "trials failed there that succeed on other hosts"
    (whole,) = house.call("GET", "/workers", "operator").json()
    assert victim["study_id"] in whole["aside"]


def test_another_teams_id_gets_the_same_words_as_one_that_nobody_has(
    house: House, victim: dict[str, str]
) -> None:
    """So that nobody learns by asking which ids there are."""
    there = house.call("GET", f"/studies/{victim['study_id']}", "beta/admin")
    nowhere = house.call("GET", "/studies/zzzz", "beta/admin")
    assert there.status_code == nowhere.status_code == 404
    assert there.text.replace(victim["study_id"], "zzzz") == nowhere.text


def test_a_shared_study_is_looked_at_by_all_and_changed_by_its_team(
    house: House, victim: dict[str, str]
) -> None:
    """Until it is taken back."""
    study = victim["study_id"]
    for shared, seen, changed in ((True, 200, 403), (False, 404, 404)):
        answer = house.call("PATCH", f"/studies/{study}", "alpha/submitter", {"shared": shared})
        assert answer.json()["shared"] is shared
        assert house.call("GET", f"/studies/{study}", "beta/viewer").status_code == seen
        assert house.call("GET", f"/trials/{victim['trial_id']}", "beta/viewer").status_code == seen
        stopped = house.call("POST", f"/studies/{study}/stop", "beta/admin")
        assert stopped.status_code == changed
        rows = house.call("GET", "/studies", "beta/viewer").json()
        assert [(row["id"], row["yours"]) for row in rows] == ([(study, False)] if shared else [])


def test_a_shared_study_does_not_pass_for_ones_own(house: House) -> None:
    """Somebody shares a newer study of the same name: the warm start still reads the team's own."""
    own = house.submit("beta/submitter", "digits")
    bait = house.submit("alpha/submitter", "digits")
    house.call("PATCH", f"/studies/{bait}", "alpha/submitter", {"shared": True})
    new = house.submit("beta/submitter", "next", "warm_start: {studies: [digits]}")
    (note,) = house.call("GET", f"/studies/{new}", "beta/viewer").json()["notes"]
    assert own in note["text"]


def test_a_warm_start_reads_no_study_of_another_team(house: House, victim: dict[str, str]) -> None:
    """Not by its name, and not by its id."""
    for given in ("secret", victim["study_id"]):
        more = f"warm_start: {{studies: ['{given}']}}"
        text = STUDY.format(name="thief", more=more)
        answer = house.call("POST", "/studies", "beta/submitter", {"text": text})
        assert answer.status_code == 422
        assert f"there is no study '{given}'" in answer.json()["detail"]


def test_another_teams_model_of_the_same_name_calls_for_no_check(house: House) -> None:
    """Models have their team's name in front, and MLflow sends the events of all of them."""
    study = house.submit("alpha/submitter")
    crown(house.store, study, trial=0, state="champion")
    policy = {"model": "digits"}
    assert house.call("PUT", f"/studies/{study}/recheck", "alpha/submitter", policy).is_success
    hook = house.call("POST", f"/studies/{study}/recheck/hook", "alpha/submitter").json()
    for model, check in (("digits", None), ("beta.digits", None), ("alpha.digits", 1)):
        headers, body = signed(hook["secret"], name=model)
        answer = house.client.post(hook["path"], content=body, headers=headers)
        assert answer.json() == {"check": check}, model


def test_the_same_study_file_of_two_teams_is_two_studies(house: House) -> None:
    """Handing in again what is unfinished goes on with the team's own, never with another's."""
    first = house.submit("alpha/submitter")
    assert house.submit("beta/submitter") != first
    assert house.submit("alpha/submitter") == first


def test_a_member_acts_for_no_other_team_and_under_no_other_name(house: House) -> None:
    """The team and the author of a study are the token's, whatever the request says."""
    body = {"text": STUDY.format(name="x", more=""), "team": "alpha"}
    assert house.call("POST", "/studies", "beta/submitter", body).status_code == 403
    study = house.submit("beta/submitter", "y", user="somebody else", team="beta")
    record = house.store.study(study)
    assert record is not None
    assert (record.team, record.user) == ("beta", "submitter of beta")


def test_a_viewer_changes_nothing(house: House, victim: dict[str, str]) -> None:
    """Every changing route of the application, with the ids of the viewer's own team."""
    before = everything_of(house, victim)
    changing = [
        (m, p)
        for m, p, _ in routes_of(house.app)
        if m not in ("GET", "HEAD") and (m, p) != ("POST", "/api/v1/login/pass")  # one's own way in
    ]
    assert len(changing) >= 12
    for method, path in changing:
        where = filled(path, victim).removeprefix("/api/v1")
        answer = house.call(method, where, "alpha/viewer", BODIES.get(path))
        refused = (401,) if (method, path) in SIGNED else (403, 404)
        assert answer.status_code in refused, f"{method} {path}: {answer.status_code}"
    assert everything_of(house, victim) == before


@pytest.mark.parametrize(
    ("who", "method", "path", "body"),
    [
        ("alpha/submitter", "GET", "/tokens", None),
        ("alpha/submitter", "POST", "/tokens", {"name": "me", "role": "admin"}),
        ("alpha/submitter", "GET", "/audit", None),
        ("alpha/admin", "POST", "/tokens", {"name": "me", "role": "operator"}),
        ("alpha/admin", "POST", "/tokens", {"name": "me", "role": "worker"}),
        ("alpha/admin", "POST", "/tokens", {"name": "me", "role": "viewer", "team": "beta"}),
        ("alpha/admin", "POST", "/teams", {"name": "gamma"}),
        ("alpha/admin", "PATCH", "/teams/alpha", {"weight": 1000}),
        ("alpha/admin", "POST", "/workers/trust", {"host": "host-1"}),
        ("alpha/admin", "POST", "/workers/drain", {"host": "host-1"}),
        ("alpha/admin", "POST", "/workers/resume", {"host": "host-1"}),
        ("alpha/admin", "POST", "/doctor/mend", None),
        ("alpha/admin", "GET", "/doctor", None),
    ],
)
def test_no_role_reaches_above_itself(
    house: House, who: str, method: str, path: str, body: object
) -> None:
    """Nobody makes a token that may do more than its maker, or one of another team."""
    tokens = len(house.teams.tokens())
    assert house.call(method, path, who, body).status_code == 403
    assert len(house.teams.tokens()) == tokens


def test_only_an_operator_sets_a_studys_place(house: House, victim: dict[str, str]) -> None:
    """The order of the queue is between teams; priority is inside one."""
    path = f"/studies/{victim['study_id']}"
    assert house.call("PATCH", path, "alpha/admin", {"place": "first"}).status_code == 403
    assert house.call("PATCH", path, "alpha/submitter", {"priority": 9}).status_code == 200
    assert house.call("PATCH", path, "operator", {"place": "first"}).status_code == 200
