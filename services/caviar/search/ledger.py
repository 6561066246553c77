"""What a person may do to the ledger of rounds: take rounds back, or start another search from one.

Nothing is deleted. A round that was taken back stays; the round that takes it back has the one before as its parent.
"""

from __future__ import annotations

from collections.abc import Sequence

from caviar.errors import InputError, NotAllowed, Problem
from caviar.search.history import History
from caviar.search.rounds import Round
from caviar.search.zoom.moves import Move
from caviar.search.zoom.pace import resumed
from caviar.search.zoom.trend import taken_over
from caviar.search.zoom.words import side_words


def in_force(rounds: Sequence[Round]) -> set[int]:
    """The rounds that the last one descends from, itself included; all others were taken back."""
    descent: set[int] = set()
    index: int | None = rounds[-1].index
    while index is not None:
        descent.add(index)
        index = rounds[index].parent
    return descent


def numbered(rounds: Sequence[Round], number: int) -> Round:
    """The round of that number. Raises InputError where there is none."""
    if not 0 <= number < len(rounds):
        way_out = f"The last one is round {rounds[-1].index}."
        raise InputError(Problem(("round",), f"there is no round {number}", way_out))
    return rounds[number]


def undone(
    rounds: Sequence[Round], number: int, history: History, user: str | None = None
) -> Round:
    """The round that takes back round ``number`` and all after it: the search goes on as before it was written.

    ``history`` are all results there are now; they count as seen, so that the box holds for a whole rhythm. The
    box is exactly the earlier one, also where a better trial has been found outside of it since: the reason says so.
    Taking back an undo gives the rounds back that it took.

    Raises:
        InputError: there is no such round, or it is the first.
        NotAllowed: it was taken back already, by the last round.
    """
    last = rounds[-1]
    if numbered(rounds, number).index == 0:
        way_out = "Taking back round 1 searches the whole space again." if last.index else ""
        raise InputError(Problem(("round",), "round 0 has none before it to go back to", way_out))
    before = rounds[number - 1]
    if last.kind == "undo" and last.parent == before.index:
        raise NotAllowed(f"Round {number} was taken back already, by round {last.index}.")
    ranked = history.best_places()
    best = history[ranked[0]] if len(ranked) else None
    moves = [
        Move(*sides)
        for sides in zip(before.box.space, last.box.sides, before.box.sides, strict=True)
    ]
    one = number == last.index
    reason = f"Round {number} was" if one else f"Rounds {number} to {last.index} were"
    reason += f" taken back by {user or 'hand'}; the box is that of round {before.index} again"
    if best is not None and not before.box.contains(best.params):
        reason += f", and the best trial ({best.number}) lies outside of it"
    return Round(
        index=last.index + 1,
        box=before.box,
        kind="undo",
        reason=f"{reason}.",
        changes={move.parameter.name: _back(move) for move in moves},
        parent=before.index,
        support=before.support,
        results=len(history),
        best=best.value if best else None,
        incumbent=best.number if best else None,
        memory=resumed(before.memory, history),
    )


def _back(move: Move) -> str:
    if move.kind == "kept":
        return "kept"
    return f"{move.kind} back to {side_words(move.parameter, move.after)}"


def branched(round_: Round, study: str, known: int, user: str | None = None) -> Round:
    """The first round of a study that starts from ``round_`` of ``study``, a name for people.

    ``known`` results that ``round_`` was computed from are results from elsewhere to the new study: its own are none.
    """
    rests = f", which rests on {known} results from there" if known else ""
    who = f"{user} branched" if user else "Branched"
    return Round(
        index=0,
        box=round_.box,
        kind="branch",
        reason=f"{who} from round {round_.index} of {study}: the search starts in its box{rests}.",
        changes=dict.fromkeys(round_.box.space.names, f"as in round {round_.index}"),
        memory=taken_over(round_.memory),
    )
