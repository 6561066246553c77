"""How far a quote of slot-hours is off: studies with different laws of how long a trial takes, on a virtual clock.

    python benchmarks/engine/quote.py --seeds 0-4 --slots 1 4

The study files, the searcher and the stopping rule are the real ones; how long a trial takes and what it is worth are
made up, each law from a seed. After 1, 5, 10 and 20 ended trials (and before the first, from an earlier study of other
seed, name and budget) the total is predicted, and compared with what the study took in the end. The peer is what one
would do by hand: the mean of the ended trials times the trials of the budget. Prints the median, over seeds and slots,
of the error ``|predicted - actual| / actual`` for each law, and how often the 90% interval held the actual total.
"""

from __future__ import annotations

import argparse
import heapq
import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import cast

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the matrices are small: threads only wait
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from caviar.adapters.sql import TrialRow
from caviar.contract import halving
from caviar.contract.messages import ParameterValue
from caviar.contract.views import TrialState
from caviar.scheduler.outlook.cases import Earlier, Running, case_of
from caviar.scheduler.outlook.projection import Case, project
from caviar.search import Asked, Searcher, first_round
from caviar.space import Box
from caviar.space.parameter import Floats
from caviar.studies.spec import Study, load_study

Params = Mapping[str, ParameterValue]
CHECKED = (1, 5, 10, 20)
TRIALS, EARLIER = 60, 40
EPOCHS = 27

SPACE = """
  learning_rate: {type: float, low: 1.0e-4, high: 1.0, scale: log}
  hidden_units: {type: int, low: 16, high: 1024, scale: log}
  batch_size: {type: int, low: 16, high: 256, scale: log}
  epochs: {type: int, low: 5, high: 100}
  dropout: {type: float, low: 0.0, high: 0.5}
  solver: {type: categorical, choices: [sgd, adam]}
"""
STUDY = """
name: {name}
metric: {{name: loss, goal: minimize}}
trainer: {{function: "made_up:train"}}
space: {space}
search: {{strategy: zoom, seed: {seed}}}
budget: {{trials: {trials}}}
stop: {stop}
"""


@dataclass(frozen=True)
class Law:
    """``length``: the seconds of a whole training without noise."""

    name: str
    length: Callable[[Params], float]
    noise: float = 0.1
    """Standard deviation of the logarithm."""
    units: float | None = None
    """Where in the interval of ``hidden_units`` the loss is least; None, as of the others: drawn from the seed."""
    stop: str = "none"
    fails: float = 0.0
    """Share of trials that fail within the first tenth."""
    crashes: float = 0.0
    """Share of attempts that die half-way: the trial starts again."""
    confirm: int = 0
    reports: bool = True
    """Whether the trainer reports its steps."""


LAWS = (
    Law("constant", lambda _: 60.0, noise=0.02),
    Law("noise of 50%", lambda _: 60.0, noise=0.5),
    Law("heavy tail", lambda _: 60.0, noise=1.0),
    Law("no reports, 50%", lambda _: 60.0, noise=0.5, reports=False),
    Law("one parameter", lambda p: 0.3 * _n(p, "hidden_units")),
    Law("one, no reports", lambda p: 0.3 * _n(p, "hidden_units"), reports=False),
    Law("offset", lambda p: 20.0 + 0.3 * _n(p, "hidden_units")),
    Law("two parameters", lambda p: 0.6 * _n(p, "hidden_units") * _n(p, "epochs") / 50),
    Law(
        "epochs by batch",
        lambda p: 60.0 * _n(p, "epochs") / 50 * (16 / _n(p, "batch_size")) ** 0.7,
        noise=0.2,
    ),
    Law("categorical", lambda p: 160.0 if p["solver"] == "adam" else 40.0, noise=0.2),
    Law("stopping", lambda _: 60.0, stop="asha"),
    Law("stopping, units", lambda p: 0.3 * _n(p, "hidden_units"), stop="asha"),
    Law(
        "drift to dear",
        lambda p: 0.3 * _n(p, "hidden_units"),
        units=0.93,
    ),
    Law(
        "drift to cheap",
        lambda p: 0.3 * _n(p, "hidden_units"),
        units=0.1,
    ),
    Law("failures, crashes", lambda _: 60.0, noise=0.3, fails=0.1, crashes=0.05),
    Law("confirmed", lambda p: 0.3 * _n(p, "hidden_units"), confirm=3),
)


def _n(params: Params, name: str) -> float:
    return float(params[name])


@dataclass(frozen=True)
class Ended:
    params: Params
    seconds: float
    held_s: float
    state: str
    steps: int | None
    value: float | None


@dataclass(frozen=True)
class Moment:
    """What is known when so many trials have ended. ``by_hand``: the mean of them times the budget."""

    case: Case
    by_hand_s: float


@dataclass
class Run:
    law: str
    study: Study
    moments: dict[int, Moment] = field(default_factory=dict)
    ended: list[Ended] = field(default_factory=list)
    total_s: float = 0.0

    def case(self, box: Box, running: Sequence[Running], earlier: Run | None = None) -> Case:
        ended = self.ended
        return case_of(
            self.study,
            box,
            self.study.budget.trials - len(ended) - len(running),
            self.rows(),
            running,
            sum(each.held_s for each in ended),
            sum(each.seconds for each in ended),
            [Earlier(earlier.study, earlier.rows())] if earlier else (),
        )

    def rows(self) -> list[TrialRow]:
        """As the store would give them."""
        searched = self.study.search_trials
        return [_row(number, each, number >= searched) for number, each in enumerate(self.ended)]


def _row(number: int, ended: Ended, confirms: bool) -> TrialRow:
    curve: list[tuple[int, float | None]] = []
    if ended.steps is not None and ended.state != "failed":
        curve = [(1, 0.0), (ended.steps, ended.value)]
    return TrialRow(
        id=f"study-{number}",
        study_id="study",
        number=number,
        round=0,
        state=cast(TrialState, ended.state),
        attempt=1,
        crashes=0,
        lost=0,
        params=dict(ended.params),
        seed=0,
        value=ended.value,
        metrics={},
        steps=ended.steps or 0,
        nonce=None,
        host=None,
        incarnation=None,
        slot=None,
        created=0.0,
        started=0.0,
        ended=float(number),
        seconds=ended.seconds,
        error="",
        output="",
        run_id=None,
        shipped=True,
        kind="confirm" if confirms else "search",
        curve=curve,
    )


@dataclass
class _Training:
    asked: Asked | None
    params: Params
    began: float
    held_since: float
    pace: float
    """Seconds an epoch."""
    epochs: int
    marks: list[int]
    state: str = "done"
    curve: list[tuple[int, float]] = field(default_factory=list)


def _surface(seed: int, dimensions: int, units: float | None) -> Callable[[Floats], float]:
    """A loss over the cube: valleys that are round or sharp, tilted against each other, with a plateau far out."""
    rng = np.random.default_rng([seed, 11])
    bottom = rng.uniform(0.05, 0.95, dimensions)
    if units is not None:
        bottom[1] = units
    weights = rng.permutation([1.0, 0.7, 0.4, 0.2, 0.1, 0.05])[:dimensions]
    powers = rng.choice([1.0, 1.5, 2.0, 3.0], dimensions)
    one, other = rng.choice(dimensions, 2, replace=False)
    tilt = float(rng.uniform(-0.4, 0.4))

    def loss(unit: Floats) -> float:
        away = unit - bottom
        depth = float(weights @ np.abs(away) ** powers) + tilt * abs(away[one] * away[other])
        depth = max(depth, 0.0)
        return depth / (1.0 + depth)

    return loss


def play(law: Law, seed: int, slots: int, trials: int = TRIALS, search: int | None = None) -> Run:
    """One study to its end. ``search``: the seed of the search, where that is not the law's own."""
    text = STUDY.format(
        name="study",
        space=SPACE,
        seed=seed if search is None else search,
        trials=trials,
        stop=law.stop,
    )
    if law.confirm:
        text += f"confirm: {law.confirm}\n"
    study = load_study(text)
    rng = np.random.default_rng([seed, slots, 0 if search is None else 1 + search])
    searcher = Searcher(study.space, goal="minimize", seed=study.seed, budget=study.search_trials)
    run = Run(law.name, study)
    now, began, order = 0.0, 0, 0
    training: dict[int, _Training] = {}
    events: list[tuple[float, int, int]] = []
    curves: dict[int, list[tuple[int, float]]] = {}
    rungs: tuple[int, ...] = ()
    surface = _surface(seed, len(study.space), law.units)
    held_ended = 0.0

    def loss_at(params: Params, epoch: int) -> float:
        end = surface(study.space.to_unit(params))
        return end + 0.3 * (1 + end) * ((epoch / EPOCHS) ** -0.5 - 1) + 0.005 * float(rng.normal())

    def begin() -> None:
        nonlocal began, order
        if began < study.search_trials:
            asked: Asked | None = searcher.ask()
            assert asked is not None
            params: Params = asked.params
        else:
            if any(t.asked is not None for t in training.values()):
                return
            best = sorted((e for e in run.ended if e.state == "done"), key=lambda e: e.value or 0.0)
            asked, params = None, best[(began - study.search_trials) // law.confirm].params
        length = law.length(params) * float(rng.lognormal(0.0, law.noise))
        number = began
        began += 1
        begin_s = now
        held = now
        t = _Training(asked, params, begin_s, held, length / EPOCHS, EPOCHS, [])
        crash_s = 0.0
        for _ in range(2):
            if rng.random() < law.crashes:
                crash_s += 0.5 * length
        t.began = now + crash_s
        if rng.random() < law.fails:
            t.state, t.epochs = "failed", 2
        training[number] = t
        curves[number] = []
        t.marks = [m for m in halving.marks(1, 3) if m < t.epochs][:8]
        t.marks = [m for m in t.marks if m < t.epochs] + [t.epochs]
        order += 1
        heapq.heappush(events, (t.began + t.pace * t.marks[0], order, number))

    def fill() -> None:
        while len(training) < slots and began < study.budget.trials:
            before = began
            begin()
            if began == before:
                break

    fill()
    while events:
        now, _, number = heapq.heappop(events)
        t = training[number]
        epoch = t.marks.pop(0)
        loss = loss_at(t.params, epoch)
        curves[number].append((epoch, loss))
        stopped = False
        if t.marks and law.stop != "none" and t.asked is not None and epoch in rungs:
            others = [
                value
                for other, curve in curves.items()
                if other != number and (value := halving.value_at(curve, epoch)) is not None
            ]
            stopped = not halving.goes_on(loss, others, 3, "minimize")
        if t.marks and not stopped:
            order += 1
            heapq.heappush(events, (t.began + t.pace * t.marks[0], order, number))
            continue
        state = "stopped" if stopped else t.state
        if state == "done" and law.stop != "none":
            rungs = halving.rungs(3, 1, EPOCHS)
        del training[number]
        value = None if state == "failed" else loss
        if t.asked is not None:
            searcher.tell(t.asked, value, stopped=stopped, curve=curves[number])
        ended = Ended(
            t.params,
            now - t.began,
            now - t.held_since,
            state,
            epoch if law.reports else None,
            value,
        )
        run.ended.append(ended)
        held_ended += ended.held_s
        fill()
        if len(run.ended) in CHECKED:
            running = [
                Running(
                    g.params,
                    max(0.0, now - g.began),
                    int((now - g.began) / g.pace) if law.reports and now > g.began else None,
                    g.asked is None,
                )
                for g in training.values()
            ]
            by_hand = held_ended / len(run.ended) * study.budget.trials
            run.moments[len(run.ended)] = Moment(run.case(searcher.round.box, running), by_hand)
    run.total_s = held_ended
    return run


def off(predicted: float, actual: float) -> float:
    return abs(predicted - actual) / actual


@dataclass
class Errors:
    """Of one law, or of all, by what the prediction stood on."""

    ours: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    by_hand: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    held: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))

    def add(self, what: str, case: Case, by_hand_s: float, actual: float) -> None:
        total = project(case)
        if total is None:
            return
        self.ours[what].append(off(total.middle, actual))
        self.by_hand[what].append(off(by_hand_s, actual))
        self.held[what].append(total.low <= actual <= total.high)

    def line(self, name: str) -> str:
        cells = [
            f"{median(self.ours[what]):.3f} {median(self.by_hand[what]):.3f}"
            for what in (*(f"after {count}" for count in CHECKED), "before")
        ]
        return f"{name:<20}" + "".join(f"{cell:>16}" for cell in cells)


def measure(laws: Sequence[Law], seeds: Sequence[int], slots: Sequence[int]) -> None:
    everything = Errors()
    print(f"{'median error':<20}" + "".join(f"{f'after {n}':>16}" for n in CHECKED), end="")
    print(f"{'before the first':>18}   (ours, by hand)")
    for law in laws:
        errors = Errors()
        for at_once in slots:
            for seed in seeds:
                run = play(law, seed, at_once)
                earlier = play(law, seed, at_once, EARLIER, search=seed + 1000)
                box = first_round(run.study.space, run.study.search_settings).box
                fresh = Run(law.name, run.study).case(box, (), earlier)
                mean = earlier.total_s / len(earlier.ended) * run.study.budget.trials
                for known in (errors, everything):
                    for count, moment in run.moments.items():
                        known.add(f"after {count}", moment.case, moment.by_hand_s, run.total_s)
                    known.add("before", fresh, mean, run.total_s)
        print(errors.line(law.name), flush=True)
    print(everything.line("all"))
    held = {what: sum(each) / len(each) for what, each in everything.held.items()}
    print(
        "actual total within the 90% interval: "
        + ", ".join(f"{w} {h:.0%}" for w, h in held.items())
    )
    mean_of = {what: sum(e) / len(e) for what, e in everything.ours.items()}
    print("mean error: " + ", ".join(f"{what} {each:.3f}" for what, each in mean_of.items()))


def numbers(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=numbers, default=numbers("0-4"))
    parser.add_argument("--slots", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--laws", nargs="*", help="Only those whose names hold one of these words.")
    chosen = parser.parse_args()
    laws = [law for law in LAWS if not chosen.laws or any(w in law.name for w in chosen.laws)]
    measure(laws, chosen.seeds, chosen.slots)


if __name__ == "__main__":
    main()
