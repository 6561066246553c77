"""A convolutional network in PyTorch on the digits, babysat: taken back to the bit, replayed to the last digit."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from caviar.contract.panda import CurveView, InterventionView
from caviar.contract.views import Submission, TrialView
from tests.support import wait_until
from tests.support.desk import Desk
from tests.support.host import worker_host
from tests.support.servers import RedisServer
from tests.support.service import Service, service

pytest.importorskip("torch", reason="PyTorch is not installed: `make test-frameworks` has it")
pytestmark = [pytest.mark.real, pytest.mark.frameworks, pytest.mark.timeout(900)]

STUDY = """
name: digits-cnn
mode: panda
metric: {name: val_loss, goal: minimize}
trainer: {function: "cnn:train"}
space:
  learning_rate: {type: float, low: 1.0e-4, high: 1.0, scale: log, live: true}
  channels: {type: int, low: 4, high: 32}
warm_start: {points: [{learning_rate: 0.01, channels: 8}]}
"""
CNN = """
import hashlib
import json
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import nn

from caviar.integrations.torch import epochs, follow


def digest(model):
    found = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        found.update(name.encode() + tensor.numpy().tobytes())
    return found.hexdigest()


def train(trial):
    torch.set_num_threads(1)
    torch.manual_seed(trial.seed)
    x, y = load_digits(return_X_y=True)
    x = torch.tensor(x / 16.0, dtype=torch.float32).reshape(-1, 1, 8, 8)
    y = torch.tensor(y)
    channels = int(trial.params["channels"])
    model = nn.Sequential(
        nn.Conv2d(1, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(channels, 2 * channels, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Dropout(0.1),
        nn.Linear(2 * channels * 16, 10),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    loss = nn.CrossEntropyLoss()
    first = True
    for epoch in epochs(trial, 10_000, model=model, optimizer=optimizer):
        if first:
            Path(f"began-{trial.number}").write_text(digest(model))
            first = False
        follow(trial, optimizer, lr="learning_rate")
        model.train()
        for rows in torch.randperm(1500).split(64):
            optimizer.zero_grad()
            loss(model(x[rows]), y[rows]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            trial.report(epoch, val_loss=loss(model(x[1500:]), y[1500:]).item())
        with Path(f"weights-{trial.number}").open("a") as file:
            file.write(json.dumps([epoch, digest(model)]) + "\\n")
        if Path(f"enough-{trial.number}").exists():
            break
"""


class Table:
    def __init__(self, caviar: Service, code: Path, study: str) -> None:
        self.caviar, self.code, self.study = caviar, code, study

    def path(self, number: int) -> str:
        return f"/studies/{self.study}/trials/{number}"

    def curve(self, number: int = 0) -> CurveView:
        return CurveView.model_validate(self.caviar.get(f"{self.path(number)}/curve").json())

    def trial(self, number: int) -> TrialView:
        return TrialView.model_validate(self.caviar.get(self.path(number)).json())

    def step(self, number: int = 0) -> int:
        points = self.curve(number).points
        return points[-1][0] if points else -1

    def reported(self) -> int:
        """The last report of trial 0, as the training itself has written it down."""
        return _pair((self.code / "weights-0").read_text().splitlines()[-1])[0]

    def until_step(self, step: int, number: int = 0) -> None:
        wait_until(lambda: self.step(number) >= step, 120, f"trial {number} is at step {step}")

    def until_applied(self, count: int, number: int = 0) -> InterventionView:
        def done() -> bool:
            found = self.curve(number).interventions
            return len(found) == count and found[-1].state == "applied"

        wait_until(done, 60, "it is done")
        return self.curve(number).interventions[-1]


@pytest.fixture
def table(short_path: Path, redis_server: RedisServer) -> Iterator[Table]:
    code = short_path / "code"
    code.mkdir()
    (code / "cnn.py").write_text(CNN)
    with (
        service(short_path, redis_server, lease_s=6.0) as caviar,
        worker_host(short_path, redis_server, Desk(url=caviar.url), slots=1) as host,
    ):
        study = caviar.scheduler.submit(Submission(text=STUDY, folder=str(code))).id
        host.start()
        yield Table(caviar, code, study)


def test_a_network_is_changed_taken_back_and_replayed(
    table: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    """Figures are printed: how long a change takes to be acknowledged, in reports and in seconds."""
    table.until_step(8)
    steps, seconds = [], []
    for count, rate in enumerate((0.1, 0.03, 0.003, 0.01, 0.05), 1):
        before, asked = table.reported(), time.monotonic()
        answer = table.caviar.post(f"{table.path(0)}/set", {"params": {"learning_rate": rate}})
        assert answer.status_code == 202, answer.text
        change = table.until_applied(count)
        seconds.append(time.monotonic() - asked)
        assert change.step is not None
        steps.append(change.step - before)
        assert change.step <= before + 2  # one may end while this is asked
        table.until_step(change.step + 3)
    begun, first = time.monotonic(), table.step()
    table.until_step(first + 10)
    interval = (time.monotonic() - begun) / 10

    back = table.step() - 6
    table.caviar.post(f"{table.path(0)}/rollback", {"to_step": back, "why": "to see"})
    to = table.until_applied(6).step
    assert to is not None
    table.until_step(to + 8, 1)
    weights = dict(map(_pair, (table.code / "weights-0").read_text().splitlines()))
    assert (table.code / "began-1").read_text() == weights[to]

    told = table.caviar.get(f"{table.path(1)}/schedule").json()
    assert len(told["schedule"]) == 5
    table.caviar.post(f"/studies/{table.study}/trials", told)
    (table.code / "enough-1").touch()
    wait_until(lambda: table.trial(1).state == "done", 60, "it has ended")
    whole = table.curve(1).points
    last = whole[-1][0]
    table.until_step(last, 2)
    (table.code / "enough-2").touch()
    line = {step: value for step, value in table.curve(0).points if step <= to} | dict(whole)
    again = {step: value for step, value in table.curve(2).points if step <= last}
    assert again == line
    with capsys.disabled():
        sys.stdout.write(
            f"\na report every {interval:.2f} s; acknowledged after {steps} reports,"
            f" {[round(each, 2) for each in seconds]} s; taken back to step {to}, weights"
            f" {weights[to][:12]} again; {len(line)} steps replayed to the last digit\n"
        )


def _pair(line: str) -> tuple[int, str]:
    step, digest = json.loads(line)
    assert len(digest) == len(hashlib.sha256().hexdigest())
    return int(step), str(digest)
