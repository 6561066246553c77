"""Early stopping on a real worker host: real Redis, Celery and processes; the scheduler's side over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from caviar.contract.messages import StopRule
from tests.support import wait_until
from tests.support.desk import Desk
from tests.support.host import Host
from tests.support.user_code import trainer

pytestmark = pytest.mark.real

RULE = StopRule(first=0, last=39, rungs=(2, 8), values=((0.5, 0.6, 0.7), (0.6, 0.7)))


def test_a_trial_that_falls_behind_ends_early_and_a_good_one_trains_whole(
    host: Host, code: Path
) -> None:
    """By the values of others that came with the claim; the report says where, with what it had reached."""
    host.start()
    host.train("bad", trainer(code, "steady"), params={"x": 0.1}, stop=RULE)
    host.train("good", trainer(code, "steady"), params={"x": 0.9}, stop=RULE)

    bad = host.finish_of("bad")
    assert (bad.outcome, bad.value, bad.steps) == ("stopped", 0.1, 3)
    assert bad.error == "stopped early at step 2 of about 39, rung 1 of 2"
    assert bad.curve == ((0, 0.1), (2, 0.1))

    good = host.finish_of("good")
    assert (good.outcome, good.value, good.steps, good.error) == ("done", 0.9, 40, "")
    assert [step for step, _ in good.curve] == [0, 2, 8, 26, 39]
    curves = host.settings.folder / "rungs"
    wait_until(lambda: not list(curves.glob("*.1.jsonl")), 30, "what was compared is gone")


def test_heartbeats_carry_curves_up_and_the_rule_down(host: Host, code: Path, desk: Desk) -> None:
    """A study whose trials were claimed before anybody knew the rungs: the rule comes while they run."""
    host.start()
    for name, x in (("worse", 0.4), ("better", 0.8)):
        params = {"x": x, "waits": True}
        host.train(name, trainer(code, "steady"), params=params, stop=StopRule())

    def heard() -> bool:
        curves = {held.trial: held.curve for beat in desk.beats[-2:] for held in beat.held}
        return curves == {"worse": ((0, 0.4),), "better": ((0, 0.8),)}

    wait_until(heard, why="both curves are heard of")
    desk.rules["study-1"] = RULE.model_copy(update={"values": ((0.5, 0.6), ())})
    rule = host.settings.folder / "rungs" / "study-1.json"
    wait_until(lambda: rule.exists() and "39" in rule.read_text(), why="the rule has come")
    (code / "go").touch()
    assert host.finish_of("better").outcome == "done"
    assert host.finish_of("worse").curve == ((0, 0.4), (2, 0.4))


def test_a_trainer_that_never_looks_is_ended_after_the_grace(host: Host, code: Path) -> None:
    """Its last value is what it is worth; nothing is tried again."""
    host.start()
    host.train("stubborn", trainer(code, "stubborn"), params={"x": 0.1}, stop=RULE)
    finish = host.finish_of("stubborn")
    assert (finish.outcome, finish.value) == ("stopped", 0.1)
    assert finish.error.startswith("stopped early at step 2")
