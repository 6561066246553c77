"""One model by hand, on a real worker: change it while it trains, go back, fork it, replay what came out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from caviar.contract.panda import CurveView, InterventionView, NurseView, ScheduleView
from caviar.contract.views import Submission, TrialView
from tests.support import wait_until
from tests.support.desk import Desk
from tests.support.host import Host, worker_host
from tests.support.servers import RedisServer
from tests.support.service import Service, service
from tests.support.walk import STUDY, write_walk

pytestmark = pytest.mark.real


class Table:
    """A study by hand on a service of its own, with one slot."""

    def __init__(self, caviar: Service, host: Host, code: Path, study: str) -> None:
        self.caviar, self.host, self.code, self.study = caviar, host, code, study

    def path(self, number: int) -> str:
        return f"/studies/{self.study}/trials/{number}"

    def curve(self, number: int = 0) -> CurveView:
        return CurveView.model_validate(self.caviar.get(f"{self.path(number)}/curve").json())

    def trial(self, number: int = 0) -> TrialView:
        return TrialView.model_validate(self.caviar.get(self.path(number)).json())

    def done(self, number: int = 0) -> list[InterventionView]:
        found = self.caviar.get(f"{self.path(number)}/interventions").json()
        return [InterventionView.model_validate(each) for each in found]

    def until_step(self, step: int, number: int = 0) -> None:
        wait_until(
            lambda: (points := self.curve(number).points) and points[-1][0] >= step,
            60,
            f"trial {number} is at step {step}",
        )


@pytest.fixture
def table(short_path: Path, redis_server: RedisServer) -> Iterator[Table]:
    code = write_walk(short_path / "code")
    with (
        service(short_path, redis_server, lease_s=6.0) as caviar,
        worker_host(short_path, redis_server, Desk(url=caviar.url), slots=1) as host,
    ):
        study = caviar.scheduler.submit(Submission(text=STUDY, folder=str(code))).id
        host.start()
        yield Table(caviar, host, code, study)


def test_a_change_is_read_after_the_next_report_and_kept_with_who_and_why(table: Table) -> None:
    """The answer of the training names the step, and its values lie beside the loss by step."""
    table.until_step(10)
    asked_at = table.curve().points[-1][0]
    answer = table.caviar.post(
        f"{table.path(0)}/set", {"params": {"learning_rate": 0.1}, "why": "plateau"}
    )
    assert answer.status_code == 202, answer.text
    wait_until(lambda: table.done()[0].state == "applied", 30, "the training has read it")
    change = table.done()[0]
    assert (change.before, change.value, change.why) == (0.01, 0.1, "plateau")
    assert change.step is not None
    assert change.step >= asked_at
    assert table.curve().live == {"learning_rate": 0.1}
    assert table.trial().touched


def test_what_the_training_does_not_read_is_refused_in_words(table: Table) -> None:
    """A change that would do nothing is not taken."""
    table.until_step(5)
    refused = table.caviar.post(f"{table.path(0)}/set", {"params": {"momentum": 0.9}})
    assert refused.status_code == 409
    assert "does not read momentum as it goes" in refused.json()["detail"]
    wrong = table.caviar.post(f"{table.path(0)}/set", {"params": {"learning_rate": 7.0}})
    assert wrong.status_code == 422
    assert table.done() == []


def test_going_back_restores_the_weights_to_the_bit(table: Table) -> None:
    """The trial that takes the other's place begins with the same weights, and the values of that moment."""
    table.until_step(20)
    table.caviar.post(f"{table.path(0)}/set", {"params": {"learning_rate": 0.9}})
    wait_until(lambda: table.done()[0].state == "applied", 30, "the training has read it")
    changed = table.done()[0].step
    assert changed is not None
    table.until_step(changed + 10)
    asked = {"to_step": changed - 1, "why": "it went wild"}
    answer = table.caviar.post(f"{table.path(0)}/rollback", asked)
    assert answer.status_code == 202, answer.text
    wait_until(lambda: table.done()[1].state == "applied", 30, "the checkpoint is laid aside")
    back = table.done()[1]
    assert back.child == 1
    table.until_step(changed, 1)
    at, weights = json.loads((table.code / "restored-1.json").read_text())
    assert at == back.step
    child = table.trial(1)
    assert child.kind == "fork"
    assert child.params["learning_rate"] == 0.01
    wait_until(lambda: table.trial(0).state == "stopped", 30, "the other one has ended")
    assert "goes on as trial 1" in table.trial(0).error
    begun = table.host.settings.folder / "checkpoints" / f"{table.study}-1" / "0" / str(at)
    there = json.loads((begun / "state.json").read_text())["weights"]
    assert _digest(weights) == _digest(there)


def test_a_schedule_trains_a_fresh_trial_to_the_same_curve(table: Table) -> None:
    """All digits of all steps: the changes, and the way back, are what the schedule says."""
    table.until_step(10)
    for value in (0.1, 0.03):
        before = len(table.done())
        table.caviar.post(f"{table.path(0)}/set", {"params": {"learning_rate": value}})
        wait_until(lambda n=before: table.done()[n].state == "applied", 30, "it has read it")
        table.until_step(table.curve().points[-1][0] + 5)
    last = table.done()[-1].step
    assert last is not None
    table.caviar.post(f"{table.path(0)}/rollback", {"to_step": last - 1})
    wait_until(lambda: table.done()[2].state == "applied", 30, "the checkpoint is laid aside")
    table.until_step(last + 20, 1)
    told = table.caviar.get(f"{table.path(1)}/schedule").json()
    assert len(ScheduleView.model_validate(told).schedule) == 1
    added = table.caviar.post(f"/studies/{table.study}/trials", told)
    assert added.status_code == 201, added.text
    (table.code / "enough-1").touch()
    wait_until(lambda: table.trial(1).state == "done", 30, "it has ended")
    whole = table.curve(1).points  # as far as it is told: the last may be on their way
    step = whole[-1][0]
    table.until_step(step, 2)
    (table.code / "enough-2").touch()
    back = table.done()[2].step
    assert back is not None
    once = [point for point in table.curve(0).points if point[0] <= back] + whole
    again = [point for point in table.curve(2).points if point[0] <= step]
    assert again == once


def test_two_that_were_forked_are_compared_at_equal_steps(table: Table) -> None:
    """In the place of the original, where there is one slot: a copy that does worse goes back by rule."""
    table.until_step(30)
    asked = {"params": {"learning_rate": 1.0}, "steps": 20, "in_place": True, "keep": "better"}
    table.caviar.post(f"{table.path(0)}/fork", asked)
    wait_until(lambda: table.done()[0].child == 1, 30, "the copy is made")
    wait_until(lambda: table.done(1), 60, "the nurse has compared them")
    wait_until(lambda: table.done(1)[0].child == 2, 30, "the original goes on")
    begun = table.trial(2)
    assert begun.params["learning_rate"] == 0.01
    assert begun.origin is not None
    assert begun.origin.step == table.done()[0].step
    effect = table.done()[0].effect
    assert effect is not None
    assert effect.word == "hurt"
    assert "compared after 20 steps: hurt" in table.done(1)[0].why


def test_a_model_is_spread_and_one_is_kept(table: Table) -> None:
    """Its copies wait for slots, each with another learning rate; the one that is kept ends the others."""
    table.until_step(10)
    answer = table.caviar.post(f"{table.path(0)}/spread", {"children": 3, "why": "slots came free"})
    assert answer.status_code == 202, answer.text
    wait_until(lambda: [d.child for d in table.done()] == [1, 2, 3], 30, "three copies are made")
    rates = {table.trial(number).params["learning_rate"] for number in (1, 2, 3)}
    assert len(rates - {0.01}) == 3
    assert all(1e-4 <= float(rate) <= 1.0 for rate in rates)
    ended = table.caviar.post(f"{table.path(2)}/keep").json()
    assert [each["number"] for each in ended] == [0, 1, 3]
    table.until_step(15, 2)
    wait_until(lambda: table.trial(0).state == "stopped", 30, "the original has ended")
    assert [table.trial(number).state for number in (1, 3)] == ["cancelled"] * 2


def test_one_can_go_back_further_after_having_gone_back(table: Table) -> None:
    """What the original kept up to there came along."""
    table.until_step(32)
    table.caviar.post(f"{table.path(0)}/rollback", {"to_step": 27})
    wait_until(lambda: table.done()[0].child == 1, 30, "another takes its place")
    table.until_step(30, 1)
    assert table.curve(1).checkpoints[:6] == [0, 5, 10, 15, 20, 25]
    table.caviar.post(f"{table.path(1)}/rollback", {"to_step": 12})
    wait_until(lambda: table.done(1)[0].child == 2, 30, "another takes its place")
    table.until_step(15, 2)
    begun = table.trial(2).origin
    assert begun is not None
    assert begun.step == 10


NURSED = (
    STUDY.replace("learning_rate: 0.01,", "learning_rate: 0.0005,")
    + """
nurse: {parameter: learning_rate, steps: 300}
"""
)


def test_the_nurse_finds_that_a_learning_rate_is_too_low(
    short_path: Path, redis_server: RedisServer
) -> None:
    """She tries higher ones, from a checkpoint, and says why; switched off she acts no more."""
    code = write_walk(short_path / "code")
    with (
        service(short_path, redis_server, lease_s=6.0) as caviar,
        worker_host(short_path, redis_server, Desk(url=caviar.url), slots=1) as host,
    ):
        study = caviar.scheduler.submit(Submission(text=NURSED, folder=str(code))).id
        host.start()

        def seen() -> NurseView:
            return NurseView.model_validate(caviar.get(f"/studies/{study}/nurse").json())

        wait_until(lambda: len(seen().acts) >= 2, 60, "the nurse has acted")
        acts = seen().acts
        assert acts[0].by == "nurse"
        assert acts[0].kind == "rollback"
        assert acts[0].params == {"learning_rate": pytest.approx(0.005)}
        assert "a race from step" in acts[0].why
        off = NurseView.model_validate(caviar.post(f"/studies/{study}/nurse", {"on": False}).json())
        assert not off.on

        def asked() -> bool:
            return any(act.state == "asked" for act in seen().acts)

        wait_until(lambda: not asked(), 30, "what she had asked for is done")
        count = len(seen().acts)
        table = Table(caviar, host, code, study)
        newest = max(act.child or 0 for act in seen().acts)
        table.until_step((table.curve(newest).points or [(0, 0)])[-1][0] + 60, newest)
        later = [act.why for act in seen().acts[count:]]
        assert later in ([], ["switched off in the middle of a race: the best value so far"])
        said = seen()
        assert said.trained > said.wasted > 0
        assert "She acted" in said.report


def _digest(weights: list[float]) -> str:
    return hashlib.sha256(json.dumps(weights).encode()).hexdigest()
