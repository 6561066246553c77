"""Teams, tokens, sharing and the audit log at the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from caviar.cli import main
from tests.support.answering_service import Service, answering_service

SECRET = f"cav_0123456789ab_{'s' * 43}"
TEAM = {"name": "vision", "weight": 2.0, "quota": {"slots": 8, "storage": 5}, "created": 1.0}
TOKEN = {
    "id": "0123456789ab",
    "name": "ada",
    "role": "submitter",
    "team": "vision",
    "created": 1.0,
    "expires": 4e9,
}
LINE = {
    "id": 7,
    "at": 1.7e9,
    "actor": "ada\x1b[31m",
    "token": "0123456789ab",
    "team": "vision",
    "address": "192.0.2.1",
    "action": "study.edit",
    "target": "a1",
    "before": {"priority": 0},
    "after": {"priority": 3, "shared": True, "expires": 1.8e9},
}
ROW = {
    "id": "a1",
    "name": "digits",
    "state": "running",
    "strategy": "zoom",
    "done": 0,
    "budget": 9,
    "goal": "minimize",
    "created": 1.0,
}


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with answering_service() as service:
        monkeypatch.setenv("CAVIAR_URL", service.url)
        monkeypatch.setenv("CAVIAR_TOKEN", "t")
        yield service


def test_a_new_token_is_alone_on_standard_output(
    served: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that TOKEN=$(caviar token create ada) has it and nothing else; what a person should know is beside it."""
    served.answers["POST /tokens"] = (201, TOKEN | {"token": SECRET})
    assert main(["token", "create", "ada", "--team", "vision", "--days", "7"]) == 0
    said = capsys.readouterr()
    assert said.out == f"{SECRET}\n"
    assert SECRET not in said.err
    assert "0123456789ab" in said.err
    assert "shown this once" in said.err
    assert served.requests[-1][3] == {
        "name": "ada",
        "role": "submitter",
        "team": "vision",
        "days": 7.0,
    }
    assert main(["token", "create", "ci", "--forever", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["token"] == SECRET
    assert served.requests[-1][3]["days"] is None


def test_lists_have_no_secret_and_no_escape(
    served: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whose each token is, what it may do, and until when."""
    rows: list[Any] = [
        TOKEN | {"name": "ada\x1b[2J"},
        TOKEN | {"id": "b" * 12, "revoked": 2.0, "role": "auditor"},
        TOKEN | {"id": "c" * 12, "expires": 3.0},
        TOKEN | {"id": "d" * 12, "expires": None, "team": None, "role": "operator"},
    ]
    served.answers["GET /tokens"] = (200, rows)
    assert main(["token", "list"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    for word in ("revoked", "expired", "does not expire", "auditor", "never"):
        assert word in out
    assert main(["token", "list", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 4


def test_a_token_is_revoked_by_its_id(served: Service, capsys: pytest.CaptureFixture[str]) -> None:
    """The token itself given by mistake is not sent, and not repeated."""
    served.answers["POST /tokens/0123456789ab/revoke"] = (200, TOKEN | {"revoked": 5.0})
    assert main(["token", "revoke", "0123456789ab"]) == 0
    assert "counts no more" in capsys.readouterr().out
    asked = len(served.requests)
    assert main(["token", "revoke", SECRET]) == 2
    said = capsys.readouterr()
    assert SECRET not in said.out + said.err
    assert len(served.requests) == asked


def test_a_quota_is_changed_line_by_line(
    served: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is not named stays; none takes a limit away; sizes have units."""
    served.answers["GET /teams"] = (200, [TEAM])
    served.answers["PATCH /teams/vision"] = (200, TEAM)
    quotas = ["--quota", "slots=none", "--quota", "slot_hours=100", "--quota", "storage=2GB"]
    assert main(["team", "edit", "vision", *quotas]) == 0
    assert served.requests[-1][3] == {"quota": {"slot_hours": 100.0, "storage": 2_000_000_000}}
    assert "vision" in capsys.readouterr().out
    served.answers["POST /teams"] = (201, TEAM)
    assert main(["team", "add", "vision", "--weight", "2", "--quota", "slots=8"]) == 0
    sent = served.requests[-1][3]
    assert (sent["name"], sent["weight"], sent["quota"]["slots"]) == ("vision", 2.0, 8)
    assert "caviar token create" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["team", "add", "Vision"], "name"),
        (["team", "add", "vision", "--weight", "-1"], "weight"),
        (["team", "add", "vision", "--quota", "gold=1"], "slots, slot_hours"),
        (["team", "add", "vision", "--quota", "slots=many"], "slots"),
        (["team", "add", "vision", "--quota", "storage=big"], "storage"),
        (["team", "edit", "vision"], "--weight or --quota"),
        (["token", "create", "two\nlines"], "name"),
        (["token", "create", "ada", "--days", "0"], "days"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_sent(
    served: Service, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    """Exit code 2, and the name of what is wrong."""
    assert main(words) == 2
    assert said in capsys.readouterr().err
    assert not [request for request in served.requests if request[0] != "GET"]


def test_the_log_as_a_table_and_as_lines_of_json(
    served: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table has the newest; --json has all that fit the words, page after page, the oldest first."""
    served.answers["GET /audit"] = (200, [LINE])
    assert (
        main(["audit", "--team", "vision", "--action", "study.edit", "--since", "2026-01-02"]) == 0
    )
    out = capsys.readouterr().out
    assert "priority 0 -> 3, shared true, expires 2027-01-15" in " ".join(out.split())
    assert "\x1b[31m" not in out
    path = served.requests[-1][1]
    for word in ("team=vision", "action=study.edit", "since=17", "newest=true", "limit=50"):
        assert word in path
    assert main(["audit", "--json", "--limit", "1"]) == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == [7]
    served.answers["GET /audit"] = (200, [])
    assert main(["audit", "--json"]) == 0
    assert capsys.readouterr().out == ""


def test_a_study_is_shared_and_taken_back(
    served: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its name: the team's own before one that another team shares under the same."""
    rows = [ROW | {"id": "bb", "created": 9.0, "yours": False}, ROW]
    served.answers["GET /studies"] = (200, rows)
    view = ROW | {"metric": "loss", "project": "p", "counts": {}}
    served.answers["PATCH /studies/a1"] = (200, view)
    assert main(["share", "digits"]) == 0
    assert "Every team may look at digits" in capsys.readouterr().out
    assert served.requests[-1][3] == {"shared": True}
    assert main(["share", "digits", "--off"]) == 0
    assert served.requests[-1][3] == {"shared": False}


def test_whoami_says_name_role_and_team(
    served: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the token's id, which is what its admin asks for."""
    me = {"name": "ada", "role": "admin", "team": "vision", "token": "0123456789ab"}
    served.answers["GET /whoami"] = (200, me)
    assert main(["whoami"]) == 0
    assert capsys.readouterr().out == "ada, admin in the team vision (token 0123456789ab)\n"


@pytest.mark.parametrize(
    ("status", "detail", "said"),
    [
        (401, "This token expired at noon.", "refused CAVIAR_TOKEN: This token expired at noon."),
        (403, "This needs the role admin.", "`caviar whoami` says who you are"),
        (429, "This token asks too often. Try again in 3 s.", "Try again in 3 s."),
    ],
)
def test_who_is_refused_is_told_what_to_do_next(
    served: Service, capsys: pytest.CaptureFixture[str], status: int, detail: str, said: str
) -> None:
    """Exit code 1: the input was not wrong."""
    served.problem("GET /tokens", status, detail)
    assert main(["token", "list"]) == 1
    assert said in capsys.readouterr().err
