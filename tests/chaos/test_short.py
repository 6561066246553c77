"""The short form of the suite, inside `make test`: every part is killed once, and the worst trainers train beside."""

from __future__ import annotations

import time
from pathlib import Path

from tests.support import wait_until
from tests.support.bad_trainers import function
from tests.support.books import check_books, read_sql
from tests.support.faults import KINDS, Faults
from tests.support.team import Team


def test_every_part_is_killed_and_every_trial_is_counted_once(
    team: Team, code: Path, seed: int
) -> None:
    """kill -9 of each part of the service and each process of a host, in a drawn order, under one study."""
    trials = 80
    study = team.submit("killed", function("steady"), trials, code)
    faults = Faults(team, seed)
    wait_until(lambda: any(b.state == "done" for b in read_sql(team, study)), 90, "it trains")
    for kind in faults.shuffled(KINDS):
        if _over(team, study):
            break
        wait_until(lambda kind=kind: faults.strike(kind) or _over(team, study), 60, kind)  # type: ignore[misc]
        time.sleep(0.3)
    team.wait_until_ended(study)
    counts = check_books(team, study, created=trials, steps=5)
    odd = [b for b in read_sql(team, study) if b.state not in ("done", "quarantined")]
    assert not odd, "\n".join([*map(str, odd), *faults.log])
    assert counts["done"] >= trials - 2, faults.log


def _over(team: Team, study: str) -> bool:
    view = team.study(study)
    return view is not None and view.state == "done"


def test_poison_forks_and_lies_end_their_own_trials_alone(team: Team, code: Path) -> None:
    """A segmentation fault is quarantined after three attempts, stray children end, no value is a failure."""
    studies = {
        name: team.submit(name, function(name), 2, code) for name in ("segfault", "forks", "nan")
    }
    team.wait_until_ended(*studies.values())
    counts = {name: dict(check_books(team, study, created=2)) for name, study in studies.items()}
    assert counts == {
        "segfault": {"quarantined": 1, "done": 1},
        "forks": {"done": 2},
        "nan": {"failed": 2},
    }
    poison = read_sql(team, studies["segfault"])[0]
    assert poison.attempts == ("crashed",) * 3
