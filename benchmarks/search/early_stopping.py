"""What early stopping is worth: searches with and without it, by the epochs that they spend.

    python benchmarks/search/early_stopping.py --seeds 0-2 --out stopping-results --picture early_stopping.svg
    python benchmarks/search/early_stopping.py --report --out stopping-results

Every contender may spend as many epochs as ``--whole`` whole trainings have, however it spreads them. Only a training
that went to its end can be the best. Caviar stops by the rule of ``caviar.contract.halving``, Optuna by its
``SuccessiveHalvingPruner``, asked after each epoch but the last. Trainings: see trainings.py. Every run is a JSON file
under ``--out``; what is there is not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the matrices are small: threads only wait
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import peers
import report
import trainings
from contenders import CONTENDERS, simulate
from sweep import kept, numbers, sweep
from tasks import Floats
from trainings import Training

CHECKED = (2, 5, 10, 20, 33, 50, 100)
COMPARED = (10, 20, 50, 100)
FLOOR = 1e-3
"""Share of an ordinary regret below which two searches count as equal."""
LEAD, YARDSTICK = "caviar_stopping", "optuna_tpe"


TO_THE_END = ("caviar", "optuna_tpe", "random")


@dataclass(frozen=True)
class Record:
    """One run as it was kept. ``whole``: (whole trainings' worth of epochs spent by then, loss) of each that ended."""

    training: str
    contender: str
    workers: int
    seed: int
    started: int
    whole: list[tuple[float, float]]


def drawn(training: Training) -> dict[str, float]:
    """What random points give at the end: the median, and the least loss known so far."""
    rng, space = np.random.default_rng(12345), training.space
    points = [space.from_unit(rng.random(len(space))) for _ in range(training.draws)]
    losses = [training.curve(point).at(training.epochs) for point in points]
    return {"best": min([*losses, training.best]), "median": median(losses)}


def run(args: argparse.Namespace) -> None:
    """Everything that was asked for and is not there yet."""
    able = list(CONTENDERS)
    if peers.missing("optuna_tpe"):
        able = [name for name in able if not name.startswith("optuna")]
        print("left out: TPE needs optuna", file=sys.stderr)
    wanted, last = trainings.names_of(args.tasks, args.data), numbers(args.workers)[-1]

    def one(seed: int, name: str, workers: int, contender: str) -> dict[str, object]:
        training = trainings.training(name, args.data)
        made = CONTENDERS[contender](training.space, seed)
        outcome = simulate(made, training, args.whole, workers, seed)
        if contender == able[-1] and workers == last:
            training.known.clear()  # another seed has other points
        return asdict(Record(name, contender, workers, seed, *outcome))

    axes = (numbers(args.seeds), wanted, numbers(args.workers), able)
    sweep(args.out, axes, args.whole, lambda n: drawn(trainings.training(n, args.data)), one)


def records(args: argparse.Namespace) -> Iterator[Record]:
    """The runs under ``--out`` that belong to what is asked for."""
    seeds, workers = numbers(args.seeds), numbers(args.workers)
    names = trainings.names_of(args.tasks, args.data)
    for path in sorted((args.out / "runs").glob(f"*--n{args.whole}.json")):
        record = Record(**json.loads(path.read_text(encoding="utf-8")))
        if record.seed in seeds and record.workers in workers and record.training in names:
            yield record


@dataclass(frozen=True)
class Outcome:
    """Of one number of workers: log10 regret after 1, 2, ... whole trainings' worth, (contenders, tasks, seeds, worth),
    and the mean number of trainings begun, (contenders,)."""

    workers: int
    contenders: list[str]
    tasks: list[str]
    seeds: list[int]
    log_regret: Floats
    started: Floats

    def at(self, contender: str, worth: int | None = None) -> Floats:
        """Shape (tasks, seeds, worth), or (tasks, seeds) after ``worth``."""
        rows = self.log_regret[self.contenders.index(contender)]
        return rows if worth is None else rows[..., worth - 1]


def outcomes(
    found: Sequence[Record], scales: Mapping[str, Mapping[str, float]], worth: int
) -> list[Outcome]:
    """One for each number of workers, over the seeds for which everything has ended."""
    least = {name: scales[name]["best"] for name in {record.training for record in found}}
    for record in found:
        least[record.training] = min([least[record.training], *(loss for _, loss in record.whole)])
    outcome = []
    for workers in sorted({record.workers for record in found}):
        mine = {(r.contender, r.training, r.seed): r for r in found if r.workers == workers}
        names = [name for name in CONTENDERS if any(name == key[0] for key in mine)]
        tasks = sorted({key[1] for key in mine})
        seeds = [
            seed
            for seed in sorted({key[2] for key in mine})
            if all((*pair, seed) in mine for pair in product(names, tasks))
        ]
        if not seeds:
            continue
        rows = np.full((len(names), len(tasks), len(seeds), worth), report.CEILING)
        for (i, name), (j, task), (k, seed) in product(*map(enumerate, (names, tasks, seeds))):
            span = scales[task]["median"] - least[task]
            for spent, loss in mine[name, task, seed].whole:
                since = rows[i, j, k, int(np.ceil(spent)) - 1 :]
                np.minimum(since, (loss - least[task]) / max(span, 1e-300), out=since)
        logs = np.log10(np.clip(rows, FLOOR, report.CEILING))
        started = [np.mean([r.started for r in mine.values() if r.contender == n]) for n in names]
        outcome.append(Outcome(workers, names, tasks, seeds, logs, np.array(started)))
    return outcome


def table(outcome: Outcome) -> str:
    """A row a contender, the least regret at the end first; and when it has the regret that the yardstick ends with."""
    means = outcome.log_regret.mean(axis=(1, 2))
    checked = [mark for mark in CHECKED if mark <= means.shape[1]]
    names = ["", *(f"at {mark}" for mark in checked), "as good as TPE at", "trainings begun"]
    lines = head(names)
    for i in np.argsort(means[:, -1], kind="stable"):
        name = outcome.contenders[i]
        row = [report.NAMES[name], *(f"{10 ** means[i, mark - 1]:.4f}" for mark in checked)]
        lines.append(line([*row, as_good(outcome, name), f"{outcome.started[i]:.0f}"]))
    return "\n".join(lines)


def as_good(outcome: Outcome, name: str, tasks: slice = slice(None)) -> str:
    """Whole trainings' worth of epochs until the mean regret is what the yardstick ends with; empty: not by the end."""
    if YARDSTICK not in outcome.contenders:
        return ""
    goal = outcome.at(YARDSTICK)[tasks, :, -1].mean()
    reached = np.flatnonzero(outcome.at(name)[tasks].mean(axis=(0, 1)) <= goal + 1e-12)
    return str(reached[0] + 1) if len(reached) else ""


def ratios(outcome: Outcome) -> str:
    """The regret of the lead divided by that of each other contender, in pairs of the same training and seed."""
    checked = [mark for mark in COMPARED if mark <= outcome.log_regret.shape[3]]
    lines = head(["Caviar, stopping early, to", *(f"at {mark}" for mark in checked)])
    for name in outcome.contenders:
        if name != LEAD:
            cells = [ratio(outcome, name, mark) for mark in checked]
            lines.append(line([report.NAMES[name], *cells]))
    return "\n".join(lines)


def ratio(outcome: Outcome, name: str, mark: int) -> str:
    """Geometric mean over trainings and seeds with its 95% interval."""
    logs = (outcome.at(LEAD, mark) - outcome.at(name, mark)).ravel()
    low, high = report.interval(logs)
    return f"{10 ** logs.mean():.2f} ({10**low:.2f} to {10**high:.2f})"


def by_training(outcome: Outcome) -> str:
    """The same, of Caviar with early stopping to Caviar without it, training by training."""
    checked = [mark for mark in COMPARED if mark <= outcome.log_regret.shape[3]]
    names = ["stopping early to not stopping", *(f"at {mark}" for mark in checked)]
    lines = head([*names, "as good as TPE at", "without stopping"])
    for j, task in enumerate(outcome.tasks):
        apart = [(outcome.at(LEAD, m) - outcome.at("caviar", m))[j].mean() for m in checked]
        reached = [as_good(outcome, name, slice(j, j + 1)) for name in (LEAD, "caviar")]
        lines.append(line([task, *(f"{10**each:.2f}" for each in apart), *reached]))
    return "\n".join(lines)


def head(names: list[str]) -> list[str]:
    return [line(names), "|---" * len(names) + "|"]


def line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def summary(found: Sequence[Outcome]) -> str:
    """Every table with its heading."""
    parts = []
    for each in found:
        who = "One worker" if each.workers == 1 else f"{each.workers} workers at once"
        count = len(each.seeds)
        title = f"### {who}: {len(each.tasks)} trainings, {count} seed{'s' if count > 1 else ''}"
        parts += [title, table(each), ratios(each), by_training(each)]
    return "\n\n".join(parts)


def picture(found: Sequence[Outcome], path: Path) -> None:
    curves = [
        report.Curves(
            each.workers,
            each.contenders,
            each.tasks,
            len(each.seeds),
            each.log_regret.mean(axis=2),
            np.zeros(len(each.contenders)),
        )
        for each in found
    ]
    across = "epochs spent, in whole trainings\n(dashed: nothing is stopped)"
    ticks = [mark for mark in CHECKED if mark != 33]  # no room between its neighbours
    report.picture(curves, path, LEAD, across, ticks, TO_THE_END)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--tasks", default="all", help="all, sklearn, synthetic, recorded or single ones"
    )
    parser.add_argument("--seeds", default="0-2", help="for instance 0-4 or 0,3")
    parser.add_argument(
        "--whole", type=int, default=100, help="epochs to spend, in whole trainings"
    )
    parser.add_argument("--workers", default="1,4", help="trainings that run at once")
    parser.add_argument("--data", type=Path, help="folder with recorded curves as CSV files")
    parser.add_argument("--out", type=Path, default=Path("stopping-results"))
    parser.add_argument("--report", action="store_true", help="only print what is there")
    parser.add_argument("--picture", type=Path, help="write the regret curves there (.svg or .png)")
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")  # of models that do not converge
    try:
        if not args.report:
            run(args)
        found = outcomes(list(records(args)), kept(args.out / "scales.json"), args.whole)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if not found:
        print(f"no finished runs in {args.out}", file=sys.stderr)
        return 1
    print(summary(found))
    if args.picture:
        picture(found, args.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
