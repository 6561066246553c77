"""kill -9 in the middle of changes, ways back and forks: each is done or not done, and the books say which.

They are held to it by a replay. The schedule that comes out of the books trains a fresh trial; where anything was half
done, or done and not noted, its curve is another one.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mlflow.tracking import MlflowClient

from caviar.contract.panda import CurveView, InterventionView
from caviar.contract.views import AddedTrial, Submission, TrialView
from tests.support import wait_until
from tests.support.faults import Faults
from tests.support.team import TOKEN, Team, running_team
from tests.support.walk import STUDY, write_walk

VICTIMS = ("trial", "slot", "agent", "scheduler", "host", "zygote", "redis", "mlflow", "shipper")
ACTS = ("set", "rollback", "fork")


@pytest.fixture
def one_host(short_path: Path) -> Iterator[Team]:
    with running_team(short_path / "team", hosts=("host-1",), slots=1) as team:
        yield team


@pytest.mark.parametrize(
    "times", [6, pytest.param(36, marks=pytest.mark.chaos)], ids=["short", "long"]
)
def test_what_was_done_to_a_training_is_what_the_books_say(
    one_host: Team, short_path: Path, seed: int, times: int, figure: Callable[[str], None]
) -> None:
    """A replay of the books has the same loss at each step, to the last digit."""
    team, code = one_host, write_walk(short_path / "code")
    draw = random.Random(seed)
    text = STUDY + "\nbudget: {trials: 100}\n"
    study = team.client.submit(Submission(text=text, folder=str(code))).id
    table = _Table(team, study)
    faults = Faults(team, seed)
    number, asked = 0, 0
    outcomes: list[str] = []
    for turn in range(times):
        act = ACTS[turn % 3] if turn < 3 else draw.choice(ACTS)
        victim = VICTIMS[turn % len(VICTIMS)]
        last = table.until_further(number, 6)
        table.ask(number, act, 10 ** draw.uniform(-3, -0.5), draw.randrange(1, 7), last)
        asked += 1
        faults.strike(victim)
        done = table.until_answered(number)
        outcomes.append(f"{act} under kill of {victim}: {done.state}")
        assert done.state in ("applied", "refused"), (outcomes, team.logs())
        if done.child is not None:
            number = done.child
    table.until_further(number, 3)
    again = table.replayed(number)
    (code / f"enough-{number}").touch()
    table.until(lambda: table.trial(number).state == "done", f"trial {number} has ended")
    further = table.step(number) + 50  # its last reports may still be on their way
    table.until(lambda: table.step(again) >= further, "the replay has come as far")
    (code / f"enough-{again}").touch()
    team.wait_until_ended(study)
    line = table.line_in_mlflow(number)
    steps = [step for step, _ in line]
    # Not compared as lists: the report of the difference would push out what explains it.
    whole = steps == list(range(len(steps)))
    assert whole, table.told(number, outcomes)
    same = table.in_mlflow(again)[: len(line)] == line
    assert same, table.told(number, outcomes)
    figure(
        f"{asked} acts, {sum('applied' in each for each in outcomes)} done; {len(line)} steps the same"
    )


class _Table:
    def __init__(self, team: Team, study: str) -> None:
        self.team, self.study = team, study

    def until(self, look: Callable[[], object], why: str) -> None:
        def answered() -> object:
            try:
                return look()
            except httpx2.HTTPError:  # the service is away this moment
                return None

        try:
            wait_until(answered, 120, why)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.team.logs()}") from None

    def call(self, method: str, path: str, body: Any = None, key: str = "") -> bytes:
        headers = {"Authorization": f"Bearer {TOKEN}"} | ({"Idempotency-Key": key} if key else {})
        url = f"{self.team.url}/api/v1/studies/{self.study}/trials{path}"
        answer = httpx2.request(
            method, url, json=body, headers=headers, timeout=30, trust_env=False
        )
        answer.raise_for_status()
        return answer.content

    def get(self, path: str) -> bytes:
        return self.call("GET", f"/{path}")

    def trial(self, number: int) -> TrialView:
        return TrialView.model_validate_json(self.get(f"{number}"))

    def curve(self, number: int) -> CurveView:
        return CurveView.model_validate_json(self.get(f"{number}/curve"))

    def points(self, number: int) -> list[tuple[int, float | None]]:
        return self.curve(number).points

    def step(self, number: int) -> int:
        points = self.points(number)
        return points[-1][0] if points else -1

    def until_further(self, number: int, steps: int) -> int:
        """Until the training is so many steps further. The last of them."""
        found: list[int] = []

        def further() -> bool:
            if self.trial(number).state != "running":
                return False
            points = self.points(number)
            if points and not found:
                found.append(points[-1][0])
            return bool(points) and points[-1][0] >= found[0] + steps

        self.until(further, f"trial {number} trains {steps} steps")
        return found[0] + steps

    def ask(self, number: int, act: str, rate: float, back: int, last: int) -> None:
        rates = {"learning_rate": rate}
        body: dict[str, Any] = {
            "set": {"params": rates},
            "rollback": {"to_step": max(0, last - back)},
            "fork": {"params": rates, "in_place": True},
        }[act]
        key = uuid.uuid4().hex  # asked once, however often it is sent
        self.until(lambda: self.call("POST", f"/{number}/{act}", body, key), f"{act} is taken")

    def until_answered(self, number: int) -> InterventionView:
        found: list[InterventionView] = []

        def answered() -> bool:
            found[:] = self.curve(number).interventions[-1:]
            return bool(found) and found[0].state != "asked"

        self.until(answered, "it is done or refused")
        return found[0]

    def replayed(self, number: int) -> int:
        told = json.loads(self.get(f"{number}/schedule"))
        made = AddedTrial.model_validate_json(self.call("POST", "", told))
        assert made.trial is not None
        return made.trial

    def line_in_mlflow(self, number: int) -> list[tuple[int, float]]:
        """The curve of the training, through all that it goes on from."""
        points = self.in_mlflow(number)
        origin = self.trial(number).origin
        if origin is None or origin.number is None:
            return points
        before = self.line_in_mlflow(origin.number)
        return [point for point in before if point[0] <= (origin.step or 0)] + points

    def told(self, number: int, outcomes: list[str]) -> str:
        """For who asks why a step is missing: what each training that this one goes on from has in MLflow."""
        rows = list(outcomes)
        while True:
            trial, steps = self.trial(number), [step for step, _ in self.in_mlflow(number)]
            between = f"{steps[0]} to {steps[-1]}" if steps else "none"
            rows.append(
                f"trial {number}, {trial.state}, attempt {trial.attempt}, run {trial.run_id}: "
                f"{len(steps)} steps, {between}; origin {trial.origin}"
            )
            if trial.origin is None or trial.origin.number is None:
                return "\n".join([*rows, self.team.logs()])
            number = trial.origin.number

    def in_mlflow(self, number: int) -> list[tuple[int, float]]:
        self.until(lambda: self.trial(number).run_id, "it has a run")
        client = MlflowClient(self.team.mlflow_url)
        run = str(self.trial(number).run_id)
        return sorted({(each.step, each.value) for each in client.get_metric_history(run, "loss")})
