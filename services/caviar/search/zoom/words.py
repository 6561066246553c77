"""A round in one sentence, with the numbers of that very space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from caviar.search.rounds import Kind
from caviar.search.values import Result
from caviar.search.zoom.moves import Move
from caviar.space import Categorical, Interval, Kept, Numeric, Parameter, Side
from caviar.space.words import fraction, number


def side_words(parameter: Parameter, side: Side) -> str:
    """``[0.005, 0.3]``, or ``sgd, adam``."""
    if isinstance(parameter, Categorical) or isinstance(side, Kept):
        assert isinstance(side, Kept)
        return ", ".join(map(parameter.say, side.choices))
    low: float
    high: float
    low, high = parameter.from_unit(side.lo), parameter.from_unit(side.hi)
    if parameter.type == "int":
        low, high = parameter.whole_numbers(side.lo, side.hi)
    return f"[{parameter.say(low)}, {parameter.say(high)}]"


def change_of(move: Move, best: Result) -> str:
    """What happened to one side: ``narrowed to [0.001, 0.02], a third of before``."""
    text: str = move.kind
    if move.kind != "kept":
        text += f" to {side_words(move.parameter, move.after)}"
    if move.kind == "narrowed" and isinstance(move.parameter, Numeric):
        text += f", {fraction(move.ratio)} of before"
    if move.edge and move.kind != "kept":
        text += f": the best trial ({best.number}) {_seat(move, best)}"
    elif move.bound and isinstance(move.parameter, Numeric):
        text += f"; the best trial ({best.number}) {_at_bound(move.parameter, move.bound)}"
    return text


def edge_of(move: Move, best: Result) -> str:
    """Where the best trial sat in the box before and in the study: ``at the upper edge``, ``above the box``,
    ``at the study's own upper bound``; nothing where it was well inside."""
    words = []
    if move.edge and isinstance(move.before, Interval):
        place = move.parameter.to_unit(best.params[move.parameter.name])
        if move.before.lo <= place <= move.before.hi:
            words.append(f"at the {move.edge} edge")
        else:
            words.append(f"{'below' if move.edge == 'lower' else 'above'} the box")
    if move.bound:
        words.append(f"at the study's own {move.bound} bound")
    return " and ".join(words)


Cause = Literal["first", "wins", "better", "ties", "nothing", "model"]
"""Why the box was looked at anew."""


def reason_of(
    kind: Kind,
    cause: Cause,
    count: int,
    moves: Sequence[Move],
    lead: Sequence[Result],
    results: int,
) -> str:
    """One sentence: what was seen, what the box does, where most, and whether an edge or bound was hit.

    ``count`` is the number of trials that the cause speaks of. A lower tier number breaks ties.
    """
    best = lead[0]
    value = number(best.value) if best.value is not None else "none"
    one = f"trial {best.number} ({value})"
    seen = {
        "first": f"Of the first {results} trials, {one} is the best",
        "wins": f"{count} trials beat the best one before, {one} most",
        "better": f"{one[0].upper()}{one[1:]} is the best now",
        "ties": f"{count} more trials brought values exactly like the best, {one}: a plateau",
        "nothing": f"{count} trials brought nothing better than {one}",
        "model": f"{one[0].upper()}{one[1:]} is still the best after {count} more",
    }[cause]
    slower = kind == "widen" and cause in ("nothing", "model")
    return f"{seen}; {_slower(moves) if slower else _effect(kind, moves, best)}."


def _slower(moves: Sequence[Move]) -> str:
    """A box that grows although nothing was better: the sides follow the model's length scales."""
    wider = [move for move in moves if move.kind in ("widened", "moved")]
    first = max(wider, key=lambda move: (move.ratio, -(move.parameter.tier or 5)))
    to = side_words(first.parameter, first.after)
    also = f" (with {_count(len(wider) - 1)})" if wider[1:] else ""
    return f"the metric changes more slowly along {first.parameter.name} than it seemed, which widens to {to}{also}"


def _effect(kind: Kind, moves: Sequence[Move], best: Result) -> str:
    changed = [move for move in moves if move.kind != "kept"]
    if kind == "keep" or not changed:
        return "the box stays as it is"
    if kind == "shrink":
        first = min(changed, key=lambda move: (round(move.ratio, 1), move.parameter.tier or 5))
        if isinstance(first.parameter, Categorical):
            assert isinstance(first.before, Kept)
            assert isinstance(first.after, Kept)
            gone = [c for c in first.before.choices if c not in first.after.choices]
            what = f"{first.parameter.name} loses {', '.join(map(first.parameter.say, gone))}"
            also = f" and the box narrows in {_count(len(changed) - 1)}" if changed[1:] else ""
            return what + also + _bound_words(moves, best)
        to = side_words(first.parameter, first.after)
        also = f", along with {_count(len(changed) - 1)}" if changed[1:] else ""
        what = f"the box narrows around it, most in {first.parameter.name} to {to}{also}"
        return what + _bound_words(moves, best)
    left = [move for move in changed if move.kind in ("widened", "moved")] or changed
    first = min(
        left, key=lambda move: (move.edge == "", -round(move.ratio, 1), move.parameter.tier or 5)
    )
    verb = "widens" if kind == "widen" else "moves with it"
    also = f", along with {_count(len(changed) - 1)}" if changed[1:] else ""
    seat = f" (it {_seat(first, best)})" if first.edge else ""
    to = side_words(first.parameter, first.after)
    return f"the box {verb}, {first.parameter.name} to {to}{seat}{also}{_bound_words(moves, best)}"


def restart_reason(best: Result, fruitless: int) -> str:
    value = number(best.value) if best.value is not None else "none"
    return (
        f"The box had shrunk to a point and {fruitless} trials brought nothing better than trial "
        f"{best.number} ({value}), so it opens wide around it again."
    )


def _count(others: int) -> str:
    return f"{others} other parameter{'s' if others > 1 else ''}"


def _seat(move: Move, best: Result) -> str:
    """Where the best trial sat in the box before: at its edge, or outside of it."""
    side, parameter = move.before, move.parameter
    if isinstance(side, Kept):
        return f"uses {parameter.say(best.params[parameter.name])}"
    place = parameter.to_unit(best.params[parameter.name])
    if side.lo <= place <= side.hi:
        return f"sat at the box's {move.edge} edge"
    where = "below" if move.edge == "lower" else "above"
    return f"lay {where} the box, at {parameter.say(best.params[parameter.name])}"


def _at_bound(parameter: Numeric, bound: str) -> str:
    end = parameter.low if bound == "lower" else parameter.high
    return f"sits at the study's own {bound} bound {parameter.say(end)}"


def _bound_words(moves: Sequence[Move], best: Result) -> str:
    for move in moves:
        if move.bound and isinstance(move.parameter, Numeric):
            where = _at_bound(move.parameter, move.bound)
            return f"; in {move.parameter.name} the best one ({best.number}) {where}"
    return ""
