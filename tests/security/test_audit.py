"""Who changed what, when and from where: nothing is changed without a line, and no line is ever changed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError

from caviar.contract.bundle import File, pack
from caviar.contract.messages import Hello
from caviar.search import Searcher
from caviar.studies.spec import load_study
from tests.support.champions import crown
from tests.support.mlflow_events import signed
from tests.support.two_teams import STUDY, House, routes_of

Prepared = Callable[[House], tuple[str, object]]


def on_study(what: str, body: object = None) -> Prepared:
    """A path below a study of alpha's."""
    return lambda house: (f"/studies/{house.submit('alpha/submitter')}{what}", body)


HOOK = {"url": "https://8.8.8.8/caviar", "team": "alpha"}


def on_webhook(what: str) -> Prepared:
    """A path below a webhook of alpha's that has one delivery."""

    def prepare(house: House) -> tuple[str, object]:
        hook = house.call("POST", "/webhooks", "operator", HOOK).json()["id"]
        house.call("POST", f"/webhooks/{hook}/test", "operator")
        return f"/webhooks/{hook}{what}", None

    return prepare


def paused(house: House) -> tuple[str, object]:
    study = house.submit("alpha/submitter")
    house.call("POST", f"/studies/{study}/pause", "alpha/submitter")
    return f"/studies/{study}/resume", None


def moved(house: House) -> tuple[str, object]:
    """A study with a second round, which can be undone."""
    study = house.submit("alpha/submitter")
    searcher = Searcher(load_study(STUDY.format(name="s", more="")).space, goal="minimize")
    while len(searcher.rounds) < 2:
        point = searcher.ask()
        searcher.tell(point, float(point.params["x"]))
    house.store.add_round(study, 1, searcher.rounds[1].to_json(), [])
    return f"/studies/{study}/rounds/1/undo", {}


def running(house: House) -> tuple[str, object]:
    house.submit("alpha/submitter")
    ticket, _ = house.run_one()
    return f"/studies/{ticket.study}/trials/{ticket.number}/stop", None


BABYSAT = """
name: babysat
mode: panda
metric: {name: loss, goal: minimize}
trainer: {function: "parabola:train"}
space:
  x: {type: float, low: 0.1, high: 1.0, live: true}
nurse: {parameter: x, steps: 100}
"""


def babysat(what: str, body: object) -> Prepared:
    """A path below a training of alpha's that can be changed, or below its study."""

    def prepare(house: House) -> tuple[str, object]:
        text = {"text": BABYSAT}
        study = house.call("POST", "/studies", "alpha/submitter", text).json()["id"]
        ticket, _ = house.run_one()
        ward = {"trial": ticket.trial, "attempt": 1, "live": {"x": 0.5}, "checkpoints": [4]}
        report = {"host": "host-1", "incarnation": "one", "wards": [ward]}
        assert house.worker("wards", report).status_code == 200
        return f"/studies/{study}/" + (what if what == "nurse" else f"trials/0/{what}"), body

    return prepare


def ended_well(house: House) -> tuple[str, object]:
    study = house.submit("alpha/submitter")
    ticket, nonce = house.run_one()
    finish = {"trial": ticket.trial, "attempt": 1, "nonce": nonce, "outcome": "done", "value": 1.0}
    assert house.worker("finish", finish).status_code == 200
    return f"/studies/{study}/trials/{ticket.number}/panda", {}


def aside(house: House) -> tuple[str, object]:
    house.set_aside("host-9", "it burns")
    return "/workers/trust", {"host": "host-9"}


def calling(house: House) -> tuple[str, object]:
    house.scheduler.hello(Hello(host="host-9", incarnation="one", slots=1))
    return "/workers/drain", {"host": "host-9", "now": True}


def drained(house: House) -> tuple[str, object]:
    path, body = calling(house)
    house.call("POST", path, "operator", body)
    return "/workers/resume", {"host": "host-9"}


def bundle(_house: House) -> tuple[str, object]:
    digest, data = pack([File("train.py", b"pass")])
    return f"/bundles/{digest}", data


def crowned(house: House) -> str:
    """A study of alpha's with three champions: former, now and proposed."""
    study = house.submit("alpha/submitter")
    for trial, state in ((0, "champion"), (1, "proposed"), (2, "proposed")):
        crown(house.store, study, trial=trial, state=state)
    house.store.rechecks.promote(study, 2, "somebody", "")
    return study


def on_champion(what: str, body: object) -> Prepared:
    """A path below a study of alpha's that has champions."""
    return lambda house: (f"/studies/{crowned(house)}/{what}", body)


CHANGES: dict[tuple[str, str], tuple[str, Prepared]] = {
    ("POST", "/studies"): (
        "study.submit",
        lambda _house: ("/studies", {"text": STUDY.format(name="s", more="")}),
    ),
    ("PATCH", "/studies/{study_id}"): ("study.edit", on_study("", {"priority": 3})),
    ("POST", "/studies/{study_id}/pause"): ("study.pause", on_study("/pause")),
    ("POST", "/studies/{study_id}/resume"): ("study.resume", paused),
    ("POST", "/studies/{study_id}/stop"): ("study.stop", on_study("/stop")),
    ("POST", "/studies/{study_id}/trials"): (
        "trial.add",
        on_study("/trials", {"params": {"x": 0.5}}),
    ),
    ("POST", "/studies/{study_id}/trials/{number}/stop"): ("trial.stop", running),
    ("POST", "/studies/{study_id}/trials/{number}/set"): (
        "trial.set",
        babysat("set", {"params": {"x": 0.25}, "why": "plateau"}),
    ),
    ("POST", "/studies/{study_id}/trials/{number}/rollback"): (
        "trial.rollback",
        babysat("rollback", {"to_step": 4}),
    ),
    ("POST", "/studies/{study_id}/trials/{number}/fork"): ("trial.fork", babysat("fork", {})),
    ("POST", "/studies/{study_id}/trials/{number}/spread"): (
        "trial.spread",
        babysat("spread", {"children": 2}),
    ),
    ("POST", "/studies/{study_id}/trials/{number}/keep"): ("trial.keep", babysat("keep", None)),
    ("POST", "/studies/{study_id}/trials/{number}/panda"): ("trial.panda", ended_well),
    ("POST", "/studies/{study_id}/nurse"): ("nurse.switch", babysat("nurse", {"on": False})),
    ("POST", "/studies/{study_id}/recheck"): (
        "study.recheck",
        on_champion("recheck", {"data_version": "2026-12", "why": "new year"}),
    ),
    ("PUT", "/studies/{study_id}/recheck"): (
        "recheck.policy",
        on_study("/recheck", {"every_s": 86_400.0}),
    ),
    ("POST", "/studies/{study_id}/recheck/hook"): ("recheck.hook", on_study("/recheck/hook")),
    ("POST", "/studies/{study_id}/champion/promote"): (
        "champion.promote",
        on_champion("champion/promote", {}),
    ),
    ("POST", "/studies/{study_id}/champion/reject"): (
        "champion.reject",
        on_champion("champion/reject", {}),
    ),
    ("POST", "/studies/{study_id}/champion/rollback"): (
        "champion.rollback",
        on_champion("champion/rollback", {}),
    ),
    ("POST", "/studies/{study_id}/rounds/{number}/undo"): ("round.undo", moved),
    ("POST", "/studies/{study_id}/rounds/{number}/branch"): (
        "round.branch",
        on_study("/rounds/0/branch", {"name": "b"}),
    ),
    ("POST", "/teams"): ("team.add", lambda _house: ("/teams", {"name": "gamma"})),
    ("PATCH", "/teams/{team}"): ("team.edit", lambda _house: ("/teams/alpha", {"weight": 2})),
    ("POST", "/tokens"): ("token.create", lambda _house: ("/tokens", {"name": "ada"})),
    ("POST", "/tokens/{token_id}/revoke"): (
        "token.revoke",
        lambda house: (f"/tokens/{house.ids['alpha/viewer']}/revoke", None),
    ),
    ("PUT", "/bundles/{digest}"): ("bundle.keep", bundle),
    ("POST", "/webhooks"): ("webhook.add", lambda _house: ("/webhooks", HOOK)),
    ("DELETE", "/webhooks/{webhook_id}"): ("webhook.remove", on_webhook("")),
    ("POST", "/webhooks/{webhook_id}/test"): ("webhook.test", on_webhook("/test")),
    ("POST", "/webhooks/{webhook_id}/deliveries/{number}/again"): (
        "webhook.again",
        on_webhook("/deliveries/1/again"),
    ),
    ("POST", "/login/pass"): ("login.pass", lambda _house: ("/login/pass", None)),
    ("POST", "/workers/trust"): ("host.trust", aside),
    ("POST", "/workers/drain"): ("host.drain", calling),
    ("POST", "/workers/resume"): ("host.resume", drained),
    ("POST", "/doctor/mend"): ("doctor.mend", lambda _house: ("/doctor/mend", None)),
}
"""Every route that changes something: its line's action, and how to have it change something."""


EVERYBODYS = {("POST", "/login/pass")}
"""Whoever has a token may have it: it concerns nobody else."""
SIGNED = {("POST", "/hooks/mlflow/{study_id}")}
"""No caller of this service: MLflow has a signature in place of a token. What it changes: see below."""


def changing(house: House) -> set[tuple[str, str]]:
    return {
        (method, path.removeprefix("/api/v1"))
        for method, path, route in routes_of(house.app)
        if method != "GET" and not getattr(route.endpoint, "changes_nothing", False)
    }


def test_every_route_that_changes_something_is_tried_here(house: House) -> None:
    """A new one: say in CHANGES how to have it change something. One that only asks: mark it ``changes_nothing``."""
    assert changing(house) == set(CHANGES) | SIGNED


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_a_change_leaves_one_line(house: House, method: str, path: str) -> None:
    """Who, with which token, what, of which team, from where; and a refused one leaves none."""
    action, prepare = CHANGES[method, path]
    where, body = prepare(house)
    known = len(house.actions())
    if (method, path) not in EVERYBODYS:
        refused = house.call(method, where, "beta/viewer", body)
        assert refused.status_code >= 400
        assert len(house.actions()) == known
    answer = house.call(method, where, "operator", body)
    assert answer.status_code < 300, answer.text
    lines = house.teams.audit(after=known, limit=1000)
    assert [line.action for line in lines] == [action]
    (line,) = lines
    assert (line.actor, line.token) == ("an operator", house.ids["operator"])
    assert line.address == "127.0.0.1"
    assert line.target
    assert line.at == pytest.approx(house.teams.clock(), abs=60)
    about = ("study", "trial", "round", "team", "webhook", "champion", "recheck")
    if action.partition(".")[0] in about:
        assert line.team is not None


def test_what_mlflow_calls_for_leaves_a_line_in_its_name(house: House) -> None:
    """And the secret that it signs with is in none; what is not signed leaves none."""
    study = crowned(house)
    hook = house.call("POST", f"/studies/{study}/recheck/hook", "alpha/submitter").json()
    known = len(house.actions())
    for secret, status in (("another", 401), (hook["secret"], 202)):
        headers, body = signed(secret)
        answer = house.client.post(hook["path"], content=body, headers=headers)
        assert answer.status_code == status, answer.text
    (line,) = house.teams.audit(after=known, limit=1000)
    assert (line.actor, line.action, line.token) == ("mlflow", "recheck.mlflow", "hook")
    assert (line.target, line.team, line.after) == (study, "alpha", {"check": 1})
    everything = house.teams.audit(limit=1000)
    assert hook["secret"] not in "".join(each.model_dump_json() for each in everything)


def test_a_champions_line_has_who_it_was_before(house: House) -> None:
    """And of a policy both."""
    study = crowned(house)
    house.call("POST", f"/studies/{study}/champion/rollback", "alpha/submitter", {"why": "slow"})
    house.call("PUT", f"/studies/{study}/recheck", "alpha/submitter", {"cron": "0 3 * * *"})
    back, policy = house.teams.audit(limit=1000)[-2:]
    assert back.before == {"champion": 2}
    assert back.after is not None
    assert (back.after["number"], back.after["why"]) == (1, "slow")
    assert (policy.before, policy.after) == ({"policy": None}, {"policy": {"cron": "0 3 * * *"}})


def test_a_line_has_what_was_before_and_what_is_after(house: House) -> None:
    """Of a study: what differs. Of a team: its weight and quota. Of a token: whose and what, never the secret."""
    study = house.submit("alpha/submitter")
    house.call("PATCH", f"/studies/{study}", "alpha/submitter", {"shared": True, "priority": 0})
    house.call("POST", f"/studies/{study}/stop", "alpha/admin")
    house.call("PATCH", "/teams/alpha", "operator", {"weight": 3, "quota": {"slots": 4}})
    answer = house.call("POST", "/tokens", "alpha/admin", {"name": "ada", "role": "viewer"}).json()
    edit, stop, team, token = house.teams.audit(limit=1000)[-4:]
    assert (edit.before, edit.after) == ({"shared": False}, {"shared": True})
    assert (stop.before, stop.after) == (
        {"state": "running", "reason": ""},
        {"state": "stopped", "reason": "stopped by hand"},
    )
    assert team.before == {"weight": 1.0, "quota": {}}
    assert team.after == {"weight": 3.0, "quota": {"slots": 4}}
    assert token.after is not None
    assert (token.target, token.after["name"]) == (answer["id"], "ada")
    assert answer["token"] not in token.model_dump_json()


def test_an_admin_reads_what_was_done_to_the_own_team(house: House) -> None:
    """By its members and by operators; nothing of another's. An operator reads all."""
    mine, other = house.submit("alpha/submitter"), house.submit("beta/submitter")
    house.call("POST", f"/studies/{mine}/stop", "operator")
    told = house.call("GET", "/audit", "alpha/admin").json()
    assert [(line["action"], line["target"]) for line in told] == [
        ("study.submit", mine),
        ("study.stop", mine),
    ]
    assert house.call("GET", "/audit?team=beta", "alpha/admin").status_code == 404
    everything = house.call("GET", "/audit", "operator").json()
    assert {line["target"] for line in everything} >= {mine, other}


def test_the_log_is_read_in_pages_and_by_words(house: House) -> None:
    """The cursor is the last line that is known: what is written meanwhile comes after it."""
    for number in range(5):
        house.submit("alpha/submitter", f"s{number}")
    first = house.call("GET", "/audit?limit=2", "operator").json()
    rest = house.call("GET", f"/audit?after={first[-1]['id']}&limit=100", "operator").json()
    ids = [line["id"] for line in first + rest]
    assert ids == sorted(set(ids))
    assert len(ids) == 5
    newest = house.call("GET", "/audit?newest=true&limit=1", "operator").json()
    assert newest[0]["id"] == ids[-1]
    for query, found in (
        ("actor=submitter of alpha", 5),
        ("actor=nobody", 0),
        ("action=study.submit", 5),
        (f"target={first[0]['target']}", 1),
        (f"since={house.teams.clock() + 60}", 0),
        (f"until={house.teams.clock() + 60}", 5),
    ):
        assert len(house.call("GET", f"/audit?{query}", "operator").json()) == found, query


def test_text_of_a_caller_stays_text(house: House) -> None:
    """A name with another line in it, or with what a spreadsheet would run, is refused or kept as one value."""
    two = {"name": "ada\nGET / 200", "role": "viewer"}
    assert house.call("POST", "/tokens", "alpha/admin", two).status_code == 422
    odd = {"name": "=cmd()|\"',;\\", "role": "viewer"}
    assert house.call("POST", "/tokens", "alpha/admin", odd).status_code == 201
    assert (house.teams.audit(limit=1000)[-1].after or {})["name"] == odd["name"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'somebody else'",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit (id, at, actor, token, address, action, target)"
        " VALUES (1, 0, 'somebody else', 't', 'a', 'a', 't')",
        "REPLACE INTO audit (id, at, actor, token, address, action, target)"
        " VALUES (1, 0, 'somebody else', 't', 'a', 'a', 't')",
        "INSERT INTO audit (id, at, actor, token, address, action, target) VALUES"
        " (1, 0, 'x', 't', 'a', 'a', 't') ON CONFLICT (id) DO UPDATE SET actor = 'somebody else'",
    ],
)
def test_the_log_is_append_only_in_the_database_itself(house: House, statement: str) -> None:
    """Whoever writes to it, by whichever statement."""
    house.submit("alpha/submitter")
    before = house.teams.audit()
    engine: Engine = house.store._engine
    with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))
    assert house.teams.audit() == before


def test_a_change_that_cannot_be_noted_is_answered_with_an_error(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its caller must not take it for done and noted."""

    def full(*_: object) -> None:
        raise OSError("the disk is full")

    study = house.submit("alpha/submitter")
    monkeypatch.setattr(house.teams, "note", full)
    answer = house.call("POST", f"/studies/{study}/pause", "alpha/submitter")
    assert answer.status_code == 500


def test_the_actions_are_named_alike(house: House) -> None:
    """``noun.verb``, so that a filter can be guessed."""
    assert all(re.fullmatch(r"[a-z]+\.[a-z]+", action) for action, _ in CHANGES.values())
    names = {r.name for m, _, r in routes_of(house.app) if m != "GET"}
    assert {action for action, _ in CHANGES.values()} <= names
