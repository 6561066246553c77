"""Figures as files: what is in them for any study, and that what people wrote is never more than text."""

from __future__ import annotations

import threading
import xml.etree.ElementTree as ET
from typing import get_args

import pytest

from caviar.contract.figures import (
    DotsView,
    FigureName,
    FigureView,
    ImportanceView,
    LineView,
)
from caviar.contract.recheck import VerdictView
from caviar.figures.drawing import Trained, check_svg, draw
from caviar.figures.drawing.style import MANY, plain, spaced
from caviar.figures.drawing.values import range_of, whole
from caviar.figures.drawing.zoom import best_of
from tests.support import figures_made_up as made_up

NAMES = get_args(FigureName)
HOSTILE = "$\\frac{1}{0}$ <script>alert(1)</script> & \x00\x1b[31m \ud800 \u202e 試験"


def usual(figure: str, **fields: object) -> FigureView:
    views = {
        "progress": made_up.progress_view,
        "zoom": made_up.zoom_view,
        "parallel": made_up.zoom_view,
        "importance": made_up.importance_view,
        "curves": made_up.curves_view,
        "confirmation": made_up.confirmation_view,
        "champions": made_up.champions_view,
    }
    return views[figure](**fields)  # type: ignore[operator,no-any-return]


def words(svg: bytes) -> str:
    """All text in a picture."""
    return " ".join("".join(each.itertext()) for each in ET.fromstring(svg).iter() if each.text)


@pytest.mark.parametrize("name", NAMES)
def test_each_figure_is_an_svg_and_a_png(name: FigureName) -> None:
    """With the study's name in it, and a size: none is empty."""
    view = usual(name)
    svg, png = draw(name, view, "svg"), draw(name, view, "png")
    root = ET.fromstring(svg)
    assert root.tag.endswith("}svg")
    assert all(float(root.attrib[side].removesuffix("pt")) > 100 for side in ("width", "height"))
    assert "digits-mlp" in words(svg)
    assert png.startswith(b"\x89PNG")
    width, height = int.from_bytes(png[16:20]), int.from_bytes(png[20:24])
    assert min(width, height) > 300


@pytest.mark.parametrize("values", [[1.7e308], [1.7e308, -1.7e308, 1.0]])
def test_a_loss_that_went_off_as_far_as_numbers_go_is_drawn(values: list[float]) -> None:
    """It is finite, so it is a result; the distance of two such numbers is not."""
    of = range(len(values))
    line = LineView(number=0, state="done", rank=1.0, steps=list(of), values=values, ended="")
    draw("curves", made_up.curves_view().model_copy(update={"lines": [line]}), "svg")
    view = made_up.progress_view(len(values))
    trials = view.trials.model_copy(update={"value": values})
    best = view.best.model_copy(
        update={name: getattr(trials, name)[:1] for name in type(trials).model_fields}
    )
    draw("progress", view.model_copy(update={"trials": trials, "best": best}), "svg")


@pytest.mark.parametrize("state", ["done", "stopped"])
def test_all_parameters_are_drawn_where_every_trial_ended_alike(state: str) -> None:
    """A study that stops no trial early, or one whose trials all were."""
    view = made_up.zoom_view()
    states = [state if each in ("done", "stopped") else each for each in view.dots.state]
    alike = view.dots.model_copy(update={"state": states})
    assert b"<svg" in draw("parallel", view.model_copy(update={"dots": alike}), "svg")


@pytest.mark.parametrize("name", NAMES)
def test_the_same_data_give_the_same_bytes(name: FigureName) -> None:
    """No date and no random id inside: an artifact only changes when the study does."""
    for format in ("svg", "png"):
        assert draw(name, usual(name), format) == draw(name, usual(name), format)


EMPTY: dict[FigureName, FigureView] = {
    "progress": made_up.progress_view(0),
    "zoom": made_up.zoom_view(trials=0, rounds=1),
    "parallel": made_up.zoom_view(trials=0, rounds=1),
    "importance": made_up.importance_view(0),
    "curves": made_up.curves_view(0),
    "confirmation": made_up.confirmation_view(0),
    "champions": made_up.champions_view(0, champions=[]),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_study_with_nothing_yet_says_so(name: FigureName) -> None:
    """A person who looks too early sees a sentence, or the first box, and no error."""
    svg = draw(name, EMPTY[name], "svg")
    told = ("No ", "no champion", "Nothing", "box of the round")
    assert any(word in words(svg) for word in told)
    assert '"nan' not in svg.decode().lower()


@pytest.mark.parametrize("name", ["zoom", "parallel"])
@pytest.mark.parametrize("count", [1, 4, 10])
def test_every_parameter_is_named(name: FigureName, count: int) -> None:
    """With what is written on its axis; where it is not active for a trial, too."""
    view = made_up.zoom_view(count)
    said = words(draw(name, view, "svg"))
    for axis in view.axes:
        assert axis.name in said
        assert axis.ticks[0][1] in said
    if name == "parallel" and count > 1:
        assert "not active" in said


@pytest.mark.parametrize("name", NAMES)
def test_what_people_wrote_is_text_and_nothing_else(name: FigureName) -> None:
    """A dollar begins no formula, a tag no element; signs that no XML may hold are left out."""
    svg = draw(name, usual(name, name=HOSTILE, metric=HOSTILE), "svg")
    root = ET.fromstring(svg)
    assert not [each for each in root.iter() if each.tag.endswith("script")]
    said = words(svg)
    assert "$\\frac{1}{0}$ <script>" in said
    assert "\x1b" not in said
    draw(name, usual(name, name=HOSTILE, metric=HOSTILE), "png")


def test_a_hostile_parameter_and_category_are_text_too() -> None:
    """Names of parameters and choices come from study files."""
    view = made_up.zoom_view(2)
    bad = view.axes[1].model_copy(update={"name": HOSTILE, "ticks": [(0.5, "$x^$ <b>")]})
    dots = view.dots.model_copy(
        update={"positions": {HOSTILE: view.dots.positions["momentum"], **view.dots.positions}}
    )
    rounds = [each.model_copy(update={"kind": HOSTILE}) for each in view.rounds]
    view = view.model_copy(update={"axes": [view.axes[0], bad], "dots": dots, "rounds": rounds})
    for name in ("zoom", "parallel"):
        assert "$x^$ <b>" in words(draw(name, view, "svg"))


def test_a_stopped_trial_is_marked_by_shape() -> None:
    """Not by colour alone; and what does not occur is not in the legend."""
    said = words(draw("zoom", made_up.zoom_view(), "svg"))
    assert "stopped early" in said
    whole_ = made_up.zoom_view()
    dots = whole_.dots.model_copy(update={"state": ["done"] * len(whole_.dots.number)})
    assert "stopped early" not in words(
        draw("zoom", whole_.model_copy(update={"dots": dots}), "svg")
    )


def test_only_a_whole_training_of_the_search_is_first_in_rank() -> None:
    """A stopped trial, or a new run of a leader, may have the best value: neither wears the star."""
    dots = DotsView(
        of=3,
        number=[0, 1, 2],
        round=[0, 0, 0],
        state=["stopped", "done", "done"],
        kind=["search", "confirm", "search"],
        value=[0.1, 0.2, 0.3],
        rank=[1.0, 0.5, 0.0],
        positions={"learning_rate": [0.1, 0.2, 0.3]},
        values={"learning_rate": [0.1, 0.2, 0.3]},
    )
    assert best_of(dots) == 2


def test_a_picture_of_some_trials_says_of_how_many() -> None:
    """Of a study of 50,000 trials few are drawn."""
    view = made_up.zoom_view()
    view = view.model_copy(update={"dots": view.dots.model_copy(update={"of": 50_000})})
    for name in ("zoom", "parallel"):
        assert "60 of 50,000 trials" in words(draw(name, view, "svg"))
    progress = made_up.progress_view(of=50_000)
    assert "of 50,000 trials" in words(draw("progress", progress, "svg"))
    assert "30 of 900 learning curves" in words(draw("curves", made_up.curves_view(of=900), "svg"))


def test_very_many_marks_become_pixels() -> None:
    """A file that a page shows stays below two megabytes."""
    view = made_up.zoom_view(4, trials=2_000, rounds=200)
    assert len(view.dots.number) * 4 > MANY
    svg = draw("zoom", view, "svg")
    assert b"<image" in svg
    assert len(svg) < 2_000_000


def test_values_that_are_no_numbers_break_nothing() -> None:
    """A loss may overflow: what is no finite number is not drawn."""
    view = made_up.progress_view()
    values = [float("inf"), float("nan"), 1e300, *view.trials.value[3:]]
    trials = view.trials.model_copy(update={"value": values})
    draw("progress", view.model_copy(update={"trials": trials}), "svg")
    line = LineView(number=0, state="done", rank=1.0, steps=[0, 1], values=[1e300, 1e-300])
    draw("curves", made_up.curves_view(lines=[line]), "svg")
    one = LineView(number=0, state="failed", rank=None, steps=[0], values=[3.0])
    draw("curves", made_up.curves_view(lines=[one]), "svg")


def test_the_verdict_stands_beside_the_measured_share() -> None:
    """Where there is none, the declared tier."""
    view = made_up.importance_view()
    said = words(draw("importance", view, "svg"))
    assert "declared tier 1, measured first of 4" in said
    assert "50%" in said
    shares = [each.model_copy(update={"verdict": ""}) for each in view.shares]
    bare = ImportanceView(study="s", name="n", metric="m", shares=shares)
    assert "(tier 1)" in words(draw("importance", bare, "svg"))


def test_a_check_shows_every_point_and_the_verdict() -> None:
    """Also where nothing came of the trainings."""
    verdict = VerdictView(word="moved", effect=0.1, low=0.05, high=0.2, challenger={"x": 1.0})
    points = [
        Trained("", "champion", (0.5, 0.52)),
        Trained("x 1 <b> $y$", "challenger", (0.4, float("nan"))),
        Trained("x 2", "rival", ()),
    ]
    said = words(check_svg("loss", points, verdict))
    assert "moved" in said
    assert "the challenger is better by 0.1 (90%: 0.05 to 0.2)" in said
    assert "challenger: x 1 <b> $y$" in said
    assert "Nothing was trained" in words(check_svg("loss", [], verdict))


def test_a_few_wild_values_do_not_flatten_the_others() -> None:
    """The axis holds what the middle says; the best is on it whatever it is."""
    usual_ = [1.0 + 0.01 * n for n in range(20)]
    shown = range_of([*usual_, 1e6], "minimize")
    assert shown.holds(1.0)
    assert not shown.holds(1e6)
    assert range_of([*usual_, -50.0], "minimize").holds(-50.0)
    assert not range_of([*usual_, -1e6], "maximize").holds(-1e6)
    assert range_of([10.0**-n for n in range(8)], "minimize").log


@pytest.mark.parametrize("values", [[], [3.0], [0.0, 0.0], [-2.0, -2.0], [float("nan")]])
def test_an_axis_has_a_length(values: list[float]) -> None:
    assert whole(values).low < whole(values).high


def test_ticks_keep_apart_and_the_ends_stay() -> None:
    ticks = [(0.0, "a"), (0.05, "b"), (0.5, "c"), (0.95, "d"), (1.0, "e")]
    assert sorted(label for _, label in spaced(ticks, 0.2)) == ["a", "c", "e"]
    assert spaced([], 0.2) == []


def test_long_text_is_one_short_line() -> None:
    assert plain("a\n b" * 40, 10) == "a ba ba b…"
    assert len(plain("x" * 100, 10)) == 10


def test_threads_draw_the_same_as_one_does() -> None:
    """The service draws for many, and Matplotlib's settings are the whole process's."""
    view = made_up.zoom_view()
    alone = {name: draw(name, view, "svg") for name in ("zoom", "parallel")}
    drawn: list[bool] = []

    def many(name: FigureName) -> None:
        drawn.extend(draw(name, view, "svg") == alone[name] for _ in range(2))

    threads = [threading.Thread(target=many, args=(name,)) for name in alone for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert drawn == [True] * 8


def test_a_figure_is_drawn_from_its_own_data_alone() -> None:
    """A mistake of ours is told at once."""
    with pytest.raises(TypeError, match="progress is not drawn from a ZoomView"):
        draw("progress", made_up.zoom_view(), "svg")
