"""What a study's page advises, and how it calls things."""

from __future__ import annotations

from typing import Any

import pytest

from caviar.contract.views import Best, Confirmed, RoundView, SideView, StudyView
from caviar.errors import InputError
from caviar.web.advice import is_over, last_line, what_now
from caviar.web.table import Asked, asked
from caviar.web.words import picture_words, side_rows, when_words
from tests.support.studies_made_up import PARAMETERS, digits_study, rounds, trial

BEST = Best(trial=4, value=0.97, params={"learning_rate": 0.003})
NOTHING = {"failures": [], "rounds": []}


def study(**fields: Any) -> StudyView:
    """With nothing to say of it but what ``fields`` bring."""
    counts = {"queued": 0, "dispatched": 0, "running": 0, "done": 0, "stopped": 0, "failed": 0}
    counts |= {"cancelled": 0, "quarantined": 0} | fields.pop("counts", {})
    return digits_study(**(NOTHING | {"counts": counts} | fields))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"state": "running", "counts": {"running": 2}}, "Nothing to do"),
        ({"state": "running"}, "No trial has begun yet"),
        ({"state": "running", "counts": {"done": 3}}, "No trial of it trains at this moment"),
        ({"state": "paused", "counts": {"running": 1}}, "1 trial that had begun"),
        ({"state": "stopped", "counts": {"running": 1}}, "being ended"),
        ({"state": "failed", "best": None}, "ended without a result"),
        ({"state": "done", "best": BEST}, "chosen for one good value"),
    ],
)
def test_the_first_advice_follows_the_state(fields: dict[str, Any], said: str) -> None:
    """One sentence that a person can act on, or that says that there is nothing to do."""
    assert said in what_now(study(**fields))[0].words


def test_a_confirmed_best_is_for_use() -> None:
    """Then nothing has to be trained again first."""
    best = BEST.model_copy(update={"confirmed": Confirmed(runs=3, mean=0.96)})
    told = what_now(study(state="done", best=best))
    assert told[0].words.startswith("Use the parameters of trial 4.")
    assert told[0].link.endswith("/champion")


def test_a_best_at_the_studys_own_bound_asks_for_more_room() -> None:
    """It names the side of the file to widen, and the round that says so; a round taken back says nothing."""
    edges = {"learning_rate": "at the upper edge and at the study's own upper bound"}
    newest = rounds()[1].model_copy(update={"edges": edges})
    told = what_now(study(state="running", best=BEST, rounds=[newest], counts={"running": 1}))
    assert "widen high of learning_rate" in told[1].words
    assert "(1)" in told[1].words
    assert told[1].link == "#round-1"
    undone = newest.model_copy(update={"undone": True})
    assert len(what_now(study(state="running", best=BEST, rounds=[undone]))) == 1


def test_many_failures_come_first() -> None:
    """A few come last; a fifth of all is the first thing to look at, with the error's last line."""
    failed = trial(9, state="failed", error="Traceback ...\nValueError: too large\n")
    fields: dict[str, Any] = {"state": "running", "failures": [failed]}
    many = what_now(study(**fields, counts={"failed": 3, "done": 4, "running": 1}))
    few = what_now(study(**fields, counts={"failed": 1, "done": 40, "running": 1}))
    assert many[0].words == "3 trials failed. Look at trial 9: ValueError: too large"
    assert few[-1].words.startswith("1 trial failed.")


def test_it_is_over_once_nothing_is_open() -> None:
    """A study that was stopped still ends what runs."""
    assert not is_over(study(state="stopped", counts={"running": 1}))
    assert is_over(study(state="stopped"))
    assert not is_over(study(state="paused"))


def test_the_last_line_is_the_error() -> None:
    """Of a traceback; of nothing it is nothing."""
    assert last_line("a\n b \n\n") == "b"
    assert last_line("") == ""


def test_a_round_says_what_moved() -> None:
    """The side before only where it is another; categories by name; numbers are not repeated in the change."""
    view = RoundView(
        round=1,
        box={"learning_rate": SideView(low=0.001, high=0.1), "solver": SideView(choices=["sgd"])},
        before={
            "learning_rate": SideView(low=0.0001, high=1.0),
            "solver": SideView(choices=["sgd"]),
        },
        reason="",
        changes={"learning_rate": "narrowed to [0.001, 0.1], a half of before", "solver": "kept"},
    )
    rate, solver = side_rows(study(), view)
    assert (rate.before, rate.after, rate.change) == ("0.0001 … 1", "0.001 … 0.1", "narrowed")
    assert (solver.before, solver.after, solver.change) == ("", "sgd", "kept")


def test_a_condition_is_said_in_words() -> None:
    """Beside the field of a parameter that is not always there."""
    momentum = PARAMETERS[1].model_copy(update={"when": {"solver": ["sgd", "adam"]}})
    assert when_words(momentum) == "with solver = sgd or adam"
    assert when_words(PARAMETERS[0]) == ""


def test_pictures_say_what_they_show() -> None:
    """To who cannot see them: the content, not the kind of picture."""
    said = picture_words(study(best=BEST, counts={"done": 40, "failed": 2}))
    assert said["progress"] == "Best so far 0.97 after 42 trials, found by trial 4."
    assert picture_words(study(best=None))["progress"].startswith("No value of val_accuracy yet")


def test_an_address_has_only_what_is_not_usual() -> None:
    """And leads back to the same table."""
    plain = asked(state="", kind="", round="", text="", sort="number", down=True, page=1)
    assert plain.query() == ""
    other = Asked("failed", "", "3", "a b&c", "param:x", False, 2)
    assert other.query() == "state=failed&round=3&text=a+b%26c&sort=param%3Ax&down=False&page=2"
    assert other.query(page=1).endswith("down=False")


def test_a_state_that_there_is_not_is_refused() -> None:
    """With those that there are."""
    with pytest.raises(InputError, match="One of queued, dispatched"):
        asked(state="gone", kind="", round="", text="", sort="number", down=True, page=1)
