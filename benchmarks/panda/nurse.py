"""How well the nurse does: trainings that start with a wrong learning rate, nursed on one slot.

    python benchmarks/panda/nurse.py                        # seeds 0 to 4, some minutes
    python benchmarks/panda/nurse.py --only digits/mlp --seeds 100-109
    python benchmarks/panda/nurse.py --unseen               # trainings that nothing about the nurse was chosen on

Each training starts with its best fixed learning rate divided by ten, times ten, and as it is. The final loss is the
mean of the last 5% of the reported steps at the planned length. With "alone" for the same start without the nurse,

    gap closed = (alone - nursed) / (alone - best fixed)

where alone is the loss at the start if it diverged or ended above that. On a seed where alone is as good as the best
fixed learning rate there is no gap: it counts as closed (1) where the nursed training is as good as the best fixed one,
else as 0.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from statistics import fmean, median, stdev

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the matrices are small: threads only wait
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from trainings import TRAININGS, Training, _classifier, _regression, by_name, final, run

from caviar.panda.nurse import Act, Limits, Look, Memory, decide

LIMITS = Limits(low=1e-6, high=10.0)
EVERY = 0.01
"""A checkpoint after each such share of the planned length."""

UNSEEN = (
    Training("wine/mlp", 0.02, cache(lambda: _classifier("wine", 110, (16,)))),
    Training(
        "cancer/softmax",
        0.1,
        cache(lambda: _classifier("breast_cancer", 300, (), 0.05)),
        momentum=0.0,
    ),
    Training(
        "digits/deep", 0.01, cache(lambda: _classifier("digits", 1200, (64, 32, 32), 0.1)), batch=32
    ),
    Training(
        "diabetes/linear, 1000 steps",
        0.001,
        cache(lambda: _regression("diabetes", 300, ())),
        steps=1000,
    ),
    replace(by_name("digits/mlp"), name="digits/mlp, 1000 steps", best=0.05, steps=1000),
    replace(
        by_name("digits/convolution"), name="digits/convolution, 100 steps", best=0.05, steps=100
    ),
)
"""Others, and other lengths. The best fixed learning rates are of 1, 2 and 5 times powers of ten, on seeds 100, 101."""


@dataclass(frozen=True)
class Nursed:
    loss: float
    trained: int
    acts: list[Act]


def nursed(training: Training, seed: int, rate: float) -> Nursed:
    """The whole training from the learning rate ``rate``, asked about after every step."""
    state = training.start(seed)
    points, trained, memory = [(0, state.loss())], 0, Memory()
    kept, acts = {0: state.copy()}, []
    every = max(1, round(EVERY * training.steps))
    while (at := points[-1][0]) < training.steps:
        points.append((at + 1, state.step(rate)))
        trained += 1
        if (at + 1) % every == 0 and math.isfinite(points[-1][1]):
            kept[at + 1] = state.copy()
        look = Look(points, {"learning_rate": rate}, list(kept), training.steps, trained)
        memory, act = decide(LIMITS, memory, look)
        if act is None:
            continue
        acts.append(act)
        rate = act.params["learning_rate"]
        if act.to_step is not None:
            state = kept[act.to_step].copy()
            kept = {step: copy for step, copy in kept.items() if step <= act.to_step}
            points = [point for point in points if point[0] <= act.to_step]
    return Nursed(final([loss for _, loss in points[1:]]), trained, acts)


@dataclass(frozen=True)
class Row:
    """One training from one start: a value for each seed."""

    name: str
    factor: float
    alone: list[float]
    best: list[float]
    nursed: list[Nursed]
    steps: int

    @property
    def closed(self) -> list[float]:
        return [
            closed(alone, best, nursed.loss)
            for alone, best, nursed in zip(self.alone, self.best, self.nursed, strict=True)
        ]

    @property
    def worse(self) -> list[float]:
        """By how many standard deviations over seeds each ended worse than alone; below 0: better.

        Of the best fixed learning rate's losses, as those of a wrong one say little where it diverged.
        """
        noise = stdev(self.best)
        return [(n.loss - alone) / noise for n, alone in zip(self.nursed, self.alone, strict=True)]


def closed(alone: float, best: float, nursed: float) -> float:
    if alone - best <= 1e-3 * abs(best):
        return float(nursed <= best)
    return (alone - nursed) / (alone - best)


def measured(training: Training, factor: float, seeds: Sequence[int]) -> Row:
    best = [final(run(training, seed, training.best)) for seed in seeds]
    alone = best
    if factor != 1:
        starts = [training.start(seed).loss() for seed in seeds]
        ends = [final(run(training, seed, training.best * factor)) for seed in seeds]
        alone = [min(start, end) for start, end in zip(starts, ends, strict=True)]
    outcomes = [nursed(training, seed, training.best * factor) for seed in seeds]
    return Row(training.name, factor, alone, best, outcomes, training.steps)


def table(rows: Sequence[Row]) -> None:
    print(
        "| training | start | alone | best fixed | nursed | gap closed, median | worst | trained |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        start = {0.1: "best / 10", 10: "best x 10"}[row.factor]
        losses = [median(x) for x in (row.alone, row.best, [n.loss for n in row.nursed])]
        trained = fmean(n.trained for n in row.nursed) / row.steps
        cells = [row.name, start, *(f"{loss:.4g}" for loss in losses)]
        cells += [f"{median(row.closed):.0%}", f"{min(row.closed):.0%}", f"{trained:.2f}"]
        print("| " + " | ".join(cells) + " |")
    every = [gap for row in rows for gap in row.closed]
    most = max(n.trained / row.steps for row in rows for n in row.nursed)
    print()
    print(
        f"Runs with at least 80% closed: {fmean(gap >= 0.8 for gap in every):.0%} of {len(every)}"
    )
    print(f"Median of all: {median(every):.0%}; most steps trained: {most:.2f} of the planned ones")


def harm(rows: Sequence[Row]) -> None:
    print(
        "| training | start | best fixed | nursed | worse than alone by, in standard deviations |"
    )
    print("|---|---|---|---|---|")
    for row in rows:
        start = {0.1: "best / 10", 1: "best", 10: "best x 10"}[row.factor]
        losses = [median(x) for x in (row.best, [n.loss for n in row.nursed])]
        cells = [row.name, start, *(f"{loss:.4g}" for loss in losses)]
        print("| " + " | ".join([*cells, ", ".join(f"{x:+.1f}" for x in row.worse)]) + " |")
    for name, part in (("best", [1.0]), ("a wrong one", [0.1, 10.0])):
        every = [x for row in rows if row.factor in part for x in row.worse]
        beyond = [sum(x > bound for x in every) for bound in (1, 2)]
        print(f"\nStarted with {name}: worse by more than 1: {beyond[0]} of {len(every)};", end=" ")
        print(f"by more than 2: {beyond[1]}; mean {fmean(every):+.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="How well the nurse does.")
    parser.add_argument("--seeds", default="0-4", help="first-last")
    parser.add_argument("--only", help="one training")
    parser.add_argument("--unseen", action="store_true", help="the trainings of UNSEEN instead")
    wanted = parser.parse_args()
    first, last = (int(part) for part in wanted.seeds.split("-"))
    rows = [
        measured(training, factor, range(first, last + 1))
        for training in (UNSEEN if wanted.unseen else TRAININGS)
        if wanted.only in (None, training.name)
        for factor in (0.1, 10.0, 1.0)
    ]
    table([row for row in rows if row.factor != 1])
    print()
    harm(rows)


if __name__ == "__main__":
    main()
