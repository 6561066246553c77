"""How the box follows the results, told by the rounds themselves."""

from caviar.search import Result, Round, Settings, first_round, propose, refine
from caviar.space import Box, Interval, Kept, Space

SPACE = Space.parse(
    {
        "learning_rate": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log"},
        "solver": {"type": "categorical", "choices": ["sgd", "adam", "lion"]},
    }
)
SETTINGS = Settings(goal="maximize")


def result(number: int, unit: float, value: float | None, solver: str = "sgd") -> Result:
    rate = SPACE["learning_rate"].from_unit(unit)
    return Result(number, {"learning_rate": rate, "solver": solver}, value)


def around(unit: float, spread: float, count: int, first: int = 0) -> list[Result]:
    """Results that are the better the nearer they are to a place on the learning rate's scale."""
    places = [unit + spread * (i / (count - 1) - 0.5) for i in range(count)]
    return [result(first + i, p, 1 - abs(p - unit)) for i, p in enumerate(places)]


def round_of(lo: float, hi: float, results: int, **more) -> Round:
    box = Box.whole(SPACE).replaced({"learning_rate": Interval(lo, hi)})
    return Round(index=3, box=box, kind="shrink", reason="Before.", results=results, **more)


def test_a_round_waits_for_its_trials():
    """Eight trials start the first box in a space of two parameters; seven do not."""
    rounds = [first_round(SPACE, SETTINGS)]
    assert refine(SPACE, SETTINGS, rounds, around(0.5, 1.0, 7)) is None
    assert refine(SPACE, SETTINGS, rounds, around(0.5, 1.0, 8)).index == 1


def test_the_box_narrows_around_the_leaders():
    """The sentence says how many trials lie where, and how far the side narrowed."""
    new = refine(SPACE, SETTINGS, [first_round(SPACE, SETTINGS)], around(0.5, 1.0, 20))
    assert new.kind == "shrink"
    assert new.reason == (
        "The 5 best of 20 trials lie at learning_rate 0.00298 to 0.0207; "
        "the box narrowed there to four fifths."
    )
    assert new.changes["learning_rate"] == "narrowed to [0.000278, 0.44], four fifths of before"


def test_the_box_widens_when_the_best_sits_at_its_edge():
    """Leaders all over the box with the best one at its upper edge: the box grows there."""
    places = [0.2, 0.3, 0.35, 0.45, 0.55, 0.25, 0.59]
    spread = [result(i, place, float(i)) for i, place in enumerate(places)]
    new = refine(SPACE, SETTINGS, [round_of(0.2, 0.6, 0)], spread)
    assert new.kind == "widen"
    assert new.reason.startswith("learning_rate widened to [0.000631, 0.158]: ")
    assert new.reason.endswith("the best trial (6) sits at the box's upper edge.")


def test_the_box_moves_when_the_leaders_lie_together_outside():
    """A better region beyond the box takes the box along at the same width."""
    far = around(0.8, 0.05, 10)
    before = round_of(0.1, 0.4, 0)
    new = refine(SPACE, SETTINGS, [before], far)
    side = new.box.side("learning_rate")
    assert new.kind == "move"
    assert "lies above the box, at" in new.reason
    assert abs(side.width - 0.3) < 1e-9


def test_the_studys_own_bound_is_named_and_never_passed():
    """Where the best trial sits at the study's bound the sentence says so, as only a person can widen that."""
    at_bound = [result(i, 1.0 - 0.03 * i, float(-i)) for i in range(12)]
    new = refine(SPACE, SETTINGS, [first_round(SPACE, SETTINGS)], at_bound)
    assert new.box.to_views()["learning_rate"].high == 1.0
    assert "the best one (0) sits at the study's own upper bound 1" in new.reason


def test_a_clearly_worse_category_is_dropped_and_may_come_back():
    """lion lost ten times and goes; when a trial outside the box wins with it, it returns."""
    known = around(0.5, 0.2, 10) + [result(10 + i, 0.5, -1.0, "lion") for i in range(10)]
    first = refine(SPACE, SETTINGS, [first_round(SPACE, SETTINGS)], known)
    assert first.box.side("solver") == Kept(("sgd", "adam"))
    assert first.changes["solver"] == "narrowed to sgd, adam"
    won = [result(20 + i, 0.5, 2.0 + i, "lion") for i in range(4)]
    second = refine(SPACE, SETTINGS, [first_round(SPACE, SETTINGS), first], known + won)
    assert "lion" in second.box.side("solver").choices


def test_a_collapsed_box_starts_over():
    """Nothing left to zoom into and no better trial for two rounds: the whole space opens again."""
    point = Box.whole(SPACE).replaced(
        {"learning_rate": Interval(0.49, 0.51), "solver": Kept(("sgd",))}
    )
    now = Round(
        index=9,
        box=point,
        kind="keep",
        reason="Before.",
        results=0,
        incumbent=0,
        memory={"stalled": 1},
    )
    known = [result(i, 0.5 + 0.0001 * i, float(-i)) for i in range(8)]
    new = refine(SPACE, SETTINGS, [now], known)
    assert (new.kind, new.box) == ("restart", Box.whole(SPACE))
    assert new.reason == (
        "The box had shrunk to a point and 2 rounds brought nothing better than trial 0 (0), "
        "so the search looks at the whole space again."
    )


def test_most_proposals_lie_inside_the_box_and_some_outside():
    """About one in seven trials looks outside, so that a better region is never out of reach."""
    known = around(0.5, 0.1, 20)
    now = round_of(0.45, 0.55, 20)
    inside = [
        now.box.contains(propose(SPACE, SETTINGS, now, known, [], number))
        for number in range(20, 320)
    ]
    assert 0.75 < sum(inside) / len(inside) < 0.95
