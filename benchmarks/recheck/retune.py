"""What tuning again gains from a warm start, and what that costs where the old study misleads.

    python benchmarks/recheck/retune.py [--first 0] [--studies 4] [--warm check,box+check] [--noise 0.01]

Four functions, finished studies of 100 noisy trials (``studies.py``), four drifts:

    one        the surface moved by a box width along one parameter that matters
    shifted    moved by 0.12 of the range along every number
    mirrored   its optimum in the opposite corner
    far        moved by a quarter to a half of the range along all numbers

After each the check's trainings are run, then the study is tuned again from scratch and warm, by any of

    box        it starts in the last box, widened (``checking.reopened``)
    check      the check's own trainings on the new data are known results
    old        the old study's results are results from elsewhere

Prints warm regret over cold regret as the geometric mean over studies, after as many trials each, and the warm regret
after 50 trials over the cold one after 100: at most 1 where a warm start needs half of the trials. A regret is the best
point's true distance from the optimum, and counts as at least a thousandth of that of a random point. The check's
trainings do not count as trials. Seeds from 1000 on chose what is warm, those from 0 on are for the table.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from drifts import FUNCTIONS, Case, checked, move, prepared
from studies import CACHE, NUMBERS, scaled, studies

from caviar.search import Result, Searcher
from caviar.search.checking import reopened
from caviar.search.strategies import refine
from caviar.space import Params
from caviar.space.parameter import Floats

DRIFTS = ("one", "shifted", "mirrored", "far")
FLOOR = 1e-3
SHIFT = 0.12
LOOKS = (10, 25, 50, 100)


@dataclass(frozen=True)
class Changed:
    """The function after a drift, in the cube."""

    case: Case
    drift: str

    def by(self) -> Floats:
        d, numbers = len(self.case.study.space), NUMBERS[self.case.study.function]
        rng = np.random.default_rng([self.case.study.seed, DRIFTS.index(self.drift), 3])
        by = np.zeros(d)
        if self.drift == "shifted":
            by[:numbers] = SHIFT * rng.choice((-1.0, 1.0), numbers)
        elif self.drift != "mirrored":
            drawn = move(self.case, self.drift, rng)
            by = np.zeros(d) if drawn is None else drawn
        return by

    def value(self, u: Floats, by: Floats) -> float:
        function, numbers = scaled(self.case.study.function)[0], NUMBERS[self.case.study.function]
        moved = u - by
        if self.drift == "mirrored":
            moved[:numbers] = 1.0 - u[:numbers]
        elif self.drift == "shifted":  # folded at the bounds, as in warm_start.py
            moved[:numbers] = 1 - np.abs(1 - np.abs(moved[:numbers]))
        return function(moved)


class Warm(Searcher):
    """A search that begins where another one ended."""

    def begin(self, case: Case, box: bool, known: list[Result]) -> None:
        if box:
            self._rounds = [reopened(case.study.round_, "the study")]
        self._results.extend(known)
        self._asked = len(known)
        new = refine(self.space, self.settings, self._rounds, self._results, self._prior)
        if known and new is not None:
            self._rounds.append(new)


def regrets(case: Case, drift: str, warm: frozenset[str], trials: int) -> npt.NDArray[np.float64]:
    """Shape (trials,): the least true regret after each trial."""
    study, changed = case.study, Changed(case, drift)
    space, by = study.space, changed.by()
    rng = np.random.default_rng([study.seed, DRIFTS.index(drift), len(warm)])

    def trained(params: Params) -> float:
        return changed.value(space.to_unit(params), by) + study.sigma * float(rng.normal())

    known: list[Result] = []
    if "check" in warm:
        values: dict[object, list[float]] = {}
        points: dict[object, Params] = {}

        def told(params: Params, _seed: int) -> float:
            points[space.key(params)] = params
            values.setdefault(space.key(params), []).append(trained(params))
            return values[space.key(params)][-1]

        checked(study, case.points, told)
        known = [
            Result(number, points[key], float(np.mean(own)))
            for number, (key, own) in enumerate(values.items())
        ]
    prior = study.results if "old" in warm else ()
    searcher = Warm(space, goal="minimize", seed=study.seed + 500, prior=prior)
    searcher.begin(case, "box" in warm, known)
    seen = []
    for _ in range(trials):
        point = searcher.ask()
        seen.append(changed.value(space.to_unit(point.params), by))
        searcher.tell(point, trained(point.params))
    return np.maximum(np.minimum.accumulate(seen), FLOOR)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--studies", type=int, default=4)
    parser.add_argument("--warm", default="check,box+check")
    parser.add_argument("--drifts", default=",".join(DRIFTS))
    parser.add_argument("--functions", default=",".join(FUNCTIONS))
    parser.add_argument("--noise", type=float, default=0.01)
    parser.add_argument("--trials", type=int, default=100, help="of a warm search, 50 at least")
    parser.add_argument("--cache", type=Path, default=CACHE)
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + arguments.studies)
    looks = [look for look in LOOKS if look <= arguments.trials]
    print("| drift | warm by | function |" + "".join(f" {k} trials |" for k in looks), end="")
    print(" warm 50 / cold 100 |\n|---|---|---|---|" + "---|" * len(looks))
    cases = {
        name: list(map(prepared, studies(name, arguments.noise, seeds, arguments.cache)))
        for name in arguments.functions.split(",")
    }
    for drift in arguments.drifts.split(","):
        cold = {
            name: [regrets(case, drift, frozenset(), 100) for case in own]
            for name, own in cases.items()
        }
        for warm in arguments.warm.split(","):
            every = []
            for name, own in cases.items():
                found = [
                    regrets(case, drift, frozenset(warm.split("+")), arguments.trials)
                    for case in own
                ]
                rows = [
                    [math.log(one[k - 1] / base[k - 1]) for k in looks]
                    + [math.log(one[49] / base[99])]
                    for one, base in zip(found, cold[name], strict=True)
                ]
                every += rows
                cells = "".join(f" {value:.2f} |" for value in np.exp(np.mean(rows, axis=0)))
                print(f"| {drift} | {warm} | {name} |{cells}", flush=True)
            mean = np.exp(np.mean(every, axis=0))
            error = np.std(every, axis=0, ddof=1) / math.sqrt(len(every))
            cells = "".join(
                f" **{value:.2f}** ({value / math.exp(2 * e):.2f} to {value * math.exp(2 * e):.2f}) |"
                for value, e in zip(mean, error, strict=True)
            )
            print(f"| **{drift}** | {warm} | all |{cells}", flush=True)


if __name__ == "__main__":
    main()
