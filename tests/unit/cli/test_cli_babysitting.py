"""One model by hand, from the terminal: what is asked of the service, what is printed, the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caviar.cli import babysitting, main
from caviar.cli.schedules import as_yaml, read_schedule
from caviar.contract.messages import Change, Origin
from caviar.contract.panda import EffectView, InterventionView, NurseView, ScheduleView
from caviar.contract.views import StudyRow
from tests.support.answering_service import Service
from tests.support.studies_made_up import PARAMETERS, digits_study, trial

Printed = pytest.CaptureFixture[str]
ID = "digits-mlp-abc"
HELPED = EffectView(
    word="helped",
    sentence="helped: loss falls 2.1 times faster, 90% interval 1.4 to 2.9",
    ratio=2.1,
    low=1.4,
    high=2.9,
)


def intervention(number: int, **fields: Any) -> InterventionView:
    """A set that was applied, apart from what ``fields`` say."""
    given: dict[str, Any] = {
        "trial": 24,
        "number": number,
        "kind": "set",
        "state": "applied",
        "parameter": "learning_rate",
        "before": 0.01,
        "value": 0.0003,
        "step": 412,
        "by": "ana",
        "why": "plateau",
        "asked": 1000.0 + number,
    }
    if fields.get("kind", "set") != "set":
        given |= {"parameter": None, "before": None, "value": None}
    return InterventionView(**(given | fields))


def asked(each: InterventionView) -> InterventionView:
    return each.model_copy(update={"state": "asked", "child": None})


@pytest.fixture
def table(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service with a study by hand whose trial 24 runs."""
    monkeypatch.setenv("CAVIAR_URL", service.url)
    monkeypatch.setattr("caviar.client.babysitting.POLL_S", 0.0)
    live = [p.model_copy(update={"live": p.name == "learning_rate"}) for p in PARAMETERS]
    running = trial(24, state="running", value=None, step=412, last=0.21)
    study = digits_study(mode="panda", running=[running], parameters=live)
    rows = [StudyRow(**study.model_dump(exclude={"best"}), done=1).model_dump(mode="json")]
    service.answers |= {
        "GET /studies": (200, rows),
        f"GET /studies/{ID}": (200, study.model_dump(mode="json")),
        f"GET /studies/{ID}/trials/24": (200, running.model_dump(mode="json")),
        f"GET /studies/{ID}/trials/24/interventions": (200, []),
    }
    return service


def answers(service: Service, what: str, *came: InterventionView) -> None:
    """POST ``what`` of trial 24 is taken; looking again, this came of it."""
    first = [asked(each).model_dump(mode="json") for each in came]
    body = first if what in ("set", "spread") else first[0]
    service.answers[f"POST /studies/{ID}/trials/24/{what}"] = (202, body)
    dumped = [each.model_dump(mode="json") for each in came]
    service.answers[f"GET /studies/{ID}/trials/24/interventions"] = (200, dumped)


def sent(service: Service) -> Any:
    """The body of the last POST."""
    return [body for method, _, _, body in service.requests if method == "POST"][-1]


def test_a_change_is_awaited_and_its_step_is_said(table: Service, capsys: Printed) -> None:
    """The study alone is enough where one trial runs."""
    answers(table, "set", intervention(1))
    assert main(["trial", "set", "digits-mlp", "learning_rate=3e-4", "--why", "plateau"]) == 0
    assert sent(table) == {"params": {"learning_rate": "3e-4"}, "why": "plateau"}
    out = capsys.readouterr().out
    assert out == "learning_rate 0.01 -> 0.0003, in effect after step 412\n"


def test_a_change_need_not_be_awaited(table: Service, capsys: Printed) -> None:
    """Then it says that it is asked, and asks for nothing more."""
    answers(table, "set", intervention(1))
    assert main(["trial", "set", "digits-mlp/24", "learning_rate=3e-4", "--no-wait"]) == 0
    assert table.requests[-1][0] == "POST"
    assert "0.01 -> 0.0003, asked, not read yet" in capsys.readouterr().out


@pytest.mark.parametrize(
    "state, words",
    [
        ("refused", "refused: it did not read it"),
        ("void", "nothing came of it: it did not read it"),
    ],
)
def test_what_the_training_refuses_is_exit_code_1(
    table: Service, capsys: Printed, state: str, words: str
) -> None:
    answers(table, "set", intervention(1, state=state, step=None, reason="it did not read it"))
    assert main(["trial", "set", "digits-mlp", "learning_rate=3e-4"]) == 1
    assert words in capsys.readouterr().out


def test_what_the_service_refuses_is_told_with_the_reason(table: Service, capsys: Printed) -> None:
    """A parameter that is not live: 1. A value outside its range: 2, as any wrong input."""
    route = f"POST /studies/{ID}/trials/24/set"
    table.problem(route, 409, "The training of trial 24 does not read momentum as it goes")
    assert main(["trial", "set", "digits-mlp", "momentum=0.95"]) == 1
    assert "does not read momentum" in capsys.readouterr().err
    outside = {"path": ["learning_rate"], "reason": "7 lies outside [0.0001, 1]"}
    table.problem(route, 422, "wrong", [outside])
    assert main(["trial", "set", "digits-mlp", "learning_rate=7"]) == 2
    assert "learning_rate: 7 lies outside" in capsys.readouterr().err
    assert main(["trial", "set", "digits-mlp", "learning_rate"]) == 2
    assert main(["trial", "set", "digits-mlp", "learning_rate=1", "--why", "x" * 401]) == 2


def test_a_training_that_does_not_answer_leaves_it_asked(
    table: Service, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1: what was asked for is not in effect."""
    monkeypatch.setattr(babysitting, "WAIT_S", 0.0)
    answers(table, "set", asked(intervention(1)))
    assert main(["trial", "set", "digits-mlp", "learning_rate=3e-4"]) == 1
    assert "`caviar trial show digits-mlp/24` says when" in capsys.readouterr().err


def test_interrupting_the_wait_takes_nothing_back(
    table: Service, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("caviar.client.babysitting.time.sleep", interrupted)
    answers(table, "set", asked(intervention(1)))
    assert main(["trial", "set", "digits-mlp", "learning_rate=3e-4"]) == 130
    assert "stays asked" in capsys.readouterr().err


def test_going_back_says_where_it_goes_on_with_which_values(
    table: Service, capsys: Printed
) -> None:
    """The values are those of the parameters that are live, but for those that were given."""
    back = intervention(2, kind="rollback", step=400, child=25)
    answers(table, "rollback", back)
    table.answers[f"GET /studies/{ID}/trials/25"] = (200, trial(25).model_dump(mode="json"))
    assert main(["trial", "rollback", "digits-mlp", "--to-step", "407", "momentum=0.95"]) == 0
    assert sent(table) == {"to_step": 407, "params": {"momentum": "0.95"}}
    said = "went back to step 400 as trial 25 (values of that moment: learning_rate 0.00312)\n"
    assert capsys.readouterr().out == said
    answers(table, "rollback", back.model_copy(update={"params": {"learning_rate": 0.5}}))
    assert main(["trial", "rollback", "digits-mlp", "--to-step", "407", "learning_rate=0.5"]) == 0
    assert capsys.readouterr().out == "went back to step 400 with learning_rate 0.5 as trial 25\n"


def test_a_fork_says_what_it_is_compared_with(table: Service, capsys: Printed) -> None:
    made = intervention(3, kind="fork", step=400, child=25, params={"learning_rate": 0.003})
    answers(table, "fork", made)
    words = ["trial", "fork", "digits-mlp", "--set", "learning_rate=0.003", "--steps", "500"]
    assert main(words) == 0
    assert sent(table) == {"params": {"learning_rate": "0.003"}, "steps": 500}
    said = "trial 25 goes on from step 400 with learning_rate 0.003, beside trial 24; compared after 500 steps\n"
    assert capsys.readouterr().out == said
    assert main([*words, "--in-place", "--keep", "better", "--at-step", "390"]) == 0
    assert sent(table)["in_place"]
    assert sent(table)["keep"] == "better"
    assert sent(table)["at_step"] == 390
    assert "in place of trial 24" in capsys.readouterr().out
    assert main(["trial", "fork", "digits-mlp", "--keep", "better"]) == 2


def test_a_model_is_spread_into_children(table: Service, capsys: Printed) -> None:
    """A line for each."""
    born = [intervention(n, kind="fork", child=21 + n, params={"momentum": 0.9}) for n in (4, 5)]
    answers(table, "spread", *born)
    assert main(["trial", "spread", "digits-mlp", "--children", "2"]) == 0
    assert sent(table) == {"children": 2}
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["25", "26"]


def test_one_of_a_family_is_kept(table: Service, capsys: Printed) -> None:
    route = f"POST /studies/{ID}/trials/25/keep"
    table.answers[route] = (200, [trial(24).model_dump(mode="json")])
    assert main(["trial", "keep", "digits-mlp/25"]) == 0
    assert "Trial 25 of digits-mlp is kept: trial 24 is asked to stop." in capsys.readouterr().out
    table.answers[route] = (200, [])
    assert main(["trial", "keep", "digits-mlp/25"]) == 0
    assert "no other trial" in capsys.readouterr().out
    assert main(["trial", "keep", "digits-mlp"]) == 2


def test_a_finished_trial_is_taken_up_by_hand(table: Service, capsys: Printed) -> None:
    """A new study; that nothing of it was kept is a warning."""
    answer = {"id": ID, "resumed": False, "warnings": ["it trains from its start"]}
    table.answers[f"POST /studies/{ID}/trials/17/panda"] = (201, answer)
    assert main(["trial", "panda", "digits-mlp/17", "--name", "mine"]) == 0
    assert sent(table)["name"] == "mine"
    printed = capsys.readouterr()
    assert "goes on from trial 17 of digits-mlp." in printed.out
    assert "warning: it trains from its start" in printed.err


def test_a_study_alone_names_a_trial_only_where_one_runs(table: Service, capsys: Printed) -> None:
    """Otherwise the choices are named, and nothing is asked of any."""
    for numbers, words in (
        ([24, 25], "2 trials run there now. Name one: digits-mlp/24, digits-mlp/25."),
        ([], "no trial runs there now. Name one: digits-mlp/0, digits-mlp/1, digits-mlp/2, ..."),
    ):
        study = digits_study(running=[trial(n, state="running") for n in numbers])
        table.answers[f"GET /studies/{ID}"] = (200, study.model_dump(mode="json"))
        assert main(["trial", "set", "digits-mlp", "learning_rate=0.1"]) == 2
        assert words in capsys.readouterr().err
    assert "POST" not in {method for method, *_ in table.requests}


def test_a_trial_shows_what_was_done_to_it(table: Service, capsys: Printed) -> None:
    """In words, with who, why and the effect; and where it began."""
    done = [
        intervention(1, effect=HELPED),
        intervention(2, kind="rollback", step=400, child=25, why="it went wild"),
        intervention(3, state="refused", step=None, reason="it was not read"),
        intervention(4, state="asked", kind="fork", step=None, params={"momentum": 0.9}),
    ]
    dumped = [each.model_dump(mode="json") for each in done]
    table.answers[f"GET /studies/{ID}/trials/24/interventions"] = (200, dumped)
    began = trial(24, state="running", touched=True, origin=Origin(number=0, step=380))
    table.answers[f"GET /studies/{ID}/trials/24"] = (200, began.model_dump(mode="json"))
    assert main(["trial", "show", "digits-mlp"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for words in (
        "goes on from trial 0, step 380",
        "Parameters that it began with",
        "▲ learning_rate 0.01 -> 0.0003, in effect after step 412 ana: plateau",
        "helped: loss falls 2.1 times faster, 90% interval 1.4 to 2.9",
        "◀ went back to step 400 as trial 25 ana: it went wild",
        "learning_rate 0.01 -> 0.0003, refused: it was not read",
        "◆ a fork of the newest checkpoint with momentum 0.9, asked",
    ):
        assert words in shown
    assert main(["trial", "show", "digits-mlp/24", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["number"] == 24
    assert told["interventions"][0]["effect"]["word"] == "helped"


def test_the_nurse_says_what_she_may_do_and_did(table: Service, capsys: Printed) -> None:
    """And is switched off and on."""
    acts = [intervention(1, by="nurse", effect=HELPED)]
    nurse = NurseView(
        on=True,
        parameter="learning_rate",
        low=0.001,
        high=0.1,
        steps=600,
        trained=500,
        wasted=40,
        acts=acts,
        report="She acted once in the last day.",
    )
    table.answers[f"GET /studies/{ID}/nurse"] = (200, nurse.model_dump(mode="json"))
    assert main(["nurse", "digits-mlp"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for words in (
        "Nurse of digits-mlp on",
        "may change learning_rate, 0.001 … 0.1",
        "500 of 600 trained, 40 of them taken back",
        "in effect after step 412 plateau",
        "Report She acted once in the last day.",
    ):
        assert words in shown
    off = nurse.model_copy(update={"on": False}).model_dump(mode="json")
    table.answers[f"POST /studies/{ID}/nurse"] = (200, off)
    assert main(["nurse", "digits-mlp", "--off"]) == 0
    assert sent(table) == {"on": False}
    assert "Nurse of digits-mlp off" in " ".join(capsys.readouterr().out.split())
    table.problem(f"GET /studies/{ID}/nurse", 409, "Study digits-mlp-abc has no nurse.")
    assert main(["nurse", "digits-mlp"]) == 1


COMMANDS = [
    ["trial", "set", "digits-mlp", "learning_rate=1"],
    ["trial", "rollback", "digits-mlp", "--to-step", "4"],
    ["trial", "fork", "digits-mlp"],
    ["trial", "spread", "digits-mlp", "--children", "1"],
]


@pytest.mark.parametrize("command", COMMANDS)
def test_programs_get_what_came_of_it(table: Service, capsys: Printed, command: list[str]) -> None:
    """One JSON value: the interventions that the command made."""
    kinds = {"set": "set", "rollback": "rollback", "fork": "fork", "spread": "fork"}
    answers(table, command[1], intervention(7, kind=kinds[command[1]], child=25))
    assert main([*command, "--json"]) == 0
    assert [each["number"] for each in json.loads(capsys.readouterr().out)] == [7]


SCHEDULE = ScheduleView(
    params={"learning_rate": 0.01, "momentum": 0.9},
    seed=1234,
    schedule=(Change(step=120, parameter="learning_rate", value=0.003),),
)


def test_a_schedule_is_printed_and_replayed(
    table: Service, capsys: Printed, tmp_path: Path
) -> None:
    """What is printed is what is read; the fresh trial gets all of it."""
    told = SCHEDULE.model_dump(mode="json")
    table.answers[f"GET /studies/{ID}/trials/24/schedule"] = (200, told)
    assert main(["trial", "schedule", "digits-mlp"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines() == [
        "# Trial 24 of digits-mlp (digits-mlp-abc)",
        "params: {learning_rate: 0.01, momentum: 0.9}",
        "seed: 1234",
        "schedule:",
        "- {step: 120, parameter: learning_rate, value: 0.003}",
    ]
    file = tmp_path / "s.yaml"
    file.write_text(out)
    added = {"params": told["params"], "trial": 25, "value": None}
    table.answers[f"POST /studies/{ID}/trials"] = (201, added)
    assert main(["trial", "replay", "digits-mlp", str(file)]) == 0
    assert sent(table) == told
    assert "trains it next, as trial 25, with 1 change on the way." in capsys.readouterr().out


def test_what_is_wrong_with_a_schedule_is_told_with_line_and_key(
    table: Service, capsys: Printed, tmp_path: Path
) -> None:
    """All at once, before anything is asked of the service; and what the service finds, in the same way."""
    file = tmp_path / "s.yaml"
    file.write_text(
        "params: {learning_rate: [1]}\nseeds: 3\nschedule:\n- {step: -1, parameter: lr}\n- 7\n"
    )
    assert main(["trial", "replay", "digits-mlp", str(file)]) == 2
    told = capsys.readouterr().err
    for words in (
        "line 1, params.learning_rate: a number, text or true/false belongs here, not a list.",
        "line 2, seeds: there is no such key.",
        "seed: this is missing.",
        "line 4, schedule.0.step: -1 is outside",
        "line 4, schedule.0.value: this is missing.",
        "line 5, schedule.1: a mapping belongs here, not a number.",
    ):
        assert words in told
    assert table.requests == []
    file.write_text(as_yaml(SCHEDULE))
    problems = [
        {"path": ["schedule", "0"], "reason": "learning_rate: 7 lies outside [0.0001, 1]"},
        {"path": ["momentum"], "reason": "0.5 lies outside [0.9, 0.999]"},
    ]
    table.problem(f"POST /studies/{ID}/trials", 422, "wrong", problems)
    assert main(["trial", "replay", "digits-mlp", str(file)]) == 2
    told = capsys.readouterr().err
    assert "line 4, schedule.0: learning_rate: 7 lies outside" in told
    assert "line 1, params.momentum: 0.5 lies outside" in told
    assert main(["trial", "replay", "digits-mlp", str(tmp_path / "none.yaml")]) == 2


NAMES = st.from_regex(r"[A-Za-z_][\w.\-]{0,20}", fullmatch=True).filter(str.isascii)
WORDS = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=30)
PLAIN = st.booleans() | st.integers(-(2**60), 2**60) | WORDS
REAL = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=30)
@given(
    st.dictionaries(NAMES, PLAIN | REAL, min_size=1, max_size=4),
    st.integers(0, 2**31 - 1),
    st.lists(
        st.builds(
            Change, step=st.none() | st.integers(0, 2**40), parameter=NAMES, value=PLAIN | REAL
        ),
        max_size=5,
    ),
)
def test_a_schedule_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    params: dict[str, bool | int | float | str],
    seed: int,
    changes: list[Change],
) -> None:
    """To the last digit, and each value in its own type."""
    schedule = ScheduleView(params=params, seed=seed, schedule=tuple(changes))
    file = tmp_path_factory.mktemp("s") / "s.yaml"
    file.write_text(as_yaml(schedule), encoding="utf-8")
    found, _ = read_schedule(file)
    assert found.model_dump_json() == schedule.model_dump_json()
