"""The live picture of a study: what is in it, that it fits, and what it asks of the service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from caviar.cli.follow import LiveScreen
from caviar.cli.views.progress import MAX_RUNNING_SHOWN, Course, best_chart, fitted, progress
from caviar.client.connection import Address, Client
from caviar.contract.figures import ProgressView, StepsView
from caviar.contract.views import Importance, ParameterView, SideView, StudyView
from tests.support.answering_service import Service
from tests.support.studies_made_up import digits_study, rounds, trial
from tests.unit.cli.test_cli_views import text_of

STUDY = digits_study()


def crowded(**fields: Any) -> StudyView:
    """Twelve parameters, twenty trials that run, warnings, and a reason that is long."""
    names = [f"parameter_{i}" for i in range(12)]
    box = {name: SideView(low=0.25, high=0.5) for name in names}
    last = rounds()[2].model_copy(update={"box": box, "reason": "Why it is so. " * 30})
    given: dict[str, Any] = {
        "parameters": [
            ParameterView(name=name, type="float", scale="linear", low=0.0, high=1.0)
            for name in names
        ],
        "importance": [
            Importance(name="parameter_7", share=0.6),
            Importance(name="parameter_3", share=0.3),
            Importance(name="parameter_11", share=0.1),
        ],
        "rounds": [*rounds()[:2], last],
        "running": [trial(i, state="running", step=i, last=0.5) for i in range(30, 50)],
        "counts": {"done": 23, "running": 20, "failed": 1},
        "warnings": [f"Warning {i}." for i in range(9)],
    }
    return digits_study(**(given | fields))


def lines_of(study: StudyView, width: int, height: int) -> list[str]:
    return text_of(fitted(study, Course(), width, height), width).splitlines()


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("height", [12, 24, 30, 40, 60])
def test_it_fits_into_the_terminal(width: int, height: int) -> None:
    """No line is wider and none is below the edge; where the study stands and its best are always there."""
    lines = lines_of(crowded(), width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert lines[0].startswith("digits-mlp  running")
    assert any("best val_accuracy 0.9861" in line for line in lines)


def test_what_is_left_out_is_counted() -> None:
    """The parameters that matter most stay."""
    shown = "\n".join(lines_of(crowded(), 80, 20))
    assert "and 17 more\n" in shown
    assert "and 5 more parameters" in shown
    assert "and 8 more remarks" in shown
    for name in ("parameter_3 ", "parameter_7 ", "parameter_11 "):
        assert name in shown


def test_with_room_for_all_nothing_is_left_out() -> None:
    """But of the running trials there are never more than a few."""
    shown = "\n".join(lines_of(crowded(), 120, 60))
    assert "parameters" not in shown
    assert "Warning 8." in shown
    assert f"and {20 - MAX_RUNNING_SHOWN} more" in shown


def test_a_running_trial_has_its_curve() -> None:
    """Beside its step and its last value."""
    course = Course(curves={24: [(0, 0.1), (4, 0.5), (7, 0.9)]})
    assert "trial 24    step 7  ▁▅█  0.9611" in text_of(progress(STUDY, 110, course))


def test_the_best_so_far_is_a_line_over_the_trials() -> None:
    course = Course(best=[(0, 0.5), (12, 0.98)])
    shown = text_of(progress(STUDY, 110, course))
    assert "so far ▁▁▁▁▁▁▁▁▁▁▁█████████████  0.5 to 0.98" in shown


def test_a_study_that_waits_for_mlflow_says_so() -> None:
    """It is done, and yet the command has not returned."""
    study = digits_study(state="done", ended=1061.0)
    assert "done" in (first := text_of(progress(study, 110)).splitlines()[0])
    assert first.endswith("its run in MLflow is being completed")


def test_the_confirmation_has_a_name() -> None:
    """Where the leaders train again, one sees why the study goes on."""
    again = [trial(61, state="running", kind="confirm", repeats=17)]
    shown = text_of(progress(digits_study(running=again), 80))
    assert "Confirmation  the leaders train again, on new seeds" in shown
    assert "trial 61, 17 again" in shown


def test_nothing_in_it_steers_the_terminal() -> None:
    """Names, categories, reasons and metrics come from other people."""
    bad = "x\x1b[2J\r\x07\u202e"
    box = {bad: SideView(choices=[bad])}
    study = digits_study(
        name=bad,
        metric=bad,
        warnings=[bad],
        reason=bad,
        parameters=[ParameterView(name=bad, type="categorical", choices=[bad, "b"])],
        rounds=[rounds()[0].model_copy(update={"box": box, "reason": f"{bad}\n{bad}"})],
    )
    shown = text_of(fitted(study, Course(away=bad), 80, 40), 80)
    assert not {"\x1b", "\r", "\x07", "\u202e"} & set(shown)


def told(numbers: list[int], values: list[float]) -> StepsView:
    zeros = [0.0] * len(numbers)
    return StepsView(number=numbers, seconds=zeros, slot_hours=zeros, value=values)


COURSE = ProgressView(
    study="a",
    name="a",
    metric="val_accuracy",
    goal="maximize",
    best=told([0, 6], [0.5, 0.98]),
    trials=told([0, 6, 19], [0.5, 0.98, 0.7]),
    state=["done"] * 3,
    kind=["search"] * 3,
    of=20,
    seconds=60.0,
    slot_hours=0.1,
)


def test_the_best_so_far_as_a_chart() -> None:
    """Steps over all trials; nothing where nothing is known."""
    lines = text_of(best_chart(COURSE, 80)[1], 80).splitlines()
    assert lines[0].lstrip().startswith("0.98 ┤")
    assert lines[-1].split() == ["0", "19"]
    assert best_chart(None, 80) == []


@pytest.fixture
def screen(service: Service) -> Iterator[LiveScreen]:
    """Not started: it draws nothing, and asks as it always does."""
    with Client(Address(service.url)) as client:
        yield LiveScreen(Console(width=100, height=30), client, None)


def shown_by(screen: LiveScreen) -> str:
    picture = screen._live.get_renderable()
    return text_of(picture, 100)


def test_looks_ask_for_little_more_than_the_study(service: Service, screen: LiveScreen) -> None:
    """First how it came there; then the curves of the trials that run, in turn."""
    figure, curve = f"/studies/{STUDY.id}/figures/progress", f"/studies/{STUDY.id}/trials/24/curve"
    points = {"trial": 24, "metric": "val_accuracy", "points": [[0, 0.1], [7, 0.96]]}
    service.answers[f"GET {figure}"] = (200, COURSE.model_dump(mode="json"))
    service.answers[f"GET {curve}"] = (200, points)
    screen.show(STUDY)
    assert [path for _, path, *_ in service.requests] == [f"/api/v1{figure}"]
    assert "0.5 to 0.9861" in shown_by(screen)
    screen.show(STUDY)
    assert [path for _, path, *_ in service.requests[1:]] == [f"/api/v1{curve}"]
    assert "▁█  0.9611" in shown_by(screen)
    for _ in range(10):
        screen.show(STUDY)
    assert len(service.requests) == 2 + 10 // 2


def test_where_no_curve_is_told_it_grows_from_look_to_look(
    service: Service, screen: LiveScreen
) -> None:
    """With where the trial is at each."""
    path = f"/studies/{STUDY.id}/trials/24/curve"
    service.answers[f"GET {path}"] = (200, {"trial": 24, "metric": "m", "points": []})
    for step in range(5):
        running = [trial(24, state="running", value=None, step=step, last=0.1 * step)]
        screen.show(digits_study(running=running))
    assert "▁▃▅▆█  0.4" in shown_by(screen)


def test_a_trial_that_ended_meanwhile_ends_nothing(service: Service, screen: LiveScreen) -> None:
    """Neither does a service that tells no course: it is shown without."""
    service.problem(f"GET /studies/{STUDY.id}/figures/progress", 404, "there is no such figure")
    service.problem(f"GET /studies/{STUDY.id}/trials/24/curve", 404, "there is no trial 24")
    screen.show(STUDY)
    screen.show(STUDY)
    assert "trial 24    step 7" in shown_by(screen)


def test_a_service_that_is_away_is_named_in_its_place(screen: LiveScreen) -> None:
    """With the last that is known below; the next look takes it away."""
    screen.show(STUDY)
    screen.away("No service answers. Waiting for it.")
    assert "! No service answers. Waiting for it. Since " in shown_by(screen)
    assert "best val_accuracy" in shown_by(screen)
    screen.show(STUDY)
    assert "Waiting" not in shown_by(screen)
