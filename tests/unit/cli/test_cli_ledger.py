"""`caviar rounds`: the ledger as a person reads it, and the two things that may be done to it."""

from __future__ import annotations

import json

import pytest

from caviar.cli import main
from caviar.cli.views.ledger import round_view, rounds_view
from caviar.cli.views.progress import progress
from caviar.cli.views.result import result
from caviar.contract.views import RoundView, SideView
from tests.support.answering_service import Service
from tests.support.studies_made_up import digits_study, rounds
from tests.unit.cli.test_cli_views import text_of

STUDY = digits_study()


def ledger() -> list[RoundView]:
    """The whole space, two rounds that moved on, and an undo of the second."""
    first, second, third = rounds()
    second = second.model_copy(
        update={
            "before": first.box,
            "support": [4, 9, 2],
            "edges": {
                "learning_rate": "at the upper edge",
                "momentum": "at the study's own upper bound",
                "hidden_units": "at the study's own upper bound",
            },
            "changes": {
                "learning_rate": "narrowed to [0.001, 0.1], half of before",
                "momentum": "kept; the best trial (4) sits at the study's own upper bound 0.999",
            },
        }
    )
    third = third.model_copy(update={"before": second.box, "undone": True})
    undo = RoundView(
        round=3,
        box=second.box,
        before=third.box,
        reason="Round 2 was taken back by ada; the box is that of round 1 again.",
        changes={"learning_rate": "widened back to [0.001, 0.1]"},
        kind="undo",
        parent=1,
        trials=40,
        best=0.95,
    )
    return [first, second, third, undo]


def test_a_round_says_before_and_after_and_why() -> None:
    """Per parameter on its own scale; the trials behind it; the edge that was hit, and the study's own bounds."""
    shown = text_of(round_view(STUDY, ledger()[1]), 80)
    assert "r1 shrink, from 16 trials  best 0.95" in shown
    assert "  The best 6 of 16 trials lie in here." in shown
    assert "learning_rate  0.0001 … 1  →  0.001 … 0.1  narrowed" in shown
    assert "momentum                      0.9 … 0.999  kept" in shown
    assert "at the upper edge in learning_rate" in shown
    assert "at the study's own upper bound in momentum, hidden_units" in " ".join(shown.split())
    assert "rests on trials 4, 9, 2" in shown


def test_the_first_round_has_nothing_before_it() -> None:
    """Only the space, without arrows."""
    first = text_of(round_view(STUDY, ledger()[0]))
    assert "learning_rate  0.0001 … 1\n" in first
    assert "→" not in first


def test_a_round_that_was_taken_back_says_so() -> None:
    """It stays in the ledger, and so does the undo with what it changed."""
    shown = text_of(rounds_view(STUDY, ledger(), 110))
    assert "r2  shrink             taken back: adam fell behind." in shown
    assert "r3  undo    best 0.95  Round 2 was taken back by ada" in shown
    assert "r2" not in shown.splitlines()[2]
    assert "r2 shrink, from 32 trials  taken back" in text_of(round_view(STUDY, ledger()[2]))
    undo = text_of(round_view(STUDY, ledger()[3]))
    assert "learning_rate  0.002 … 0.02  →  0.001 … 0.1  widened back" in undo


def test_the_rounds_are_one_picture_with_a_reason_each() -> None:
    """Parameters down, rounds across, and below why."""
    shown = text_of(rounds_view(STUDY, rounds(), 80), 80).splitlines()
    assert shown[0] == "digits-mlp  3 rounds"
    assert shown[2].split() == ["r0", "r1", "r2"]
    assert shown[3].split() == ["learning_rate", "━━━●━━━━━━", "··━●━━━━··", "···●━━····"]
    assert "r1  shrink  best 0.95  The best 6 of 16 trials lie in here." in shown


def test_of_very_many_rounds_a_terminal_shows_a_few_and_says_so() -> None:
    """In a pipe each has its line."""
    many = [RoundView(round=i, box={}, reason=f"Reason {i}.") for i in range(200)]
    lines = text_of(rounds_view(STUDY, many, 80), 80).splitlines()
    told = [line for line in lines if "Reason" in line]
    assert lines[0].endswith("200 rounds, 5 of them in the picture: where the box moved")
    assert 5 <= len(told) <= 10
    left = 200 - len(told)
    assert f"{left} more are told by `caviar rounds {STUDY.id} | cat`." in lines[-2]
    whole = text_of(rounds_view(STUDY, many, 80, most=len(many)), 80)
    assert whole.count("Reason") == 200


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_ledger_fits_into_the_terminal(width: int) -> None:
    """No line is wider; a long list of categories is wrapped and not cut."""
    choices = [f"optimizer-{letter}" for letter in "abcdefgh"]
    first, second = ledger()[:2]
    longer = [
        r.model_copy(update={"box": r.box | {"solver": SideView(choices=choices)}})
        for r in (first, second)
    ]
    shown = text_of(rounds_view(STUDY, longer, width), width)
    assert max(map(len, shown.splitlines())) <= width
    shown = text_of(round_view(STUDY, longer[1]), width)
    assert max(map(len, shown.splitlines())) <= width
    if width >= 80:
        assert all(choice in shown for choice in choices)


def test_the_ledger_does_not_steer_the_terminal() -> None:
    """Names and reasons come from other people."""
    view = ledger()[1].model_copy(
        update={"reason": "\x1b[2J[bold]x", "edges": {"momentum": "\x1b]0;x"}}
    )
    for picture in (rounds_view(STUDY, [view], 80), round_view(STUDY, view)):
        shown = text_of(picture)
        assert "\x1b" not in shown
        assert "[bold]x" in shown


def test_a_branch_shows_where_it_comes_from() -> None:
    """While it runs, and when it has ended."""
    study = digits_study(branched_from="1a2b3c4d", branched_round=3)
    for picture in (progress(study, 80), result(study, 80)):
        assert "branched from round 3 of 1a2b3c4d" in text_of(picture)
    assert "branched" not in text_of(progress(STUDY, 80))


@pytest.fixture
def known(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service with one study, its ledger, and a branch that it makes when asked."""
    monkeypatch.setenv("CAVIAR_URL", service.url)
    monkeypatch.setenv("LOGNAME", "ada")
    row = STUDY.model_dump(mode="json", exclude={"best"}) | {"done": 23, "best": 0.9}
    branch = digits_study(id="b-1", name="digits-mlp-r2")
    service.answers |= {
        "GET /studies": (200, [row]),
        f"GET /studies/{STUDY.id}": (200, STUDY.model_dump(mode="json")),
        f"GET /studies/{STUDY.id}/rounds": (200, [r.model_dump(mode="json") for r in ledger()]),
        f"POST /studies/{STUDY.id}/rounds/2/undo": (200, ledger()[3].model_dump(mode="json")),
        f"POST /studies/{STUDY.id}/rounds/2/branch": (201, {"id": "b-1"}),
        "GET /studies/b-1": (200, branch.model_dump(mode="json")),
    }
    return service


def posted(service: Service) -> object:
    [body] = [body for method, _, _, body in service.requests if method == "POST"]
    return body


def test_undo_prints_the_new_round(known: Service, capsys: pytest.CaptureFixture[str]) -> None:
    """One line with its reason; it says who asked."""
    assert main(["rounds", "digits-mlp", "--undo", "2"]) == 0
    assert "Round 2 was taken back by ada" in " ".join(capsys.readouterr().out.split())
    assert posted(known) == {"user": "ada"}


def test_branch_prints_the_new_study(known: Service, capsys: pytest.CaptureFixture[str]) -> None:
    """With the name that it was given, or that the service gave it."""
    assert main(["rounds", "digits-mlp", "--branch", "2", "--name", "narrow"]) == 0
    assert "digits-mlp-r2 (b-1) started from round 2 of" in capsys.readouterr().out
    assert posted(known) == {"name": "narrow", "user": "ada"}


def test_one_round_in_numbers(known: Service, capsys: pytest.CaptureFixture[str]) -> None:
    """By its number, as text and as JSON; one that is not there is told."""
    assert main(["rounds", "digits-mlp", "--round", "1"]) == 0
    assert "rests on trials 4, 9, 2" in capsys.readouterr().out
    assert main(["rounds", "digits-mlp", "--round", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["support"] == [4, 9, 2]
    assert main(["rounds", "digits-mlp", "--round", "9"]) == 2
    assert "there is no round 9. The newest is 3." in capsys.readouterr().err


@pytest.mark.parametrize("option, key", [("--undo", "kind"), ("--branch", "id")])
def test_both_print_json(
    option: str, key: str, known: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """One value: the round, or what was submitted."""
    assert main(["rounds", "digits-mlp", option, "2", "--json"]) == 0
    assert key in json.loads(capsys.readouterr().out)


def test_what_the_service_refuses_is_told(
    known: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """A round that is not there: exit code 2. A study that has ended: 1."""
    entry = {"path": ["round"], "reason": "there is no round 99", "way_out": "", "line": None}
    known.problem(f"POST /studies/{STUDY.id}/rounds/99/undo", 422, "wrong", [entry])
    assert main(["rounds", "digits-mlp", "--undo", "99"]) == 2
    assert "there is no round 99" in capsys.readouterr().err
    known.problem(f"POST /studies/{STUDY.id}/rounds/1/undo", 409, "Study a is done.")
    assert main(["rounds", "digits-mlp", "--undo", "1"]) == 1
    assert "is done" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ["--undo", "1", "--branch", "1"],
        ["--round", "1", "--undo", "1"],
        ["--name", "x"],
        ["--undo", "1", "--name", "x"],
        ["--undo"],
    ],
)
def test_options_that_do_not_fit(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Refused before the service is asked."""
    assert main(["rounds", "digits-mlp", *options]) == 2
    assert capsys.readouterr().err
