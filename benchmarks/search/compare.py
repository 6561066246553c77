"""Compare our search with others on the same tasks.

    python benchmarks/search/compare.py --peers caviar,optuna_tpe,random --seeds 0-4 --out results
    python benchmarks/search/compare.py --report --out results --picture search.svg

Tasks are synthetic functions, small models of scikit-learn on its own data sets, and with ``--data FOLDER`` recorded
trainings (see tasks.py for the format). Every run is a JSON file under ``--out``; what is there is not run again, so a
comparison that was interrupted goes on, and peers can be added later. Nothing is downloaded.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the matrices are small: threads only wait
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import peers
import report
import tasks
from simulate import simulate
from sweep import kept, numbers, sweep


def drawn(task: tasks.Task) -> dict[str, float]:
    """What random points of the task give: the median, and the least loss known so far."""
    rng = np.random.default_rng(12345)
    losses = [
        task.loss(task.space.from_unit(rng.random(len(task.space)))) for _ in range(task.draws)
    ]
    return {"best": min([*losses, task.best]), "median": median(losses)}


def run(args: argparse.Namespace) -> None:
    """Everything that was asked for and is not there yet."""
    wanted = tasks.names_of(args.tasks, args.data)
    asked = peers.names_of(args.peers)
    able = [name for name in asked if not peers.missing(name)]
    for name in asked:
        if name not in able:
            print(f"left out: {name} needs {' and '.join(peers.missing(name))}", file=sys.stderr)

    def one(seed: int, name: str, workers: int, peer: str) -> dict[str, object]:
        task = tasks.task(name, args.data)
        optimiser = peers.PEERS[peer](task.space, seed, args.trials)
        outcome = simulate(optimiser, task.loss, args.trials, workers, seed)
        ms = round(outcome.ms_per_trial, 3)
        return asdict(report.Record(name, peer, workers, seed, outcome.losses, ms))

    axes = (numbers(args.seeds), wanted, numbers(args.workers), able)
    sweep(args.out, axes, args.trials, lambda name: drawn(tasks.task(name, args.data)), one)


def records(args: argparse.Namespace) -> Iterator[report.Record]:
    """The runs under ``--out`` that belong to the comparison asked for."""
    seeds, workers, names = numbers(args.seeds), numbers(args.workers), peers.names_of(args.peers)
    known = kept(args.out / "scales.json")
    groups = tasks.names_of(args.tasks, args.data)
    for path in sorted((args.out / "runs").glob(f"*--n{args.trials}.json")):
        record = report.Record(**json.loads(path.read_text(encoding="utf-8")))
        if (
            record.peer in names
            and record.seed in seeds
            and record.workers in workers
            and record.task in known
            and record.task in groups
        ):
            yield record


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peers", default="caviar,optuna_tpe,optuna_cmaes,sobol,random")
    parser.add_argument(
        "--tasks", default="all", help="all, synthetic, sklearn, recorded or single ones"
    )
    parser.add_argument("--seeds", default="0-4", help="for instance 0-4 or 0,3")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--workers", default="1,16", help="trials that run at once")
    parser.add_argument("--data", type=Path, help="folder with recorded trainings as CSV files")
    parser.add_argument("--out", type=Path, default=Path("search-results"))
    parser.add_argument("--report", action="store_true", help="only print what is there")
    parser.add_argument("--picture", type=Path, help="write the regret curves there (.svg or .png)")
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")  # of other people's optimisers and models that do not converge
    try:
        if not args.report:
            run(args)
        found = report.curves(list(records(args)), kept(args.out / "scales.json"))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if not found:
        print(f"no finished runs in {args.out}", file=sys.stderr)
        return 1
    print(report.summary(found))
    if args.picture:
        report.picture(found, args.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
