"""Undo and branch on a real SQLite store, with the refinement job beside the scheduler."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from caviar.adapters.sql import RoundRow, Store, migrate, open_engine
from caviar.contract.messages import ClaimRequest, Finish, Hello, Ticket
from caviar.contract.views import Submission
from caviar.errors import InputError, NotAllowed, ServiceError
from caviar.refinement import Refiner, refiner
from caviar.scheduler import Scheduler, ledger
from caviar.scheduler.scheduler import ROUNDS_S
from caviar.search import Round, refine
from caviar.space import Space
from caviar.studies.spec import load_study

STUDY = """
# The learning rate of a bowl.
name: bowl   # a short one
metric: {name: loss, goal: minimize}
trainer: {function: "bowl:train"}
space:
  x: {type: float, low: -1.0, high: 1.0}
  y: {type: float, low: 0.0001, high: 1.0, scale: log}
budget: {trials: 60}
"""


class Service:
    """A scheduler and a refiner on one store; a training takes as long as the scheduler looks away from new rounds."""

    def __init__(self, path: Path) -> None:
        engine = open_engine(f"sqlite:///{path}")
        migrate(engine)
        self.store = Store(engine)
        self.tickets: list[Ticket] = []
        self.now = 0.0
        self.refiner = Refiner(self.store, lambda _: None)
        self.restart()
        self.study = self.scheduler.submit(Submission(text=STUDY, user="ada")).id
        self.space: Space = load_study(STUDY).space

    def restart(self) -> None:
        self.tickets.clear()
        self.scheduler = Scheduler(
            self.store,
            lambda ticket, _: self.tickets.append(ticket),
            lease_s=60,
            claim_s=60,
            clock=lambda: self.now,
        )
        self.scheduler.hello(Hello(host="h", incarnation="i", slots=1))

    def train(self, count: int, refining: bool = True) -> list[dict[str, Any]]:
        """Train the next ``count`` trials; their points."""
        points = []
        while len(points) < count:
            self.now += 2 * ROUNDS_S
            self.scheduler.tick()
            ticket = self.tickets.pop(0)
            name = {"attempt": ticket.attempt, "nonce": "nonce-00", "trial": ticket.trial}
            ask = ClaimRequest(**name, host="h", incarnation="i", slot=0)
            if not self.scheduler.claim(ask).granted:
                continue
            x, y = float(ticket.params["x"]), float(ticket.params["y"])
            loss = (x - 0.3) ** 2 + (y - 0.01) ** 2
            self.scheduler.finish(Finish(**name, outcome="done", value=loss))
            points.append(dict(ticket.params))
            if refining:
                self.refiner.turn()
        return points

    def rows(self, study: str | None = None) -> list[RoundRow]:
        return self.store.rounds(study or self.study)

    def rounds(self, study: str | None = None) -> list[Round]:
        return [Round.from_json(self.space, row.data) for row in self.rows(study)]


@pytest.fixture
def service(tmp_path: Path) -> Service:
    made = Service(tmp_path / "caviar.db")
    made.train(24)
    assert len(made.rows()) > 3
    return made


def test_the_next_trials_come_from_the_undone_box(service: Service) -> None:
    """At once, without a restart; the trials that were on their way still count."""
    before = service.rounds()
    new = service.scheduler.undo(service.study, 2, "ada")
    assert service.rounds() == [*before, new]
    assert new.box == before[1].box
    service.train(3)
    rows = service.store.trials(service.study, after=service.store.trials(service.study)[-2].number)
    assert rows[-1].round == new.index
    assert len(service.rows()) == new.index + 1


def test_the_refiner_goes_on_from_an_undo(service: Service) -> None:
    """After a whole rhythm of results the next round descends from the undo, not from what it took back."""
    new = service.scheduler.undo(service.study, 2)
    while len(service.rows()) == new.index + 1:
        service.train(1)
    last = service.rounds()[-1]
    assert last.parent == new.index
    assert last.results - new.results >= 4 or last.best < new.best


def test_a_restart_finds_the_undo(service: Service) -> None:
    """It is in the ledger, and nowhere else."""
    new = service.scheduler.undo(service.study, 2)
    service.restart()
    service.refiner = Refiner(service.store, lambda _: None)
    service.train(2)
    assert service.store.trials(service.study)[-1].round == new.index


def test_a_refiner_in_the_middle_of_a_round_does_not_write_over_an_undo(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It computes from the round that is taken back meanwhile: what it found is dropped, and it reads again."""
    last = service.rounds()[-1]

    def interrupted(*given: Any) -> Round | None:
        found = refine(*given)
        if found is not None and len(service.rows()) == last.index + 1:
            service.scheduler.undo(service.study, last.index)
        return found

    monkeypatch.setattr(refiner, "refine", interrupted)
    while len(service.rows()) == last.index + 1:
        service.train(1)
    assert [row.data["kind"] for row in service.rows()[last.index + 1 :]] == ["undo"]
    while len(service.rows()) == last.index + 2:
        service.train(1)
    undo, following = service.rounds()[-2:]
    assert (following.index, following.parent) == (undo.index + 1, undo.index)


def overtaken(service: Service, times: int) -> Callable[..., bool]:
    """An ``add_round`` before which a refiner writes the same index, ``times`` times."""
    add, left = service.store.add_round, [times]

    def late(study: str, index: int, data: dict[str, Any], sources: Any) -> bool:
        if left[0]:
            left[0] -= 1
            other = service.rows()[-1].data | {"index": index, "parent": index - 1, "kind": "keep"}
            assert add(study, index, other, [])
        return add(study, index, data, sources)

    return late


def test_an_undo_that_was_overtaken_takes_the_new_round_back_too(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refiner was first with this index: the undo is the next one, and its reason counts it in."""
    count = len(service.rows())
    monkeypatch.setattr(service.store, "add_round", overtaken(service, 1))
    new = service.scheduler.undo(service.study, 2)
    assert new.index == count + 1
    assert f"Rounds 2 to {count} were taken back" in new.reason


def test_an_undo_that_is_overtaken_again_and_again_gives_up(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was written; the person may try again."""
    monkeypatch.setattr(service.store, "add_round", overtaken(service, 2))
    with pytest.raises(ServiceError, match="try again"):
        service.scheduler.undo(service.study, 2)
    assert "undo" not in {row.data["kind"] for row in service.rows()}


def test_an_undo_says_what_it_was_computed_from(service: Service) -> None:
    """All trials that had ended, as of every other round: a branch from it has them."""
    service.scheduler.undo(service.study, 2)
    newest = service.rows()[-1].index
    assert len(service.store.computed_from(service.study, newest)) == 24


def test_the_ledger_of_an_ended_study_stays(service: Service) -> None:
    """There is no next trial that an undo could be for."""
    service.scheduler.stop(service.study)
    count = len(service.rows())
    with pytest.raises(NotAllowed, match="is stopped"):
        service.scheduler.undo(service.study, 1)
    assert len(service.rows()) == count


def branch(service: Service, number: int, name: str | None = None) -> str:
    origin = service.store.study(service.study)
    assert origin is not None
    return service.scheduler.branch(origin, number, name, "ada").id


def test_a_branch_is_a_study_of_its_own(service: Service) -> None:
    """The same file under another name, from the round's box, with the round's results from elsewhere."""
    service.scheduler.stop(service.study)
    rounds = service.rounds()
    new = service.store.study(branch(service, 2))
    assert new is not None
    assert (new.name, new.branched_from, new.branched_round) == ("bowl-r2", service.study, 2)
    assert new.source == STUDY.replace("name: bowl ", 'name: "bowl-r2" ')
    [first] = service.rounds(new.id)
    assert (first.kind, first.box) == ("branch", rounds[2].box)
    assert f"ada branched from round 2 of bowl ({service.study})" in first.reason
    priors = service.store.priors(new.id)
    assert len(priors) == len(service.store.computed_from(service.study, 2))
    assert {prior.source for prior in priors} == {f"study:{service.study}"}
    of_origin = [(row.params, row.value) for row in service.store.trials(service.study)]
    assert all((prior.params, prior.value) in of_origin for prior in priors)


def test_a_branch_trains_within_its_box_at_once(service: Service) -> None:
    """The first one tries the best of what is known; the other study's ledger is not touched."""
    service.scheduler.stop(service.study)
    service.tickets.clear()
    count = len(service.rows())
    new = branch(service, 2, "narrow")
    box = service.rounds(new)[0].box
    points = service.train(2)
    assert all(box.contains(point) for point in points)
    best = min(service.store.priors(new), key=lambda prior: prior.value)
    assert points[0] == pytest.approx(best.params)
    service.train(6)
    assert len(service.rows(new)) > 1
    assert service.rounds(new)[1].parent == 0
    assert len(service.rows()) == count


def test_a_branch_of_a_branch_knows_both_pasts(service: Service) -> None:
    """What a study had from elsewhere goes along, with its source."""
    service.scheduler.stop(service.study)
    service.tickets.clear()
    first = branch(service, 2)
    service.train(8)
    origin = service.store.study(first)
    assert origin is not None
    second = service.scheduler.branch(origin, 1).id
    sources = [prior.source for prior in service.store.priors(second)]
    assert set(sources) == {f"study:{service.study}", f"study:{first}"}
    assert [prior.number for prior in service.store.priors(second)] == list(range(len(sources)))
    assert service.store.study(second).name == "bowl-r2-r1"  # type: ignore[union-attr]


@pytest.mark.parametrize("number, name", [(99, None), (-1, None), (1, "no/slash"), (1, "x" * 65)])
def test_a_branch_that_cannot_be_adds_nothing(
    service: Service, number: int, name: str | None
) -> None:
    """No such round, or no name for a study."""
    with pytest.raises(InputError):
        branch(service, number, name)
    assert len(service.store.studies()) == 1


def test_a_long_name_leaves_room_for_the_round(service: Service) -> None:
    """The branch's default name is one that a study may have."""
    text = STUDY.replace("name: bowl", "name: " + "b" * 64)
    study = service.scheduler.submit(Submission(text=text)).id
    origin = service.store.study(study)
    assert origin is not None
    new = ledger.branch(service.store, origin, 0, None, None, origin.team)[0]
    assert new.name == "b" * 61 + "-r0"
