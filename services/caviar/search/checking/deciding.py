"""From the trainings so far to the next ones, or to the verdict.

    first look   champion and rivals once each, on seed 0, all at once
    challenger   the point that the first look's parabolas name or the best rival, whichever promises more
    duel         champion and challenger on new seeds, pair by pair

With a single rival there is nothing to choose: the first look is the first pair. Where the champion fails on two
seeds on which a rival trains, the optimum has moved.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count

from caviar.search.checking.duel import Look, look, pooled
from caviar.search.checking.student import quantile
from caviar.search.checking.surface import level, predicted, widths_of
from caviar.search.checking.terms import Drift, Terms, Training, Verdict, Word
from caviar.space import Box, Categorical, Interval, Params, Space
from caviar.space.words import number

Seeded = tuple[Params, int]
CLEAR = 4.0
"""A rival that is better on the first look by so many standard deviations of a training needs no parabola."""
MOST_NAMED = 2
LUCK = 1.5
"""Standard deviations of a training by which the best of a few equal rivals looks better than it is."""
FAILURES = 2
"""Seeds on which a point fails before it is given up."""


def next_training(
    space: Space, terms: Terms, trainings: Sequence[Training]
) -> tuple[Params, int] | None:
    """The point and the seed of the training to start now; None: wait for those that run, or it is decided.

    All of the first look may run at once, and the two of a pair; the next pair waits, since it may not be needed.
    """
    book = Book(space, terms, trainings)
    if len(trainings) >= terms.trials:
        return None
    step = _step(book)
    if isinstance(step, Verdict):
        return None
    return next((item for item in step if not book.started(*item)), None)


def verdict(space: Space, terms: Terms, trainings: Sequence[Training]) -> Verdict | None:
    """What the trainings say; None while more are needed or some run."""
    if not all(training.over for training in trainings):
        return None
    step = _step(Book(space, terms, trainings))
    return step if isinstance(step, Verdict) else None


class Book:
    """The trainings by point and seed, as losses: the order in which they came does not matter."""

    def __init__(self, space: Space, terms: Terms, trainings: Sequence[Training]) -> None:
        self.space, self.terms, self.trainings = space, terms, trainings
        self._sign = -1.0 if terms.goal == "maximize" else 1.0
        self._started = {(space.key(one.point), one.seed) for one in trainings}
        self._values: dict[tuple[object, int], float | None] = {}
        for one in trainings:
            place = (space.key(one.point), one.seed)
            if one.over and (not one.failed or place not in self._values):
                loss = None if one.value is None or one.failed else self._sign * one.value
                known = self._values.get(place)
                # Told twice: the better one, whatever the order.
                self._values[place] = loss if known is None or loss is None else min(known, loss)

    def started(self, point: Params, seed: int) -> bool:
        return (self.space.key(point), seed) in self._started

    def over(self, point: Params, seed: int) -> bool:
        return (self.space.key(point), seed) in self._values

    def loss(self, point: Params, seed: int) -> float | None:
        """None where it failed or is not known."""
        return self._values.get((self.space.key(point), seed))

    def losses(self, point: Params, seeds: range = range(1000)) -> list[float]:
        """The values of a point on these seeds."""
        key = self.space.key(point)
        own = sorted(
            (seed, loss)
            for (k, seed), loss in self._values.items()
            if k == key and loss is not None
        )
        return [loss for seed, loss in own if seed in seeds]

    def affords(self, wanted: Sequence[Seeded]) -> bool:
        new = sum(not self.started(*item) for item in wanted)
        return new <= self.terms.trials - len(self.trainings)

    def missing(self, wanted: Sequence[Seeded]) -> list[Seeded]:
        return [item for item in wanted if not self.over(*item)]

    @cached_property
    def points(self) -> list[Params]:
        """Those of the first look, all different, as many as leave a pair to be paid for."""
        different = list({self.space.key(point): point for point in self.terms.points}.values())
        return different[: max(2, self.terms.trials - 2)]

    @property
    def champion(self) -> Params:
        return self.points[0]

    @property
    def alone(self) -> bool:
        return len(self.points) == 2

    @property
    def pairs(self) -> int:
        """The most looks at pairs: a second challenger meets what the champion did against the first."""
        if self.alone:
            return max(1, self.terms.trials // 2)
        return max(1, (self.terms.trials - len(self.points) + 1) // 2)

    @property
    def spread(self) -> float:
        """Between all values: at least what noise does, where nothing else is known of it."""
        known = [loss for loss in self._values.values() if loss is not None]
        return max(known) - min(known) if known else 0.0

    def value(self, loss: float) -> float:
        return self._sign * loss


@dataclass(frozen=True, slots=True)
class Duel:
    """How a duel stands: what it wants next, or its last look; given up where the challenger fails."""

    wanted: tuple[Seeded, ...] = ()
    look: Look | None = None
    pairs: int = 0
    gone: bool = False
    """The champion fails where the challenger trains."""
    given_up: bool = False


def _step(book: Book) -> list[Seeded] | Verdict:
    if len(book.points) < 2:
        return _told(book, "inconclusive", None, "There is no rival to compare the champion with.")
    wanted = [(point, 0) for point in book.points]
    if (missing := book.missing(wanted)) and book.affords(missing):
        return missing
    spent = 0
    last: tuple[Params, Duel] | None = None
    for challenger in _challengers(book):
        duel = _duel(book, challenger, spent)
        if duel.wanted:
            return list(duel.wanted)
        if duel.given_up:
            continue
        if duel.gone or (duel.look and duel.look.word != "holds"):
            return _judged(book, challenger, duel)
        spent += duel.pairs
        last = last or (challenger, duel)
    return _judged(book, *last) if last else _unchallenged(book)


def _challengers(book: Book) -> Iterator[Params]:
    """Those that may be better than the champion, the most promising first."""
    losses = [book.loss(point, 0) for point in book.points]
    own = losses[0]
    rivals = [(loss, place) for place, loss in enumerate(losses) if place and loss is not None]
    rivals.sort()
    if book.alone:
        yield book.points[1]
        return
    if own is None:
        yield from (book.points[place] for _, place in rivals)
        return
    noise = book.terms.noise or 0.0
    own = losses[0] = level(book.space, book.points, losses)
    better = [(own - loss, book.points[place]) for loss, place in rivals if loss < own]
    if better and book.terms.noise is not None and better[0][0] >= CLEAR * noise:
        yield from (point for _, point in better)
        return
    # Of many rivals the best one is lucky: it is worth less than it seems.
    named = predicted(book.space, book.points, losses, noise)[:MOST_NAMED]
    unclear = [(gain - LUCK * noise, point) for gain, point in better]
    told: set[object] = set()
    for _, point in sorted(named + unclear, key=lambda one: -one[0]):
        if (key := book.space.key(point)) not in told:
            told.add(key)
            yield point


def _duel(book: Book, challenger: Params, spent: int) -> Duel:
    first = 0 if book.alone else 1
    gains: list[float] = []
    lost = failed = 0
    if first and book.loss(book.champion, 0) is None:
        lost = 1
    said: Look | None = None
    for seed in count(first):
        wanted = [(book.champion, seed), (challenger, seed)]
        missing = book.missing(wanted)
        if missing and book.affords(missing):
            return Duel(wanted=tuple(missing))
        if missing:
            break
        own, other = book.loss(book.champion, seed), book.loss(challenger, seed)
        failed += other is None
        lost += own is None and other is not None
        if lost >= FAILURES:
            return Duel(gone=True)
        if failed >= FAILURES:
            return Duel(given_up=True)
        if own is not None and other is not None:
            gains.append(own - other)
            said = _look(book, challenger, gains, spent, seed, last=False)
            if said.word:
                return Duel(look=said, pairs=len(gains))
    if gains:
        said = _look(book, challenger, gains, spent, seed - 1, last=True)
    return Duel(look=said, pairs=len(gains))


def _look(
    book: Book, challenger: Params, gains: Sequence[float], spent: int, seed: int, last: bool
) -> Look:
    terms = book.terms
    # What a half of the next pair says must not change the last one's word: it may have come first by chance.
    first = 0 if book.alone else 1
    noise = pooled(
        terms.noise,
        terms.freedom,
        book.losses(book.champion, range(seed + 1)),
        book.losses(challenger, range(first, seed + 1)),
    )
    return look(gains, spent, book.pairs, noise, terms.tolerance, book.spread, last)


def _judged(book: Book, challenger: Params, duel: Duel) -> Verdict:
    if duel.gone:
        reason = f"The champion failed on {FAILURES} seeds on which another point trained."
        return _told(book, "moved", challenger, reason)
    if duel.look is None:
        reason = "The trainings were spent before champion and challenger could be compared."
        return _told(book, "inconclusive", challenger, reason)
    found = duel.look
    seeds = f"{duel.pairs} new seed{'s' if duel.pairs > 1 else ''}"
    between = f"{number(found.low)} to {number(found.high)}"
    better = f"{number(abs(found.effect))} {'better' if found.effect > 0 else 'worse'}"
    what = {
        "moved": f"Another point is {better} than the champion on {seeds} ({between}).",
        "holds": f"The best rival is {better} than the champion on {seeds} ({between}): no gain that matters.",
        "inconclusive": f"The best rival is {better} than the champion on {seeds}, which may be chance ({between}).",
    }[found.word or "inconclusive"]
    return _told(book, found.word or "inconclusive", challenger, what, found)


def _unchallenged(book: Book) -> Verdict:
    """No rival was better, or none that was could be trained again."""
    own = book.loss(book.champion, 0)
    losses = [book.loss(point, 0) for point in book.points[1:]]
    told = [loss for loss in losses if loss is not None]
    if own is None or not told:
        who = "No rival" if own is not None else "Neither the champion nor a rival"
        return _told(book, "inconclusive", None, f"{who} could be trained on the new data.")
    effect = own - min(told)
    if effect > 0.0 and not any(loss >= own for loss in told):
        reason = "Every rival that was better failed when it was trained again."
        return _told(book, "inconclusive", None, reason)
    freedom = book.terms.freedom if book.terms.noise is not None else 0
    error = math.sqrt(2.0) * (book.terms.noise or 0.0)
    reach = quantile(0.05, freedom) * error if freedom else book.spread
    rivals = (
        f"Of {len(told)} rivals none stands out" if len(told) > 1 else "The rival is not better"
    )
    better = "better" if effect > 0.0 else "worse"
    reason = f"{rivals}; on one seed the best of them is {number(abs(effect))} {better}."
    return _told(book, "holds", None, reason, Look("holds", effect, effect - reach, effect + reach))


def _told(
    book: Book, word: Word, challenger: Params | None, reason: str, found: Look | None = None
) -> Verdict:
    own = book.losses(book.champion) if book.points else []
    return Verdict(
        word=word,
        effect=found.effect if found else 0.0,
        low=found.low if found else 0.0,
        high=found.high if found else 0.0,
        challenger=challenger,
        drifts=drifts(book.space, book.points, challenger, book.terms.box)
        if challenger is not None and word == "moved"
        else (),
        champion=book.value(math.fsum(own) / len(own)) if own else None,
        trainings=len(book.trainings),
        reason=reason,
    )


def drifts(
    space: Space, points: Sequence[Params], challenger: Params, box: Box | None = None
) -> tuple[Drift, ...]:
    """The parameters in which the challenger differs from the champion where both have them, the farthest first.

    In widths of the ``box``. Without one, or where it has none: of how far the neighbours go along a parameter, the
    widest of them where none moves it.
    """
    champion, widths = points[0], widths_of(space, points)
    for place, side in enumerate(box.sides if box else ()):
        if isinstance(side, Interval) and side.width > 0.0:
            widths[place] = side.width
    usual = float(widths.max()) or 1.0
    found = []
    for place, parameter in enumerate(space):
        before, after = champion.get(parameter.name), challenger.get(parameter.name)
        if before is None or after is None or before == after:
            continue
        if isinstance(parameter, Categorical):
            found.append(Drift(parameter.name, "categorical", before, after, 1.0))
            continue
        step = parameter.to_unit(after) - parameter.to_unit(before)
        distance = step / (float(widths[place]) or usual)
        found.append(Drift(parameter.name, parameter.scale, before, after, distance))
    return tuple(sorted(found, key=lambda drift: -abs(drift.distance)))
