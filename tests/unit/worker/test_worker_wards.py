"""What the agent tells of trainings that can be changed, and what it asks: whatever they write, whatever fails."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from caviar.contract.messages import Assignment, Trainer
from caviar.contract.panda import Order, Orders, Report, ReportAnswer, Waiting
from caviar_worker import forks, wards
from caviar_worker.beats import Beats
from caviar_worker.disk import Disk
from caviar_worker.files import write_json
from caviar_worker.folders import AttemptFolder
from caviar_worker.live import Told, read_told
from caviar_worker.outcome import Ending
from caviar_worker.reporting import write_down
from caviar_worker.settings import WorkerSettings
from caviar_worker.wards import Listener, Teller


@dataclass
class Service:
    """Stands where the scheduler's client stands. ``knows``: it has the training, and takes what is told of it."""

    knows: bool = True
    told: list[Report] = field(default_factory=list)
    asked: list[Waiting] = field(default_factory=list)
    orders_: tuple[Order, ...] = ()

    def report_wards(self, report: Report) -> ReportAnswer:
        self.told.append(report)
        known = {ward.trial: ward.end for ward in report.wards} if self.knows else {}
        return ReportAnswer(known=known)

    def orders(self, waiting: Waiting) -> Orders:
        self.asked.append(waiting)
        return Orders(orders=dict.fromkeys(waiting.open, self.orders_))


@pytest.fixture
def folder(tmp_path: Path) -> AttemptFolder:
    """An attempt that trains, and has read a value."""
    folder = AttemptFolder(tmp_path, "study-0", 1)
    folder.path.mkdir(parents=True)
    assignment = Assignment(
        trial="study-0",
        study="study",
        study_name="study",
        number=0,
        round=0,
        attempt=1,
        seed=0,
        params={"lr": 0.1},
        trainer=Trainer(function="a:b"),
        metric="loss",
        goal="minimize",
        lease_s=60.0,
    )
    claim: dict[str, Any] = {"assignment": assignment.model_dump(mode="json"), "nonce": "n"}
    write_json(folder.claim, claim)
    says(folder, {"reads": "lr", "value": 0.1})
    report(folder, 0)
    return folder


def says(folder: AttemptFolder, *lines: dict[str, Any]) -> None:
    with folder.live.open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def report(folder: AttemptFolder, step: int) -> None:
    with folder.spool.open("a") as file:
        file.write(json.dumps({"t": step, "s": step, "m": {"loss": 1.0}}) + "\n")


def settings(folder: AttemptFolder) -> WorkerSettings:
    return WorkerSettings(
        url="http://nobody",
        token="t",
        broker="",
        mlflow="",
        host="here",
        slots=1,
        resource_class="cpu",
        folder=folder.root,
        run_dir=folder.root,
    )


def teller(folder: AttemptFolder, service: Service) -> Teller:
    part = Teller(settings(folder), "one", threading.Event())
    part._scheduler = service  # type: ignore[assignment]
    return part


def listener(folder: AttemptFolder, service: Service) -> Listener:
    part = Listener(settings(folder), "one", threading.Event())
    part._scheduler = service  # type: ignore[assignment]
    return part


def test_what_is_over_is_told_once(folder: AttemptFolder) -> None:
    """It lies there until it is in MLflow, which may be away for long; the service may have forgotten it."""
    service = Service(knows=False)
    part = teller(folder, service)
    part._once()
    write_json(folder.finish, {})
    before = len(service.told)
    for _ in range(5):
        part._once()
    assert len(service.told) == before + 1
    assert part._told == {}


def test_where_nothing_is_new_nothing_is_read(
    folder: AttemptFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host with many slots looks ten times a second; an answer is seen with the next look all the same."""
    monkeypatch.setattr(wards, "time", SimpleNamespace(monotonic=lambda: 1000.0))
    service = Service()
    part = teller(folder, service)
    part._once()
    part._once()
    reads: list[Path] = []

    def read(path: Path) -> Told:
        reads.append(path)
        return read_told(path)

    monkeypatch.setattr(wards, "read_told", read)
    for _ in range(5):
        part._once()
    assert reads == []
    says(folder, {"reads": "momentum", "value": 0.9})
    part._once()
    assert service.told[-1].wards[0].live == {"lr": 0.1, "momentum": 0.9}


def test_a_checkpoint_that_could_not_be_laid_aside_is_asked_again(
    folder: AttemptFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service tells again what the host does not say that it knows."""

    def broken(*_: object) -> int:
        raise RuntimeError("out of memory")

    service = Service(orders_=(Order(number=1),))
    part = listener(folder, service)
    monkeypatch.setattr(forks, "lay_aside", broken)
    with pytest.raises(RuntimeError):
        part._once()
    monkeypatch.undo()
    part._once()
    assert service.asked[-1].open == {"study-0": ()}
    assert "refused" in folder.laid_aside()[1]


def test_a_late_answer_is_told_though_many_newer_ones_were(folder: AttemptFolder) -> None:
    """A parameter that is read seldom; others, often changed meanwhile, must not push its answer out."""
    orders = [Order(number=number, parameter="lr", value=0.1) for number in range(1, 71)]
    write_json(folder.orders, {"orders": [order.model_dump(mode="json") for order in orders]})
    done = {"step": 0, "before": 0.1, "value": 0.1}
    says(folder, *({"order": order.number} | done for order in orders[1:]))
    service = Service()
    part = teller(folder, service)
    for _ in range(4):
        part._once()
    says(folder, {"order": 1} | done)
    part._once()
    told = [each.number for report in service.told for ward in report.wards for each in ward.done]
    assert sorted(told) == list(range(1, 71))


def test_a_training_that_answers_what_nobody_asked_ends_as_any_other(folder: AttemptFolder) -> None:
    """Its report carries what came of orders that there were, and only of those that it may answer."""
    write_json(
        folder.orders,
        {
            "orders": [
                Order(number=1, parameter="lr", value=0.2).model_dump(mode="json"),
                Order(number=2).model_dump(mode="json"),  # the agent's: a checkpoint
            ]
        },
    )
    says(folder, *({"order": n, "step": 3, "before": 0.1} for n in range(1, 20_000)))
    finish = write_down(folder, "n", Ending("done", value=1.0), 1.0)
    assert [each.number for each in finish.answers] == [1]


def test_no_line_of_a_training_stops_its_reader(folder: AttemptFolder) -> None:
    """A line may be nested deeper than Python follows."""
    with folder.live.open("a") as file:
        file.write("[" * 200_000 + "\n")
    says(folder, {"reads": "momentum", "value": 0.9})
    assert read_told(folder.live).live == {"lr": 0.1, "momentum": 0.9}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, "x" * 100_000, "a\0b"])
def test_a_value_that_no_parameter_has_is_passed_over(folder: AttemptFolder, value: object) -> None:
    """A database refuses some of them, and with them all that was told beside."""
    write_json(
        folder.orders,
        {"orders": [Order(number=1, parameter="lr", value=0.2).model_dump(mode="json")]},
    )
    says(folder, {"reads": "lr", "value": value}, {"order": 1, "step": 0, "before": value})
    service = Service()
    teller(folder, service)._once()
    (ward,) = service.told[0].wards
    assert ward.live == {"lr": 0.1}
    assert [each.before for each in ward.done] == [None]


def test_what_a_training_of_an_earlier_agent_answered_is_told_before_the_greeting(
    folder: AttemptFolder,
) -> None:
    """In its name, while the service still holds the attempt for running: its points stand, and so does its change."""
    claim = folder.read_claim() or {}
    write_json(folder.claim, claim | {"incarnation": "before"})
    order = {"number": 1, "parameter": "lr", "value": 0.01}
    write_json(folder.orders, {"orders": [order]})
    says(folder, {"order": 1, "step": 7, "before": 0.1, "value": 0.01})
    about = settings(folder)
    beats = Beats(about, "now", threading.Event(), Disk(about))
    service = Service()
    beats.scheduler = service  # type: ignore[assignment]
    beats.tell_answers()
    (told,) = service.told
    assert told.incarnation == "before"
    assert [(each.number, each.step) for each in told.wards[0].done] == [(1, 7)]
    write_json(folder.claim, claim | {"incarnation": "now"})
    beats.tell_answers()
    assert len(service.told) == 1
