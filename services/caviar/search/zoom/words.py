"""A round in one sentence, with the numbers of that very space."""

from __future__ import annotations

from collections.abc import Sequence

from caviar.search.rounds import Kind
from caviar.search.values import Result
from caviar.search.zoom.moves import Move
from caviar.space import Categorical, Kept, Numeric, Parameter, Side
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


def reason_of(
    kind: Kind, moves: Sequence[Move], lead: Sequence[Result], results: int, *, new_best: bool
) -> str:
    """Why the box is where it is, led by the side that changed most; a lower tier number breaks ties.

    That the best trial sits at a bound of the study's own is said once, when it is new.
    """
    at_bound = _bound_words(moves, lead[0]) if new_best else ""
    head = f"The {len(lead)} best of {number(results)} trials"
    if kind == "keep":
        return f"{head} still fill the box, so it stays{at_bound}."
    if kind == "shrink":
        narrowed = sorted(
            (move for move in moves if move.kind == "narrowed"),
            key=lambda move: (round(move.ratio, 1), move.parameter.tier or 5),
        )
        first, more = narrowed[0], len(narrowed) - 1
        also = f", along with {_count(more)}" if more else ""
        return f"{head} {_where(first, lead)}{also}{at_bound}."
    best = lead[0]
    left = [move for move in moves if move.kind in ("widened", "moved")]
    first = min(left, key=lambda move: (move.edge == "", move.parameter.tier or 5))
    what = f"{first.parameter.name} {first.kind} to {side_words(first.parameter, first.after)}"
    why = f"the best trial ({best.number}) {_seat(first, best)}"
    if isinstance(first.parameter, Categorical):
        why = f"the {len(lead)} best of {number(results)} trials use them"
    also = f" (with {_count(len(left) - 1)})" if len(left) > 1 else ""
    narrowed_too = sum(move.kind == "narrowed" for move in moves)
    tail = f"; {_count(narrowed_too)} narrowed" if narrowed_too else ""
    return f"{what}{also}: {why}{tail}."


def restart_reason(best: Result, stalled: int) -> str:
    value = number(best.value) if best.value is not None else "none"
    return (
        f"The box had shrunk to a point and {stalled} rounds brought nothing better than trial "
        f"{best.number} ({value}), so the search looks at the whole space again."
    )


def _where(move: Move, lead: Sequence[Result]) -> str:
    parameter = move.parameter
    used = [r.params[parameter.name] for r in lead if parameter.name in r.params]
    if isinstance(parameter, Categorical):
        assert isinstance(move.before, Kept)
        assert isinstance(move.after, Kept)
        dropped = [c for c in move.before.choices if c not in move.after.choices]
        names = [parameter.say(choice) for choice in parameter.choices if choice in used]
        what = " or ".join(names)
        return f"use {parameter.name} {what}; {', '.join(map(parameter.say, dropped))} dropped"
    low, high = min(map(float, used)), max(map(float, used))
    where = f"{parameter.say(low)} to {parameter.say(high)}"
    return f"lie at {parameter.name} {where}; the box narrowed there to {fraction(move.ratio)}"


def _count(others: int) -> str:
    return f"{others} other parameter{'s' if others > 1 else ''}"


def _seat(move: Move, best: Result) -> str:
    """Where the best trial sits: at the box's edge, or outside of it."""
    side, parameter = move.before, move.parameter
    if isinstance(side, Kept):
        return f"uses {parameter.say(best.params[parameter.name])}"
    place = parameter.to_unit(best.params[parameter.name])
    if side.lo <= place <= side.hi:
        return f"sits at the box's {move.edge} edge"
    where = "below" if move.edge == "lower" else "above"
    return f"lies {where} the box, at {parameter.say(best.params[parameter.name])}"


def _at_bound(parameter: Numeric, bound: str) -> str:
    end = parameter.low if bound == "lower" else parameter.high
    return f"sits at the study's own {bound} bound {parameter.say(end)}"


def _bound_words(moves: Sequence[Move], best: Result) -> str:
    for move in moves:
        if move.bound and isinstance(move.parameter, Numeric):
            where = _at_bound(move.parameter, move.bound)
            return f"; in {move.parameter.name} the best one ({best.number}) {where}"
    return ""
