"""A study as large as they get, written straight into a store: what a real one leaves there, without training it."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

from sqlalchemy import insert, update

from caviar.adapters.sql import Store
from caviar.adapters.sql.tables import attempts, rounds, studies, trials
from caviar.contract.names import trial_id
from caviar.search import Round
from caviar.space import Box, Interval, Kept, Space
from caviar.space.box import Side
from caviar.studies.spec import load_study

SOURCE = """
name: large
metric: {{name: val_accuracy, goal: maximize}}
trainer: {{function: "large:train"}}
space:
  learning_rate: {{type: float, low: 1.0e-5, high: 1.0, scale: log, tier: 1}}
  optimizer: {{type: categorical, choices: [sgd, adam, lamb], tier: 1}}
  momentum: {{type: float, low: 0.5, high: 0.999, scale: reverse_log, when: {{optimizer: [sgd]}}, tier: 2}}
  weight_decay: {{type: float, low: 1.0e-6, high: 0.1, scale: log, tier: 2}}
  batch_size: {{type: int, low: 16, high: 1024, scale: log, tier: 2}}
  layers: {{type: int, low: 1, high: 12, tier: 2}}
  hidden_units: {{type: int, low: 32, high: 2048, scale: log, tier: 3}}
  dropout: {{type: float, low: 0.0, high: 0.7, tier: 3}}
  activation: {{type: categorical, choices: [relu, gelu, silu, tanh], tier: 3}}
  warmup: {{type: float, low: 0.0, high: 0.2, tier: 3}}
search: {{strategy: zoom, seed: 3}}
constraints: {{latency_ms: {{max: 60}}}}
confirm: 5
budget: {{trials: {trials}}}
"""
HOSTS = tuple(f"gpu-{place}.example" for place in range(6))
LEADERS, AGAIN = 3, 5
STEPS = tuple(3**power for power in range(8))
"""Where a stopping rule writes a curve down."""
SLOTS, MEAN_S = 24, 210.0
BATCH = 5_000
OUTPUT = "epoch 17 loss 0.2113 val_accuracy 0.9134\n" * 30
TRACEBACK = (
    'Traceback (most recent call last):\n  File "/srv/large.py", line 88, in train\n    loss.backward()\n'
    * 5
    + "RuntimeError: the loss is not a finite number\n"
)


def make_large_study(
    store: Store,
    trials: int = 50_000,
    rounds: int = 200,
    *,
    ended: bool = True,
    team: str = "default",
    name: str = "large",
    seed: int = 0,
) -> str:
    """Write it and return its id: the same but for its id and its times whenever ``seed`` is.

    ``trials`` of which the last ones are ``AGAIN`` new seeds each of ``LEADERS`` leaders; six in ten are done, three
    in ten stopped early, the others failed, quarantined or beyond the bound. Not ``ended``: the last ones run.
    """
    source = SOURCE.format(trials=trials).replace("name: large", f"name: {name}", 1)
    study = load_study(source)
    ledger = list(_rounds(study.space, rounds, trials))
    record = store.add_study(
        name=name,
        fingerprint=study.fingerprint,
        source=source,
        filename="large.yaml",
        folder=None,
        code_version="1f3c9a7",
        user="ada",
        first_round=ledger[0].to_json(),
        team=team,
    )
    made = _Trials(study.space, ledger, random.Random(seed), record.id, trials, ended)
    began = record.created - trials * MEAN_S / SLOTS
    with store.engine.begin() as connection:
        for first in range(1, len(ledger), BATCH):
            connection.execute(
                insert(_ROUNDS),
                [_round_row(record.id, each, began) for each in ledger[first : first + BATCH]],
            )
        for first in range(0, trials, BATCH):
            pairs = [made.one(number, began) for number in range(first, min(first + BATCH, trials))]
            connection.execute(insert(_TRIALS), [row for row, _ in pairs])
            if tries := [each for _, several in pairs for each in several]:
                connection.execute(insert(attempts), tries)
        values: dict[str, Any] = {
            "created": began,
            "importance": _importance(study.space),
            "experiment_id": "1",
            "run_id": "0" * 32,
            "closed": ended,
        }
        if ended:
            values |= {"state": "done", "ended": record.created, "reason": "budget of trials spent"}
        connection.execute(update(studies).where(studies.c.id == record.id).values(values))
    return record.id


_ROUNDS, _TRIALS = rounds, trials
OPTIMUM = {"learning_rate": 0.45, "momentum": 0.7, "weight_decay": 0.4, "batch_size": 0.5}


def _rounds(space: Space, count: int, trials: int) -> Iterator[Round]:
    """Boxes that shrink around the optimum, widen now and then, and one that is taken back."""
    before = 0
    for index in range(count):
        half = max(0.02, 0.5 * 0.975**index) * (1.3 if index % 9 == 8 else 1.0)
        sides: dict[str, Side] = {}
        for parameter in space:
            at = OPTIMUM.get(parameter.name, 0.6)
            if parameter.type == "categorical":
                kept = parameter.choices[
                    : max(1, round(len(parameter.choices) * min(1.0, 4 * half)))
                ]
                sides[parameter.name] = Kept(kept)
            else:
                sides[parameter.name] = Interval(max(0.0, at - half), min(1.0, at + half))
        undo = index > 0 and index % 50 == 0
        kind = (
            "undo" if undo else "start" if index == 0 else "widen" if index % 9 == 8 else "shrink"
        )
        yield Round(
            index=index,
            box=Box.whole(space)
            if index == 0
            else Box(space, tuple(sides[n] for n in space.names)),
            kind=kind,
            reason=f"The best {12 + index % 7} of {index * trials // count} trials lie in here: it shrinks.",
            changes={
                each: f"{'widened' if index % 9 == 8 else 'narrowed'} to [0.00213, 0.0415], half of before"
                if (place + index) % 2
                else "kept"
                for place, each in enumerate(space.names)
            },
            parent=None if index == 0 else index - 2 if undo else before,
            support=tuple(max(0, index * trials // count - 1 - step) for step in range(12))
            if index
            else (),
            results=index * trials // count,
            best=0.5 + 0.4 * index / count if index else None,
            incumbent=max(0, index * trials // count - 1) if index else None,
            memory={"kernels": [[round(0.01 * step, 4) for step in range(20)] for _ in range(3)]},
            edges={"learning_rate": "at the upper edge"} if index % 5 == 4 else {},
        )
        before = index


def _round_row(study: str, round_: Round, created: float) -> dict[str, Any]:
    return {
        "study_id": study,
        "index": round_.index,
        "data": round_.to_json(),
        "computed_from": [],
        "created": created + round_.results * MEAN_S / SLOTS,
        "run_id": f"{round_.index:032x}",
    }


class _Trials:
    """Rows of trials and of their attempts, by number."""

    def __init__(
        self,
        space: Space,
        ledger: list[Round],
        chance: random.Random,
        study: str,
        count: int,
        ended: bool,
    ) -> None:
        self._space, self._ledger, self._chance = space, ledger, chance
        self._study, self._count, self._ended = study, count, ended
        self._confirm = count - LEADERS * AGAIN if ended else count
        self._points: dict[int, dict[str, Any]] = {}
        self._leaders: list[tuple[float, int]] = []

    def one(self, number: int, began: float) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        chance = self._chance
        confirms = number >= self._confirm
        round_ = self._ledger[min(len(self._ledger) - 1, number * len(self._ledger) // self._count)]
        if confirms and self._leaders:
            repeats = self._leaders[(number - self._confirm) % len(self._leaders)][1]
            params = self._points[repeats]
        else:
            repeats, params = None, self._point(round_)
        kind = "search" if repeats is None else "confirm"
        luck = chance.random()
        state = (
            "done" if kind == "confirm" or luck < 0.64 else "stopped" if luck < 0.94 else "failed"
        )
        state = "quarantined" if luck > 0.995 and state == "failed" else state
        if not self._ended and number >= self._count - SLOTS:
            state = "running"
        final = self._worth(params) + chance.gauss(0.0, 0.01)
        reached = len(STEPS) if state in ("done", "running") else chance.randint(2, 5)
        curve = [
            [s, round(final * (1.0 - 0.6 * math.exp(-0.8 * (place + 1))), 6)]
            for place, s in enumerate(STEPS[:reached])
        ]
        seconds = chance.expovariate(1.0 / MEAN_S) * (0.2 if state == "stopped" else 1.0) + 5.0
        started = began + number * MEAN_S / SLOTS
        valued, over = state in ("done", "stopped"), state != "running"
        latency = chance.uniform(20.0, 64.0)
        violation = max(0.0, latency - 60.0) / 60.0 if valued else 0.0
        value = (final if state == "done" else curve[-1][1]) if valued else None
        if state == "done" and kind == "search" and not violation:
            self._lead(final, number, params)
        identifier, host = trial_id(self._study, number), chance.choice(HOSTS)
        again = luck < 0.01
        row = {
            "id": identifier,
            "study_id": self._study,
            "number": number,
            "round": round_.index,
            "state": state,
            "attempt": 2 if again else 1,
            "lost": int(again),
            "params": params,
            "seed": chance.getrandbits(31),
            "value": value,
            "metrics": {
                "latency_ms": latency,
                "test_accuracy": final - 0.01,
                "train_loss": 1 - final,
            }
            if valued
            else {},
            "steps": STEPS[reached - 1],
            "host": host,
            "slot": chance.randrange(4),
            "created": started - 1.0,
            "started": started,
            "ended": started + seconds if over else None,
            "seconds": seconds if over else None,
            "error": TRACEBACK
            if state in ("failed", "quarantined")
            else f"stopped at step {STEPS[reached - 1]}: not among the best third"
            if state == "stopped"
            else "",
            "output": OUTPUT,
            "run_id": f"{chance.getrandbits(128):032x}",
            "shipped": over,
            "kind": kind,
            "repeats": repeats,
            "violation": violation,
            "curve": curve if over else [],
            "changed": number + 1,
        }
        tries = [
            {
                "trial_id": identifier,
                "attempt": attempt,
                "host": host,
                "started": started,
                "ended": started + seconds if over else None,
                "outcome": ("lost" if attempt < row["attempt"] else state) if over else None,
                "seconds": seconds if over else None,
                "gpus": 1.0,
            }
            for attempt in range(1, row["attempt"] + 1)
        ]
        return row, tries

    def _point(self, round_: Round) -> dict[str, Any]:
        vector = []
        for parameter, side in zip(self._space, round_.box.sides, strict=True):
            if isinstance(side, Kept):
                choice = self._chance.choice(side.choices)
                vector.append(parameter.to_unit(choice))
            else:
                vector.append(self._chance.uniform(side.lo, side.hi))
        return self._space.from_unit(vector)

    def _worth(self, params: dict[str, Any]) -> float:
        away = sum(
            (self._space[name].to_unit(value) - OPTIMUM.get(name, 0.6)) ** 2 / (place + 1)
            for place, (name, value) in enumerate(params.items())
        )
        return 0.95 * math.exp(-away)

    def _lead(self, value: float, number: int, params: dict[str, Any]) -> None:
        self._leaders = sorted([*self._leaders, (value, number)], reverse=True)[:LEADERS]
        self._points[number] = params
        self._points = {n: self._points[n] for _, n in self._leaders}


def _importance(space: Space) -> list[dict[str, Any]]:
    weights = [1.0 / (place + 1) for place in range(len(space))]
    return [
        {
            "name": parameter.name,
            "share": weight / sum(weights),
            "tier": parameter.tier,
            "verdict": "",
        }
        for parameter, weight in zip(space, weights, strict=True)
    ]
