"""How sure a verdict on a change is, on real trainings where the truth is known.

    python benchmarks/panda/verdict.py                # seeds 0 to 4: the tables of docs/babysitting.md, some 15 minutes
    python benchmarks/panda/verdict.py --seeds 100-102 --only digits/mlp,cancer/mlp

Every training runs at its best fixed learning rate and at 0.1, 0.3, 3 and 10 times that. Where nothing is changed, it
is asked about changes that never were, at seven places of each curve. At steps 40, 80 and 150 the learning rate
is multiplied and divided by 10; the truth is what the unchanged twin does from the same checkpoint, and four more twins
with other minibatches say what is chance. A verdict is asked for after 5, 10, 20, 40 and 80 steps.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from trainings import TRAININGS, Floats, Training

from caviar.panda import verdict
from caviar.panda.verdict import Effect, compare, effect

RATES = (0.1, 0.3, 1.0, 3.0, 10.0)
NOWHERE = (20, 30, 45, 65, 95, 140, 200)
"""Steps after which no change was."""
CHANGES = (40, 80, 150)
FACTORS = (10.0, 0.1)
LOOKS = (5, 10, 20, 40, 80)
HORIZON = 80
OTHERS = 4
"""Unchanged twins with other minibatches."""
CLEAR, WORTH = 4.0, 0.05
"""Clearly better or worse: by so many standard deviations of the unchanged twins, and by so much of their loss."""


@dataclass(frozen=True)
class Change:
    """A change of a training at ``at``, and what else became of the same checkpoint, HORIZON losses each."""

    training: str
    rate: float
    factor: float
    at: int
    before: list[float]
    changed: list[float]
    twins: list[list[float]]
    """The first one has the minibatches of the changed one."""

    def truth(self, steps: int = HORIZON) -> int:
        """1: clearly better after ``steps``, over their last half; -1: clearly worse; 0: neither."""
        last = slice(steps // 2, steps)
        if not np.isfinite(self.changed[:steps]).all():
            return -1
        ends = np.array([np.mean(twin[last]) for twin in self.twins])
        gap = float(ends.mean() - np.mean(self.changed[last]))
        clear = abs(gap) > CLEAR * ends.std(ddof=1) and abs(gap) > WORTH * abs(ends.mean())
        return int(math.copysign(clear, gap))


def remembered(misses: Callable[..., float]) -> Callable[..., float]:
    """The reports before a change are asked about again and again: at each look, for each factor."""
    known: dict[tuple[bytes, int, int], float] = {}

    def found(curve: Floats, reports: int, first: int = 1) -> float:
        key = curve.tobytes(), reports, first
        if key not in known:
            known[key] = misses(curve, reports, first)
        return known[key]

    return found


def points(losses: Iterable[float], first: int = 1) -> list[tuple[int, float]]:
    return list(enumerate(losses, first))


def sound(losses: Sequence[float]) -> bool:
    """No divergence: all finite, and never far above where it began."""
    return bool(np.isfinite(losses).all()) and max(losses) < 20 * losses[0]


def trained(
    training: Training, rate: float, seed: int, places: Sequence[int]
) -> tuple[list[float], list[Change]]:
    """A whole training where nothing is changed, and the changes from its checkpoints."""
    learning_rate = rate * training.best
    state, losses, kept = training.start(seed), [], {}
    for step in range(1, training.steps + 1):
        losses.append(state.step(learning_rate))
        if step in places:
            kept[step] = state.copy()
    changes = []
    for at, checkpoint in kept.items():
        if not sound(losses[:at]):
            continue
        twins = [losses[at : at + HORIZON]]
        for other in range(OTHERS):
            twin = checkpoint.copy()
            twin.rng = np.random.default_rng([seed, at, other])
            twins.append([twin.step(learning_rate) for _ in range(HORIZON)])
        if not all(np.isfinite(twin).all() for twin in twins):
            continue
        for factor in FACTORS:
            other_state = checkpoint.copy()
            changed = [other_state.step(learning_rate * factor) for _ in range(HORIZON)]
            changes.append(Change(training.name, rate, factor, at, losses[:at], changed, twins))
    return losses, changes


def asked(losses: Sequence[float], at: int, looks: Iterable[int]) -> list[Effect]:
    return [effect(points(losses[: at + look]), at, "minimize", "loss") for look in looks]


def said(effects: Iterable[Effect]) -> list[int]:
    return [{"helped": 1, "hurt": -1}.get(found.word, 0) for found in effects]


def last_word(words: Sequence[int]) -> int:
    return next((word for word in reversed(words) if word), 0)


def share(part: float, whole: float) -> str:
    return f"{part / whole:.1%} of {whole:g}" if whole else "none"


def unchanged(runs: dict[str, list[list[float]]]) -> None:
    """False words, on trainings where nothing was changed."""
    print(
        "| training | false, single look | false, any of up to 5 looks | any look at any of 7 places |"
    )
    print("|---|---|---|---|")
    rows, held, diverged = [], Counter[str](), Counter[str]()
    for name, curves in runs.items():
        looks = falses = places = any_looks = whole = any_places = 0
        for losses in curves:
            if not sound(losses):
                ends = next((i for i, loss in enumerate(losses) if not math.isfinite(loss)), 0)
                diverged.update(["not finite" if ends else "far up"])
                continue
            found = {
                at: asked(losses, at, [k for k in LOOKS if at + k <= len(losses)]) for at in NOWHERE
            }
            words = {at: said(effects) for at, effects in found.items()}
            for effects in found.values():
                for one in effects:
                    if one.low is not None and one.high is not None:
                        held.update([one.low <= 1.0 <= one.high])
            looks += sum(len(w) for w in words.values())
            falses += sum(sum(map(abs, w)) for w in words.values())
            places += len(words)
            any_looks += sum(any(w) for w in words.values())
            whole += 1
            any_places += any(any(w) for w in words.values())
        rows.append((looks, falses, places, any_looks, whole, any_places))
        print(
            f"| {name} | {share(falses, looks)} | {share(any_looks, places)} | {share(any_places, whole)} |"
        )
    looks, falses, places, any_looks, whole, any_places = map(sum, zip(*rows, strict=True))
    print(
        f"| all | {share(falses, looks)} | {share(any_looks, places)} | {share(any_places, whole)} |"
    )
    print(f"\nLeft out because they diverge by themselves: {dict(diverged)}.")
    print(
        f"90% intervals of the ratio that hold 1, where there is one: {share(held[True], held.total())}."
    )


def judged(rows: dict[str, Counter[str]], heading: str) -> None:
    print(f"| {heading} | clear cases | right | wrong | no effect yet | too noisy, too early |")
    print("|---|---|---|---|---|---|")
    for name, row in rows.items():
        total = row.total()
        cells = [
            row["right"],
            row["wrong"],
            row["no effect yet"],
            row["too noisy"] + row["too early"],
        ]
        print(f"| {name} | {total} | " + " | ".join(f"{cell / total:.0%}" for cell in cells) + " |")
    print()


def judgement(words: Sequence[int], effects: Sequence[Effect], truth: int) -> str:
    word = last_word(words)
    return "right" if word == truth else "wrong" if word else effects[-1].word


def changed(changes: Sequence[Change]) -> None:
    """What was said after a change by 10 times."""
    groups: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    then, firsts, unclear = Counter[str](), Counter[str](), Counter[str]()
    for change in changes:
        effects = asked(change.before + change.changed, change.at, LOOKS)
        words = said(effects)
        for look, word in zip(LOOKS, words, strict=True):
            if word and change.truth(look):
                then.update(["right" if word == change.truth(look) else "wrong"])
        truth = change.truth()
        if not truth:
            unclear.update([effects[-1].word])
            continue
        found = judgement(words, effects, truth)
        first = last_word(words[::-1])
        firsts.update(["right" if first == truth else "wrong" if first else "silent"])
        way = "times 10" if change.factor > 1 else "divided by 10"
        groups["way"].setdefault("all", Counter())[found] += 1
        groups["way"][way][found] += 1
        groups["start"][f"{way}, from {change.rate:g} of the best"][found] += 1
        groups["training"][f"{change.training}, {way}"][found] += 1
        groups["at"][f"after step {change.at}"][found] += 1
    for heading, rows in groups.items():
        judged(dict(sorted(rows.items())) if heading != "way" else rows, heading)
    print(f"First word instead of last: {dict(firsts)}.")
    print(
        f"Words against the truth at the step when they are said, where that is clear: {dict(then)}."
    )
    print(f"Last looks where the truth is not clear: {dict(unclear)}.\n")


def side_by_side(changes: Sequence[Change]) -> None:
    """`compare`: between unchanged twins, and between a changed one and its twin."""
    looks = LOOKS[1:]
    falses = pairs = single = 0
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for change in changes:
        history = points(change.before)
        ask = partial(compare, since=change.at, goal="minimize", name="loss")

        def found(
            a: list[float],
            b: list[float],
            ask: partial[Effect] = ask,
            history=history,
            at=change.at,
        ) -> list[Effect]:
            return [ask(history + points(a[:k], at + 1), points(b[:k], at + 1)) for k in looks]

        if change.factor > 1:
            for other in range(1, OTHERS, 2):
                words = said(found(change.twins[other], change.twins[other + 1]))
                pairs, falses, single = (
                    pairs + 1,
                    falses + any(words),
                    single + sum(map(abs, words)),
                )
        truth = change.truth()
        if truth:
            effects = found(change.twins[0], change.changed)
            way = "times 10" if change.factor > 1 else "divided by 10"
            word = judgement(said(effects), effects, truth)
            rows.setdefault("all", Counter())[word] += 1
            rows[way][word] += 1
    print(
        f"False between unchanged twins: {share(single, pairs * len(looks))} single looks, "
        f"{share(falses, pairs)} at any of {len(looks)} looks.\n"
    )
    judged(rows, "side by side")


def main() -> None:
    parser = argparse.ArgumentParser(description="How sure a verdict on a change is.")
    parser.add_argument("--seeds", default="0-4", help="first-last")
    parser.add_argument("--only", help="trainings, by comma")
    parser.add_argument(
        "--table", choices=["unchanged", "changed", "beside"], help="one of the three"
    )
    wanted = parser.parse_args()
    first, last = (int(part) for part in wanted.seeds.split("-"))
    verdict.misses = remembered(verdict.misses)
    runs: dict[str, list[list[float]]] = {}
    changes: list[Change] = []
    at = () if wanted.table == "unchanged" else CHANGES
    for training in TRAININGS:
        if wanted.only is None or training.name in wanted.only.split(","):
            seeds = range(first, last + 1)
            found = [trained(training, rate, seed, at) for rate in RATES for seed in seeds]
            runs[training.name] = [losses for losses, _ in found]
            changes += [change for _, some in found for change in some]
    if wanted.table in (None, "unchanged"):
        print("\n## Nothing changed\n")
        unchanged(runs)
    if wanted.table in (None, "changed"):
        print("\n## Changed by 10 times\n", flush=True)
        changed(changes)
    if wanted.table in (None, "beside"):
        print("## Side by side\n", flush=True)
        side_by_side(changes)


if __name__ == "__main__":
    main()
