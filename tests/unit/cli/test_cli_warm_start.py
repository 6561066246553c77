"""How the command line shows a warm start: what was read, and whose point a trial is."""

from __future__ import annotations

from rich.console import Console

from caviar.cli.follow import LineScreen
from caviar.cli.views.progress import progress, trial_line
from caviar.cli.views.result import result
from caviar.cli.views.tables import trial_view
from caviar.contract.views import Note
from tests.support.studies_made_up import digits_study, trial

READ = Note(text="40 runs read from experiment vision")
MISSING = Note(text="no experiment vison in MLflow", warning=True)


def shown(renderable: object) -> str:
    console = Console(width=100)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_what_was_read_is_said_while_it_runs_and_afterwards() -> None:
    """A source that gave nothing stands out."""
    study = digits_study(notes=[READ, MISSING])
    for picture in (progress(study, 100), result(study, 100)):
        assert f"  {READ.text}" in shown(picture)
        assert f"! {MISSING.text}" in shown(picture)


def test_a_log_says_each_note_once() -> None:
    """Also one that comes later, when MLflow has answered."""
    lines: list[str] = []
    screen = LineScreen(lines.append, lambda _after: [])
    screen.show(digits_study(notes=[READ]))
    screen.show(digits_study(notes=[READ, MISSING]))
    assert lines.count(READ.text) == 1
    assert lines.count(f"warning: {MISSING.text}") == 1


def test_a_point_added_by_hand_is_told_from_the_searchs_own() -> None:
    """In the list of finished trials and beside the one trial."""
    study, own, added = digits_study(), trial(3), trial(4, kind="added")
    assert "added by hand" in trial_line(added, study)
    assert "added by hand" in shown(trial_view(study, added))
    assert "by hand" not in trial_line(own, study)
