"""A training as it is watched: its curve, what was changed on the way, what is in effect now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import RenderableType
from rich.text import Text

from caviar.cli.plot import Line, Mark, plot
from caviar.cli.views.interventions import done_to_it, values_words
from caviar.cli.views.parts import clean, grid, indented, last_line, scale_of, stacked, state_text
from caviar.contract.numbers import number
from caviar.contract.panda import CurveView, InterventionView
from caviar.contract.views import StudyView, TrialView
from caviar.contract.words import SIGNS, origin_words

FOCUS, BESIDE, ABANDONED = "bright_cyan", "yellow", "bright_black"
"""Styles of the curve itself, of a fork or an original that runs beside it, of what was taken back or has ended."""
DONE_SHOWN = 4
"""The newest ones; `caviar trial show` has all."""
HIGHEST, WIDEST = 16, 160
"""Rows and columns of the plot, at most."""
TALL = 30
"""Rows of a terminal that has room for all of this."""
AROUND = 12
"""Rows that are neither the plot's nor those of what was done."""


@dataclass(frozen=True, slots=True)
class Relative:
    """What a trial goes on from (``parent``), or a fork of it."""

    trial: TrialView
    curve: CurveView
    parent: bool
    branched: int
    """The step of the checkpoint that lies between the two."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One look at a training."""

    study: StudyView
    trial: TrialView
    curve: CurveView
    relatives: tuple[Relative, ...] = ()
    """All that it goes on from, the nearest first, and its own forks."""

    @property
    def last(self) -> tuple[int, float | None] | None:
        return self.curve.points[-1] if self.curve.points else None

    @property
    def done(self) -> list[InterventionView]:
        """All that was done to it, and to what it goes on from, by the time of the asking."""
        parents = [each.curve.interventions for each in self.relatives if each.parent]
        return sorted(
            (each for group in (*parents, self.curve.interventions) for each in group),
            key=lambda each: (each.asked, each.trial, each.number),
        )

    def taken_back(self, each: InterventionView) -> bool:
        """Whether it was done to a stretch that this training does not go on from."""
        left = [r for r in self.relatives if r.parent and r.trial.number == each.trial]
        step = -1 if each.step is None else each.step
        return each.kind == "set" and bool(left) and step >= left[0].branched


def curve_view(scene: Scene, width: int, height: int) -> RenderableType:
    """At most ``width`` by about ``height`` characters."""
    done = scene.done[-(DONE_SHOWN if height >= TALL else DONE_SHOWN // 2) :]
    below = sum(1 if each.effect is None else 2 for each in done)
    rows = max(4, min(HIGHEST, height - AROUND - below))
    drawn = plot(_lines(scene), _marks(scene), min(width, WIDEST), rows)
    return stacked(
        _title(scene),
        Text(),
        drawn if drawn else Text("  No report yet.", "dim"),
        Text(),
        _facts(scene),
        Text() if done else None,
        indented(done_to_it(done, scene.study.parameters)) if done else None,
    )


def _lines(scene: Scene) -> list[Line]:
    """The kept course from its very start, on top of all that is beside it or was left behind."""
    behind, beside, course = [], [], [tuple(scene.curve.points)]
    for each in scene.relatives:
        points = each.curve.points
        if each.parent:
            course.insert(0, tuple(p for p in points if p[0] <= each.branched))
            points = [p for p in points if p[0] >= each.branched]
        if each.trial.state == "running":
            beside.append(Line(points, BESIDE))
        else:
            behind.append(Line(points, ABANDONED, fits=False))
    kept = [point for part in course for point in part]
    return [*behind, *beside, Line(kept, FOCUS)]


def _marks(scene: Scene) -> list[Mark]:
    return [
        Mark(each.step, SIGNS[each.kind], ABANDONED if scene.taken_back(each) else "bold")
        for each in scene.done
        if each.state == "applied" and each.step is not None
    ]


def _title(scene: Scene) -> Text:
    trial = scene.trial
    text = Text.assemble((clean(scene.study.name), "bold"), f"  trial {trial.number}  ")
    text.append_text(state_text(trial.state))
    if scene.last is not None:
        step, value = scene.last
        shown = "no finite number" if value is None else number(value)
        text.append(f"  step {step}  {clean(scene.curve.metric)} {shown}")
    if trial.error and trial.state != "running":
        text.append(f"  {last_line(trial.error)}", "dim")
    return text


def _facts(scene: Scene) -> RenderableType:
    scales = scale_of(scene.study.parameters)
    facts = grid("left", "left")
    if scene.trial.origin is not None:
        facts.add_row(Text("origin", "dim"), Text(origin_words(scene.trial.origin)))
    live = values_words(scene.curve.live, scales) or "nothing: the training reads no parameter yet"
    facts.add_row(Text("live", "dim"), Text(live))
    facts.add_row(Text("checkpoints", "dim"), Text(_checkpoints(scene.curve.checkpoints)))
    beside = [each for each in scene.relatives if each.trial.state == "running"]
    for each in beside:
        step, value = each.curve.points[-1] if each.curve.points else (None, None)
        words = f"trial {each.trial.number}, step {number(step)}, {number(value)}"
        facts.add_row(Text("beside it", BESIDE), Text(words))
    return indented(facts)


def _checkpoints(steps: Sequence[int]) -> str:
    if not steps:
        return "none yet"
    if len(steps) <= 3:
        return f"at step {', '.join(map(str, steps))}"
    return f"{len(steps)} are kept, from step {steps[0]} to {steps[-1]}"
