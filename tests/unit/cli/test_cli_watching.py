"""`caviar watch` of one training: its curve, what is done to it, and what goes on in its place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from caviar.cli import main
from caviar.cli.views.curve import Relative, Scene, curve_view
from caviar.cli.watching import QUIET, Lines
from caviar.contract.messages import Origin
from caviar.contract.panda import CurveView, EffectView, InterventionView
from caviar.contract.views import MlflowView, StudyRow, TrialView
from tests.support.answering_service import Service
from tests.support.studies_made_up import digits_study, trial
from tests.unit.cli.test_cli_babysitting import HELPED, ID, intervention
from tests.unit.cli.test_cli_views import text_of

Printed = pytest.CaptureFixture[str]
STUDY = digits_study(mode="panda", metric="loss", goal="minimize")


def curve(number: int, first: int, last: int, **fields: Any) -> CurveView:
    """A loss that falls from 10, a report a step."""
    points = [(step, 10.0 - step / 100) for step in range(first, last + 1)]
    return CurveView(trial=number, metric="loss", points=points, **fields)


def running(number: int, **fields: Any) -> TrialView:
    return trial(number, **({"state": "running", "value": None} | fields))


def went_back() -> Scene:
    """Trial 1 goes on from step 40 of trial 0, which was changed at 20 and 60 and got as far as 80."""
    done = [
        intervention(1, trial=0, step=20, effect=HELPED),
        intervention(2, trial=0, step=60, before=0.0003, value=0.9, why="braver"),
        intervention(3, trial=0, step=40, kind="rollback", child=1),
    ]
    parent = trial(0, state="stopped")
    child = running(1, origin=Origin(number=0, step=40, in_place=True))
    return Scene(
        STUDY,
        child,
        curve(1, 41, 100, live={"learning_rate": 0.0003}, checkpoints=[10, 20, 30, 40]),
        (Relative(parent, curve(0, 0, 80, interventions=done), True, 40),),
    )


def test_a_training_is_shown_with_all_that_it_goes_on_from() -> None:
    """One curve from the very start, the marks of what was done, the newest in words."""
    shown = text_of(curve_view(went_back(), 100, 40), 100)
    for words in (
        "digits-mlp  trial 1  running  step 100  loss 9",
        "goes on from trial 0, step 40, in its place",
        "live         learning_rate 0.0003",
        "checkpoints  4 are kept, from step 10 to 40",
        "▲ learning_rate 0.01 -> 0.0003, in effect after step 20  ana: plateau",
        "helped: loss falls 2.1 times faster",
        "◀ went back to step 40 as trial 1",
    ):
        assert words in shown
    axis = next(line for line in shown.splitlines() if "└" in line)
    assert [sign for sign in axis if sign in "▲◀"] == ["▲", "◀", "▲"]
    assert shown.splitlines()[2].lstrip().startswith("10 ┤")


def test_what_was_done_to_an_abandoned_stretch_is_told_apart() -> None:
    """It is no part of what this training is."""
    scene = went_back()
    assert [scene.taken_back(each) for each in scene.done] == [False, True, False]


def test_a_fork_that_runs_beside_it_is_named() -> None:
    fork = Relative(running(2), curve(2, 41, 50), False, 40)
    scene = Scene(STUDY, running(0), curve(0, 0, 60), (fork,))
    assert "beside it    trial 2, step 50, 9.5" in text_of(curve_view(scene, 100, 40), 100)


@pytest.mark.parametrize("width, height", [(40, 20), (80, 24), (120, 40), (300, 60)])
def test_it_fits_into_the_terminal(width: int, height: int) -> None:
    shown = text_of(curve_view(went_back(), width, height), width)
    assert max(map(len, shown.splitlines())) <= width
    if width >= 80:
        assert len(shown.splitlines()) <= height


def test_before_the_first_report_there_is_no_curve() -> None:
    nothing = CurveView(trial=0, metric="loss", points=[])
    shown = text_of(curve_view(Scene(STUDY, running(0), nothing), 80, 24), 80)
    assert "No report yet." in shown
    assert "none yet" in shown


def test_a_value_that_is_no_number_is_said() -> None:
    broken = CurveView(trial=0, metric="loss", points=[(0, 1.0), (1, None)])
    shown = text_of(curve_view(Scene(STUDY, running(0), broken), 80, 24), 80)
    assert "step 1  loss no finite number" in shown


def told(scenes: list[Scene]) -> list[str]:
    written: list[str] = []
    lines = Lines(written.append)
    for scene in scenes:
        lines.show(scene)
    return written


def scene_of(last: int, *done: InterventionView) -> Scene:
    return Scene(STUDY, running(0), curve(0, 0, last, interventions=list(done)))


def test_without_a_terminal_each_change_is_a_line() -> None:
    """Where the training stands, what was asked, that it took effect, the verdict: each once."""
    change = intervention(1, trial=0, step=20)
    early = EffectView(word="too early", sentence="too early to say, look again in 40 steps")
    waits = change.model_copy(update={"state": "asked", "step": None})
    still = [change.model_copy(update={"effect": early}) for _ in range(2)]
    scenes = [scene_of(10), scene_of(15, waits), *(scene_of(25, each) for each in still)]
    assert told([*scenes, scene_of(70, change.model_copy(update={"effect": HELPED}))]) == [
        "trial 0 running step 10 loss=9.9",
        "trial 0: learning_rate 0.01 -> 0.0003, asked, not read yet (ana: plateau)",
        "trial 0: learning_rate 0.01 -> 0.0003, in effect after step 20 (ana: plateau)",
        "trial 0: too early to say, look again in 40 steps",
        "trial 0: helped: loss falls 2.1 times faster, 90% interval 1.4 to 2.9",
    ]


def test_without_a_terminal_the_metric_is_said_from_time_to_time() -> None:
    """But not where nothing was reported since."""
    assert told([scene_of(step) for step in range(2 * QUIET + 1)])[1:] == [
        f"trial 0 step {QUIET} loss={10 - QUIET / 100:g}",
        f"trial 0 step {2 * QUIET} loss={10 - 2 * QUIET / 100:g}",
    ]
    assert len(told([scene_of(5)] * 30)) == 1


Script = Iterator[dict[str, tuple[int, Any]]]


@pytest.fixture
def playing(service: Service, monkeypatch: pytest.MonkeyPatch) -> Callable[[Script], Service]:
    """A service whose answers are those of the next step of a script whenever the command pauses."""

    def play(script: Script) -> Service:
        monkeypatch.setenv("CAVIAR_URL", service.url)
        service.answers |= next(script)
        monkeypatch.setattr(
            "caviar.cli.watching.time.sleep", lambda _: service.answers.update(next(script))
        )
        return service

    return play


def state_of(view: TrialView, seen: CurveView) -> dict[str, tuple[int, Any]]:
    path = f"GET /studies/{ID}/trials/{view.number}"
    return {
        path: (200, view.model_dump(mode="json")),
        f"{path}/curve": (200, seen.model_dump(mode="json")),
    }


def study_of(state: str, *numbers: int) -> dict[str, tuple[int, Any]]:
    ended = {"ended": 1100.0} if state == "done" else {}
    mlflow = MlflowView(uri="http://127.0.0.1:5000", closed=state == "done")
    listed = [running(number) for number in numbers]
    study = digits_study(mode="panda", state=state, running=listed, mlflow=mlflow, **ended)
    rows = [StudyRow(**study.model_dump(exclude={"best"}), done=1).model_dump(mode="json")]
    return {
        "GET /studies": (200, rows),
        f"GET /studies/{ID}": (200, study.model_dump(mode="json")),
    }


def a_way_back() -> Script:
    """Trial 0 goes wild and is taken back to step 40; trial 1 goes on from there, and is done."""
    back = intervention(1, trial=0, step=40, kind="rollback", child=1)
    origin = Origin(number=0, step=40, in_place=True)
    yield study_of("running", 0) | state_of(running(0), curve(0, 0, 60))
    stopped = trial(0, state="stopped", error="it went back to step 40 and goes on as trial 1")
    waits = trial(1, state="queued", value=None, kind="fork", origin=origin)
    yield (
        study_of("running")
        | state_of(stopped, curve(0, 0, 80, interventions=[back]))
        | state_of(waits, CurveView(trial=1, metric="loss", points=[]))
    )
    yield study_of("running", 1) | state_of(running(1, origin=origin), curve(1, 41, 50))
    yield study_of("done") | state_of(trial(1, origin=origin), curve(1, 41, 99))
    yield state_of(trial(1, origin=origin), curve(1, 41, 100))  # the last point comes last


LINES = [
    "trial 0 running step 60 loss=9.4",
    "trial 0 stopped: it went back to step 40 and goes on as trial 1 step 80 loss=9.2",
    "trial 0: went back to step 40 as trial 1 (ana: plateau)",
    "trial 1 queued",
    "trial 1 running step 50 loss=9.5",
    "trial 1 done step 99 loss=9.01",
]


def test_a_trial_is_followed_to_its_end_and_what_goes_on_in_its_place(
    playing: Callable[[Script], Service], capsys: Printed
) -> None:
    """Past a rollback."""
    playing(a_way_back())
    assert main(["watch", "digits-mlp/0"]) == 0
    assert capsys.readouterr().out.splitlines() == LINES


def test_programs_get_the_last_curve(playing: Callable[[Script], Service], capsys: Printed) -> None:
    playing(a_way_back())
    assert main(["watch", "digits-mlp/0", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["points"][-1] == [100, 9.0]
    assert printed.err.splitlines() == LINES


def test_a_study_by_hand_is_followed_by_its_curve(
    playing: Callable[[Script], Service], capsys: Printed
) -> None:
    """And ends with the study's result."""
    playing(a_way_back())
    assert main(["watch", "digits-mlp"]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[: len(LINES)] == LINES
    assert "Best  val_accuracy 0.9861  trial 17" in shown
    assert "Rounds" not in shown


def test_a_trial_that_failed_is_exit_code_1(
    playing: Callable[[Script], Service], capsys: Printed
) -> None:
    failed = state_of(trial(0, state="failed"), curve(0, 0, 9))
    playing(iter([study_of("running") | failed, failed]))
    assert main(["watch", "digits-mlp/0"]) == 1
    assert main(["watch", "digits-mlp/7"]) == 1
