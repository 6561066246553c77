"""The Python client against the real API, on a real socket."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import caviar
from caviar.client import (
    AsyncBabysatTrial,
    AsyncService,
    AsyncStudy,
    BabysatTrial,
    Service,
    Study,
)
from caviar.errors import InputError, ServiceError
from tests.support.real_api import TOKEN, Serving, serving

TEXT = """
name: bowl
metric: {name: loss, goal: minimize}
trainer: {function: "train:main"}
space: {y: {type: int, low: 0, high: 9}, x: {type: float, low: 0.0, high: 1.0}}
budget: {trials: 3}
"""
MAPPING = {
    "name": "bowl",
    "metric": {"name": "loss", "goal": "minimize"},
    "trainer": {"function": "train:main"},
    "space": {
        "y": {"type": "int", "low": 0, "high": 9},
        "x": {"type": "float", "low": 0.0, "high": 1.0},
    },
    "budget": {"trials": 3},
}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path) as api:
        yield api


@pytest.fixture
def service(api: Serving) -> Iterator[Service]:
    with caviar.connect(api.url, TOKEN) as service:
        yield service


def test_a_file_its_text_and_a_mapping_are_the_same_study(service: Service, tmp_path: Path) -> None:
    """So the second and third go on with the first."""
    path = tmp_path / "bowl.yaml"
    path.write_text(TEXT)
    assert service.submit(path).id == service.submit(TEXT).id == service.submit(MAPPING).id
    assert len(service.studies()) == 1
    another = service.submit(str(path), resume=False).id
    assert service.studies()[0].id == another


def test_what_is_wrong_with_a_study_is_said_as_for_a_file(service: Service) -> None:
    with pytest.raises(InputError, match="metric"):
        service.submit({key: value for key, value in MAPPING.items() if key != "metric"})
    with pytest.raises(InputError, match="no such file"):
        service.submit("missing.yaml")
    with pytest.raises(InputError, match="no study file can"):
        service.submit({"name": object()})


def test_a_wrong_token_is_told_at_once(api: Serving) -> None:
    with pytest.raises(ServiceError, match="token"):
        caviar.connect(api.url, "wrong")


def test_a_study_is_followed_to_its_end(
    api: Serving,
    service: Service,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`finished` gives each trial once; `watch` a line for each change; `trials` a table."""
    monkeypatch.setattr("caviar.client.study.POLL_S", 0.0)
    pd = pytest.importorskip("pandas")
    study = service.submit(TEXT)
    api.train(study.id, 3)
    assert study.wait(60).state == "done"
    values = [trial.params["x"] for trial in study.each_trial()]
    assert [trial.value for trial in study.finished()] == values
    best = study.best
    assert best is not None
    assert (best.trial, best.value) == (values.index(min(values)), min(values))
    study.watch()
    line = f"bowl done  3/3  best loss {best.value:.6g} (trial {best.trial})"
    assert capsys.readouterr().out.startswith(line)
    frame = study.trials()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame["value"]) == values
    assert {"number", "state", "params_x", "seconds", "started", "ended"} <= set(frame.columns)
    assert study.rounds[0].round == 0


def test_a_person_steers_it(api: Serving, service: Service) -> None:
    study = service.submit(TEXT)
    number = study.add({"x": 0.25, "y": 3}).trial
    assert number is not None
    assert study.add({"x": 0.5, "y": 3}, value=0.1).value == 0.1
    assert study.trial(number).params == {"y": 3, "x": 0.25}
    assert study.stop_trial(number).state == "cancelled"
    assert study.pause().state == "paused"
    assert study.resume().state == "running"
    assert study.stop().state == study.state == "stopped"
    with pytest.raises(TimeoutError):
        service.submit(TEXT).wait(0.0)


def test_in_a_notebook_it_is_a_card_that_runs_nobodys_code(service: Service) -> None:
    """Names come from people: they are text there, not HTML."""
    html = service.submit({**MAPPING, "metric": {"name": "a b", "goal": "minimize"}})._repr_html_()
    assert "progressbar" in html
    from caviar.client.screen import study_html

    view = service.study("bowl").view.model_copy(update={"name": "<script>alert(1)</script>"})
    assert "<script>" not in study_html(view)


def test_the_same_in_an_event_loop(api: Serving) -> None:
    async def main() -> tuple[str, str, list[int]]:
        async with await caviar.connect_async(api.url, TOKEN) as service:
            study = await service.submit(MAPPING)
            await study.stop()
            return study.id, await study.state(), [t.number async for t in study.each_trial()]

    identifier, state, trials = asyncio.run(main())
    assert (len(identifier), state) == (8, "stopped")
    assert trials == list(range(len(trials)))


@pytest.mark.parametrize(
    ("plain", "waiting"),
    [(Service, AsyncService), (Study, AsyncStudy), (BabysatTrial, AsyncBabysatTrial)],
)
def test_the_waiting_client_can_do_all_that_the_plain_one_can(plain: type, waiting: type) -> None:
    """Twins drift apart; these are held together by name and by arguments."""

    def surface(kind: type) -> dict[str, list[str]]:
        found = {}
        for name, member in inspect.getmembers(kind):
            if not name.startswith("_"):
                call = inspect.isfunction(member)
                found[name] = list(inspect.signature(member).parameters)[1:] if call else []
        return found

    assert surface(plain) == surface(waiting)
