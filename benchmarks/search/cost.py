"""What the search itself costs: processor time, on one thread of linear algebra.

    python benchmarks/search/cost.py [--trials 100 1000 10000] [--calls 30] [--no-optuna]

For each number of past trials in seven dimensions: the median time of a proposal, and the time to build the search's
state again from stored results and rounds, as a restarted service does. Where Optuna is installed, its TPE sampler is
asked for points after the same trials in the same run, and the table has the ratio.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from caviar.search import History, Result, Round, Settings, first_round, propose, refine
from caviar.space import Box, Interval, Space

SPACE = {
    "learning_rate": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log"},
    "momentum": {"type": "float", "low": 0.9, "high": 0.999, "scale": "reverse_log"},
    "hidden_units": {"type": "int", "low": 16, "high": 256},
    "layers": {"type": "int", "low": 1, "high": 4},
    "dropout": {"type": "float", "low": 0.0, "high": 0.5},
    "solver": {"type": "categorical", "choices": ["sgd", "adam", "lion"]},
    "decay": {"type": "float", "low": 1e-6, "high": 1e-1, "scale": "log"},
}
SETTINGS = Settings("minimize", "zoom", 0)


def drawn(box: Box, rng: np.random.Generator) -> np.ndarray:
    """A vector of the cube; every second one with its numbers from the box, as a search would have it."""
    vector = rng.random(len(box.space))
    if rng.random() < 0.5:
        for place, side in enumerate(box.sides):
            if isinstance(side, Interval):
                vector[place] = side.lo + vector[place] * side.width
    return vector


def searched(space: Space, trials: int) -> tuple[list[Result], list[Round]]:
    """Results of a noisy bowl, and the ledger that they give."""
    rng = np.random.default_rng(0)
    centre = rng.random(len(space))
    history, rounds = History(space, SETTINGS.goal), [first_round(space, SETTINGS)]
    for number in range(trials):
        point = space.from_unit(drawn(rounds[-1].box, rng))
        loss = float(((space.to_unit(point) - centre) ** 2).sum() + 0.01 * rng.normal())
        history.add(Result(number, point, loss))
        new = refine(space, SETTINGS, rounds, history)
        rounds += [new] if new else []
    return list(history), rounds


def median_ms(call: Callable[[int], object], calls: int) -> float:
    """Median processor time of ``call(0)``, ``call(1)``, ... in milliseconds, after one that is not counted."""
    call(calls)
    times = []
    for turn in range(calls):
        began = time.process_time()
        call(turn)
        times.append(time.process_time() - began)
    return 1e3 * statistics.median(times)


def rebuilding(space: Space, results: list[Result], rounds: list[Round]) -> Callable[[int], object]:
    """From the rows of a store: the results, and the rounds as JSON text."""
    rows = [json.dumps(round_.to_json()) for round_ in rounds]

    def rebuild(_: int) -> object:
        return History(space, SETTINGS.goal, results), [
            Round.from_json(space, json.loads(row)) for row in rows
        ]

    return rebuild


def tpe(space: Space, results: list[Result]) -> Callable[[int], object]:
    """A question to Optuna's TPE sampler with its defaults, after the same trials; told, so that it goes on."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    views = space.to_views()
    distributions: dict[str, Any] = {
        view.name: optuna.distributions.CategoricalDistribution(view.choices)
        if view.choices is not None
        else optuna.distributions.IntDistribution(view.low, view.high)
        if view.type == "int"
        else optuna.distributions.FloatDistribution(view.low, view.high, log=view.scale == "log")
        for view in views
    }
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    study.add_trials(
        [
            optuna.trial.create_trial(
                params=dict(result.params), distributions=distributions, value=result.value
            )
            for result in results
        ]
    )

    def ask(_: int) -> object:
        return study.ask(distributions).params

    return ask


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--calls", type=int, default=30)
    parser.add_argument("--no-optuna", action="store_true", help="leave Optuna out of the table")
    options = parser.parse_args()
    space = Space.parse(SPACE)
    results, rounds = searched(space, max(options.trials))
    try:
        import optuna
    except ImportError:
        optuna = None
    beside = optuna is not None and not options.no_optuna
    header = f"{'trials':>8}{'rounds':>8}{'propose':>12}{'rebuild':>12}"
    print(header + (f"{'TPE':>12}{'ratio':>8}" if beside else ""))
    for count in options.trials:
        known = History(space, SETTINGS.goal, results[:count])
        ledger = [round_ for round_ in rounds if round_.results <= count]

        def one(turn: int, known: History = known, ledger: list[Round] = ledger) -> object:
            return propose(space, SETTINGS, ledger[-1], known, [], len(known) + turn)

        ours = median_ms(one, options.calls)
        again = median_ms(rebuilding(space, results[:count], ledger), 5)
        line = f"{count:>8,}{len(ledger):>8}{ours:>9.2f} ms{again:>9.1f} ms"
        if beside:
            theirs = median_ms(tpe(space, results[:count]), options.calls)
            line += f"{theirs:>9.2f} ms{theirs / ours:>7.0f}x"
        print(line, flush=True)


if __name__ == "__main__":
    with threadpool_limits(limits=1):
        main()
