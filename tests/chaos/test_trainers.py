"""Trainers that misbehave: each study's books are right, nothing of its trials lives on, the others train as ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import wait_until
from tests.support.bad_trainers import function, write_trainers
from tests.support.books import check_books, read_sql
from tests.support.team import Team

pytestmark = pytest.mark.chaos

ENDS: dict[str, tuple[dict[str, int], str]] = {
    "steady": ({"done": 3}, ""),
    "segfault": ({"quarantined": 1, "done": 2}, "SIGSEGV"),
    "leak": ({"failed": 3}, "MemoryError"),
    "forks": ({"done": 3}, ""),
    "prints": ({"done": 3}, ""),
    "nan": ({"failed": 3}, "finite"),
    "nothing": ({"failed": 3}, "without a value of the metric 'score'"),
    "silent": ({"done": 3}, ""),
    "exits": ({"quarantined": 3}, "exit status 3"),
    "raises": ({"failed": 3}, "it broke"),
}
"""By trainer: how its three trials end, and what is said of the worst of them."""


@pytest.fixture(scope="module")
def studies(standing_team: Team, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """All of them at once, on the same hosts."""
    standing_team.whole()
    code = write_trainers(tmp_path_factory.mktemp("trainers") / "code")
    return {name: standing_team.submit(name, function(name), 3, code) for name in ENDS}


@pytest.mark.parametrize("name", ENDS)
def test_a_trainer_that_misbehaves_harms_its_own_trials_alone(
    standing_team: Team, studies: dict[str, str], name: str
) -> None:
    """Its trials end as they must, each with its one run, and say why."""
    counts, reason = ENDS[name]
    standing_team.wait_until_ended(studies[name])
    assert check_books(standing_team, studies[name], created=3) == counts
    books = read_sql(standing_team, studies[name])
    assert any(reason in book.error for book in books)
    for book in books:
        if book.state == "quarantined":
            assert book.attempts == ("crashed",) * 3


def test_a_trial_that_ignores_every_signal_is_ended_with_its_study(team: Team, code: Path) -> None:
    """It is asked, sent SIGTERM, then killed: the study's books close."""
    study = team.submit("deaf", function("deaf"), 2, code)
    wait_until(lambda: sum(b.state == "running" for b in read_sql(team, study)) == 2, 60, "2 run")
    team.client.stop(study)
    team.wait_until_ended(study)
    assert check_books(team, study, created=2) == {"cancelled": 2}
