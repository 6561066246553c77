"""Whether a champion holds, from the terminal: what is asked of the service, what is printed, the exit code."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from caviar.cli import main, rechecking
from caviar.client.connection import Client
from caviar.contract.recheck import (
    ChampionView,
    CheckView,
    DriftView,
    Policy,
    RecheckView,
    VerdictView,
)
from caviar.contract.views import StudyRow
from tests.support.answering_service import Service
from tests.support.studies_made_up import digits_study

Printed = pytest.CaptureFixture[str]
ID = "digits-mlp-abc"
ROUTE = f"/studies/{ID}/recheck"

MOVED = VerdictView(
    word="moved",
    effect=0.013,
    low=0.008,
    high=0.018,
    challenger={"learning_rate": 0.004, "momentum": 0.99},
    drifts=[
        DriftView(parameter="learning_rate", scale="log", before=0.02, after=0.004, distance=0.35)
    ],
    champion=0.971,
    trainings=8,
)
HOLDS = VerdictView(
    word="holds", effect=-0.002, low=-0.008, high=0.004, champion=0.971, trainings=6
)
UNCLEAR = VerdictView(
    word="inconclusive",
    effect=0.004,
    low=-0.003,
    high=0.011,
    champion=0.97,
    trainings=12,
    reason="the data changed while it was checked",
)


def champion(number: int, **fields: Any) -> ChampionView:
    """The champion of the study itself, apart from what ``fields`` say."""
    given: dict[str, Any] = {
        "state": "champion",
        "params": {"learning_rate": 0.02, "momentum": 0.99},
        "study": ID,
        "trial": 17,
        "value": 0.971,
        "low": 0.968,
        "high": 0.974,
        "runs": 3,
        "data_version": "2026-11",
        "created": 1000.0,
        "decided": 1000.0,
    }
    return ChampionView(number=number, **(given | fields))


def check(number: int, **fields: Any) -> CheckView:
    """One that somebody asked for and that has not started, apart from what ``fields`` say."""
    given: dict[str, Any] = {
        "state": "due",
        "causes": ["signal"],
        "champion": 1,
        "data_version": "2026-12",
        "asked": 2000.0,
    }
    return CheckView(number=number, **(given | fields))


def ended(number: int, verdict: VerdictView | None, **fields: Any) -> CheckView:
    return check(number, **({"state": "ended", "study": "c4ec", "verdict": verdict} | fields))


def known(*checks: CheckView, **fields: Any) -> dict[str, Any]:
    """What the service answers on the study's checks."""
    given: dict[str, Any] = {"champions": [champion(1)], "checks": list(checks)}
    view = RecheckView(
        study=ID, name="digits-mlp", metric="val_accuracy", goal="maximize", **(given | fields)
    )
    return view.model_dump(mode="json")


@pytest.fixture
def table(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service with a study that ended and has a champion."""
    monkeypatch.setenv("CAVIAR_URL", service.url)
    monkeypatch.setattr("caviar.client.study.POLL_S", 0.0)
    study = digits_study(state="done")
    rows = [StudyRow(**study.model_dump(exclude={"best"}), done=1).model_dump(mode="json")]
    service.answers |= {
        "GET /studies": (200, rows),
        f"GET /studies/{ID}": (200, study.model_dump(mode="json")),
        "GET /studies/c4ec": (
            200,
            digits_study(id="c4ec", counts={"done": 4}).model_dump(mode="json"),
        ),
        f"POST {ROUTE}": (202, check(1).model_dump(mode="json")),
        f"GET {ROUTE}": (200, known()),
    }
    return service


def sent(service: Service, method: str = "POST") -> Any:
    """The body of the last request of this method."""
    return [body for found, _, _, body in service.requests if found == method][-1]


def test_a_check_is_asked_for_and_not_awaited(table: Service, capsys: Printed) -> None:
    """It says where to look."""
    assert main(["recheck", "digits-mlp", "--data", "2026-12", "--why", "new year"]) == 0
    assert sent(table) == {"data_version": "2026-12", "why": "new year"}
    out = capsys.readouterr().out
    assert "check 1 of digits-mlp (asked) is due" in out
    assert f"`caviar history {ID}`" in out


@pytest.mark.parametrize(
    "verdict, code, words",
    [
        (
            MOVED,
            3,
            "moved: 0.971 -> about 0.984 with learning_rate 0.004 instead of 0.02"
            " (+0.013, 90%: 0.008 to 0.018), after 8 trainings.",
        ),
        (
            HOLDS,
            0,
            "holds: 0.971, and nothing beside it is better"
            " (-0.002, 90%: -0.008 to 0.004), after 6 trainings.",
        ),
        (
            UNCLEAR,
            4,
            "inconclusive: the data changed while it was checked"
            " (+0.004, 90%: -0.003 to 0.011), after 12 trainings.",
        ),
        (None, 1, "check 1 ended without a verdict."),
    ],
)
def test_a_verdict_is_a_line_and_an_exit_code(
    table: Service, capsys: Printed, verdict: VerdictView | None, code: int, words: str
) -> None:
    """So that a pipeline can branch on it."""
    table.answers[f"GET {ROUTE}"] = (200, known(ended(1, verdict)))
    assert main(["recheck", "digits-mlp", "--wait"]) == code
    assert capsys.readouterr().out == f"{words}\n"


def test_where_less_is_better_the_difference_is_the_metrics(
    table: Service, capsys: Printed
) -> None:
    """An effect counts what is better as positive; a person reads what the metric does."""
    study = digits_study(state="done", goal="minimize").model_dump(mode="json")
    table.answers[f"GET /studies/{ID}"] = (200, study)
    table.answers[f"GET {ROUTE}"] = (200, known(ended(1, MOVED)))
    assert main(["recheck", "digits-mlp", "--wait"]) == 3
    out = capsys.readouterr().out
    assert "0.971 -> about 0.958" in out
    assert "(-0.013, 90%: -0.018 to -0.008)" in out


def test_what_differs_is_named_where_no_drift_is(table: Service, capsys: Printed) -> None:
    """By the champion that was checked: it may be the champion no more."""
    verdict = MOVED.model_copy(update={"drifts": []})
    table.answers[f"GET {ROUTE}"] = (200, known(ended(1, verdict, retuned="7e7e")))
    assert main(["recheck", "digits-mlp", "--wait"]) == 3
    out = capsys.readouterr().out
    assert "with learning_rate 0.004 instead of 0.02 (+0.013" in out
    assert "Study 7e7e tunes again: `caviar watch 7e7e`." in out


def test_the_wait_tells_how_far_it_is(
    table: Service, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On standard error, a line for each change: why it waits, the trainings so far. Then the verdict."""
    steps = [
        check(1, waits="the team's slot-hours are spent"),
        check(1, waits="the team's slot-hours are spent"),
        check(1, state="running", study="c4ec"),
        ended(1, HOLDS),
    ]

    def next_look(_: float) -> None:
        table.answers[f"GET {ROUTE}"] = (200, known(steps.pop(0) if len(steps) > 1 else steps[0]))

    monkeypatch.setattr("caviar.client.study.time.sleep", next_look)
    next_look(0)
    assert main(["recheck", "digits-mlp", "--wait", "--json"]) == 0
    told = capsys.readouterr()
    assert told.err.splitlines() == [
        "check 1 of digits-mlp (asked) waits: the team's slot-hours are spent",
        "check 1 of digits-mlp (asked) runs as study c4ec, 4 trainings so far",
    ]
    assert json.loads(told.out)["verdict"]["word"] == "holds"


def test_interrupting_the_wait_does_not_end_the_check(
    table: Service, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("caviar.client.study.time.sleep", interrupted)
    table.answers[f"GET {ROUTE}"] = (200, known(check(1)))
    assert main(["recheck", "digits-mlp", "--wait"]) == 130
    assert "The check goes on." in capsys.readouterr().err


def test_the_version_of_the_data_may_be_a_files_hash(
    table: Service, capsys: Printed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is computed here; a large file tells how far it is."""
    file = tmp_path / "train.parquet"
    file.write_bytes(b"0123456789")
    monkeypatch.setattr(rechecking, "PIECE", 5)
    monkeypatch.setattr(rechecking, "TELL_S", -1.0)
    assert main(["recheck", "digits-mlp", "--data-file", str(file)]) == 0
    assert sent(table)["data_version"] == f"sha256:{hashlib.sha256(b'0123456789').hexdigest()}"
    assert [line[-5:] for line in capsys.readouterr().err.splitlines()] == [", 50%", " 100%"]


def test_code_is_brought_along(
    table: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `submit --code` does, before the check is asked for: under the team whose study it is."""
    (tmp_path / "train.py").write_text("def main(trial): ...\n")
    brought: list[tuple[str, str]] = []

    def bring(_client: Client, digest: str, _data: bytes, team: str) -> None:
        brought.append((digest, team))

    monkeypatch.setattr(Client, "bring", bring)
    assert main(["recheck", "digits-mlp", "--code", str(tmp_path)]) == 0
    assert brought == [(sent(table)["bundle"], "default")]


@pytest.mark.parametrize(
    "words",
    [
        ["--data", "a", "--data-file", "b"],
        ["--off", "--wait"],
        ["--off", "--policy", "study.yaml"],
        ["--policy", "study.yaml", "--data", "a"],
        ["--data", "two\nlines"],
        ["--data-file", "/nowhere/at/all"],
        ["--data-file", "/nowhere/at/all", "--wait"],
        ["--policy", "/nowhere/study.yaml"],
    ],
)
def test_wrong_input_is_exit_code_2_and_nothing_is_asked(table: Service, words: list[str]) -> None:
    assert main(["recheck", "digits-mlp", *words]) == 2
    assert "POST" not in {method for method, *_ in table.requests}


def test_a_study_without_a_champion_says_so(table: Service, capsys: Printed) -> None:
    """Nothing to check is no verdict."""
    table.problem(f"POST {ROUTE}", 409, f"Study {ID} has no champion yet: it ends first.")
    assert main(["recheck", "digits-mlp", "--wait"]) == 1
    assert "no champion yet" in capsys.readouterr().err


STUDY = """\
name: digits-mlp
metric: {name: val_accuracy, goal: maximize}
trainer: {function: "train:main"}
space:
  learning_rate: {type: float, low: 1.0e-4, high: 1.0, scale: log}
budget: {trials: 60}
"""


def test_a_policy_comes_from_a_study_file(table: Service, capsys: Printed, tmp_path: Path) -> None:
    """Its section `recheck` alone; the study itself stays as it is."""
    policy = Policy(every_s=604_800.0, code=True, when_moved="propose")
    table.answers[f"PUT {ROUTE}"] = (200, known(policy=policy, next_due=4000.0))
    file = tmp_path / "study.yaml"
    file.write_text(STUDY + "recheck: {every: 7 days, code: true, when_moved: propose}\n")
    assert main(["recheck", "digits-mlp", "--policy", str(file)]) == 0
    assert sent(table, "PUT") == {"every_s": 604_800.0, "code": True, "when_moved": "propose"}
    out = capsys.readouterr().out
    assert "digits-mlp is checked every 7 days and when the code changes, next 1970-" in out
    assert "tuned again and the result is proposed" in out
    file.write_text(STUDY)
    assert main(["recheck", "digits-mlp", "--policy", str(file)]) == 2
    assert "there is no such section" in capsys.readouterr().err


def test_a_policy_is_taken_away(table: Service, capsys: Printed) -> None:
    table.answers[f"PUT {ROUTE}"] = (200, known())
    assert main(["recheck", "digits-mlp", "--off"]) == 0
    assert sent(table, "PUT") is None
    assert "is checked when somebody asks" in capsys.readouterr().out


PROPOSED = champion(
    2,
    state="proposed",
    params={"learning_rate": 0.004, "momentum": 0.99},
    study="7e7e",
    trial=5,
    value=0.984,
    decided=None,
    check=1,
)


def test_the_champion_is_shown_with_what_is_proposed(table: Service, capsys: Printed) -> None:
    """And with the command that promotes it."""
    table.answers[f"GET {ROUTE}"] = (200, known(champions=[champion(1), PROPOSED]))
    assert main(["champion", "digits-mlp"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for words in (
        "Champion 1 of digits-mlp val_accuracy 0.971 on 3 runs (95%: 0.968 … 0.974)",
        f"found trial 17 of study {ID}",
        "data 2026-11",
        "learning_rate 0.02",
        "Proposed 2 of digits-mlp val_accuracy 0.984",
        f"`caviar champion {ID} --promote 2` makes it the champion.",
    ):
        assert words in shown
    assert main(["champion", "digits-mlp", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["champion"]["number"], told["proposed"]["number"]) == (1, 2)


def test_without_a_champion_it_says_when_there_is_one(table: Service, capsys: Printed) -> None:
    table.answers[f"GET {ROUTE}"] = (200, known(champions=[]))
    assert main(["champion", "digits-mlp"]) == 0
    assert "has no champion yet" in capsys.readouterr().out
    assert main(["champion", "digits-mlp", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"champion": None, "proposed": None}


@pytest.mark.parametrize(
    "words, what, body, state",
    [
        (["--promote"], "promote", {}, "champion"),
        (
            ["--promote", "2", "--why", "better"],
            "promote",
            {"number": 2, "why": "better"},
            "champion",
        ),
        (["--reject"], "reject", {}, "rejected"),
        (["--reject", "2"], "reject", {"number": 2}, "rejected"),
        (["--rollback", "--why", "slow"], "rollback", {"why": "slow"}, "champion"),
    ],
)
def test_a_person_decides(
    table: Service, capsys: Printed, words: list[str], what: str, body: Any, state: str
) -> None:
    """Of the newest proposed one unless a number is given."""
    decided = PROPOSED.model_copy(update={"state": state}).model_dump(mode="json")
    table.answers[f"POST /studies/{ID}/champion/{what}"] = (200, decided)
    assert main(["champion", "digits-mlp", *words]) == 0
    assert sent(table) == body
    said = "is the champion" if state == "champion" else "is rejected"
    assert f"Champion 2 of digits-mlp {said}: learning_rate 0.004" in capsys.readouterr().out


def test_decisions_exclude_each_other(table: Service) -> None:
    assert main(["champion", "digits-mlp", "--promote", "--rollback"]) == 2
    assert main(["champion", "digits-mlp", "--why", "just so"]) == 2
    assert table.requests == []


def test_the_history_tells_what_held_and_what_moved(table: Service, capsys: Printed) -> None:
    """Champions, the metric from check to check, and of each check the cause, the data and the verdict."""
    checks = [
        ended(1, HOLDS, causes=["schedule"], data_version="2026-10"),
        ended(2, MOVED, causes=["data", "signal"], by="ana", why="new year", retuned="7e7e"),
        ended(
            3,
            HOLDS.model_copy(update={"champion": 0.984}),
            champion=2,
            data_version=f"sha256:{'0' * 64}",
        ),
        check(4, waits="the team's slot-hours are spent"),
        check(5, state="running", study="c4ec"),
    ]
    former = champion(1, state="former")
    now = PROPOSED.model_copy(update={"state": "champion", "decided": 3000.0})
    table.answers[f"GET {ROUTE}"] = (200, known(*checks, champions=[former, now]))
    assert main(["history", "digits-mlp"]) == 0
    out = capsys.readouterr().out
    shown = " ".join(out.split())
    for words in (
        "digits-mlp is checked when somebody asks",
        "former 0.971 on 3 runs (95%: 0.968 … 0.974) trial 17",
        "champion 0.984 on 3 runs",
        "learning_rate 0.004, momentum 0.99",
        "the champion's mean by the number of the check; ▲ another champion",
        "holds on schedule data 2026-10",
        "moved other data, asked data 2026-12 ana: new year",
        "moved: 0.971 -> about 0.984",
        "learning_rate 0.02 -> 0.004: 0.35 widths of the last box, on its log scale",
        "study 7e7e tuned again",
        "sha256:000000000000…",
        "waits: the team's slot-hours are spent",
        "runs as study c4ec",
    ):
        assert words in shown
    assert any("\u2800" < character <= "\u28ff" for character in out)
    assert main(["history", "digits-mlp", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["checks"]) == 5


def test_a_history_begins_empty(table: Service, capsys: Printed) -> None:
    table.answers[f"GET {ROUTE}"] = (200, known(champions=[]))
    assert main(["history", "digits-mlp"]) == 0
    assert capsys.readouterr().out.count("None yet.") == 2


def test_a_strangers_text_does_not_steer_the_terminal(table: Service, capsys: Printed) -> None:
    """Reasons, versions and names come from messages and files."""
    bad = "\x1b[2Jgone"
    verdict = UNCLEAR.model_copy(update={"reason": bad})
    checks = [ended(1, verdict, why=bad, by=bad, data_version=bad), check(2, waits=bad)]
    evil = champion(1, by=bad, why=bad, data_version=bad, params={"a": bad})
    table.answers[f"GET {ROUTE}"] = (200, known(*checks, champions=[evil]))
    for words in (["history"], ["champion"], ["recheck", "--wait"]):
        main([words[0], "digits-mlp", *words[1:]])
        told = capsys.readouterr()
        assert "\x1b" not in told.out + told.err
