"""What the API would answer for figures of studies of any size, for those who draw them."""

from __future__ import annotations

import math
import random
from typing import Any

from caviar.contract.figures import (
    AxisView,
    BoxView,
    ConfirmationView,
    CurvesView,
    DotsView,
    ImportanceView,
    LineView,
    ProgressView,
    RunsView,
    StepsView,
    ZoomView,
)
from caviar.contract.recheck import (
    ChampionView,
    CheckView,
    DriftView,
    RecheckView,
    VerdictView,
)
from caviar.contract.views import Confirmed, Importance

ABOUT: dict[str, Any] = {"study": "digits-abc", "name": "digits-mlp", "metric": "val_loss"}
PLACES = (
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
)


def axes(count: int, conditional: bool = True) -> list[AxisView]:
    """Of every scale in turn; the last but one is a category with long names."""
    log = [(0.0, "0.0001"), (0.25, "0.001"), (0.5, "0.01"), (0.75, "0.1"), (1.0, "1")]
    reverse = [(0.0, "0.9"), (0.5, "0.99"), (1.0, "0.999")]
    linear = [(0.0, "16"), (0.5, "136"), (1.0, "256")]
    kinds = [("categories", ["sgd", "adam", "a_very_long_optimizer"])]
    found = []
    for index in range(count):
        tier = 1 + index * 3 // max(1, count)
        name = ["learning_rate", "momentum", "hidden_units", "solver"][index % 4]
        name += f"_{index // 4}" if index >= 4 else ""
        if index % 4 == 3:
            words = kinds[0][1]
            ticks = [((i + 0.5) / len(words), word) for i, word in enumerate(words)]
            found.append(AxisView(name=name, scale="categories", tier=tier, ticks=ticks))
        else:
            scale = ("log", "reverse_log", "linear")[index % 4]
            given = {"name": name, "scale": scale, "tier": tier}
            found.append(AxisView(ticks=(log, reverse, linear)[index % 4], **given))
    return found


def zoom_view(
    count: int = 4,
    trials: int = 60,
    rounds: int = 5,
    conditional: bool = True,
    **fields: Any,
) -> ZoomView:
    """A search that comes closer to 0.6 along each parameter; the last one is active in two of three trials."""
    dice = random.Random(0)
    shown = axes(count)
    edges = [trials * i // rounds for i in range(rounds + 1)]
    boxes = []
    for index in range(rounds):
        half = 0.5 * 0.7 ** min(index, 8)
        box = {
            axis.name: (max(0.0, 0.6 - half * 1.2), min(1.0, 0.6 + half * 0.8 + 0.01))
            for axis in shown
        }
        kind = "start" if index == 0 else "widen" if index % 5 == 3 else "shrink"
        boxes.append(
            BoxView(
                round=index,
                kind=kind,
                changes={},
                edges={},
                support=[],
                reason=f"Round {index}: the best tenth agrees.",
                first=edges[index],
                last=max(edges[index + 1], edges[index]),
                undone=index == 2 and rounds > 4,
                box=box,
                sides={axis.name: "some to more" for axis in shown},
            )
        )
    positions: dict[str, list[float | None]] = {axis.name: [] for axis in shown}
    states: list[str] = []
    values: list[float | None] = []
    rounds_of = []
    for number in range(trials):
        of = next(i for i in reversed(range(rounds)) if edges[i] <= number)
        rounds_of.append(of)
        far = 0.0
        for index, axis in enumerate(shown):
            low, high = boxes[of].box[axis.name]
            at: float | None = low + (high - low) * dice.random()
            if axis.scale == "categories":
                at = (int(dice.random() * 3) + 0.5) / 3
            if conditional and count > 1 and index == count - 1 and number % 3 == 0:
                at = None
            positions[axis.name].append(at)
            far += 0.0 if at is None else (at - 0.6) ** 2 / (1 + index)
        states.append("failed" if number % 17 == 5 else "stopped" if number % 4 == 2 else "done")
        values.append(None if states[-1] == "failed" else 0.1 + far + 0.02 * dice.random())
    known = sorted((v for v in values if v is not None), reverse=True)
    dots = DotsView(
        of=trials,
        number=list(range(trials)),
        round=rounds_of,
        state=states,  # type: ignore[arg-type]
        kind=["confirm" if n > trials - 4 and trials > 20 else "search" for n in range(trials)],
        value=values,
        rank=[None if v is None else known.index(v) / max(1, len(known) - 1) for v in values],
        positions=positions,
        values={
            name: [None if at is None else at for at in column]
            for name, column in positions.items()
        },
    )
    given: dict[str, Any] = ABOUT | {
        "goal": "minimize",
        "axes": shown,
        "rounds": boxes,
        "dots": dots,
    }
    return ZoomView(**(given | fields))


def progress_view(trials: int = 60, **fields: Any) -> ProgressView:
    """What ``zoom_view`` found, over time; with one value that went astray."""
    dots = zoom_view(trials=trials).dots
    ended = [(n, v) for n, v in zip(dots.number, dots.value, strict=True) if v is not None]
    values = [v if n != 7 else 1e4 for n, v in ended]
    best: list[int] = []
    for index, (number, value) in enumerate(zip((n for n, _ in ended), values, strict=True)):
        good = dots.state[number] == "done" and dots.kind[number] == "search"
        if good and (not best or value < values[best[-1]]):
            best.append(index)

    def steps(of: list[int]) -> StepsView:
        return StepsView(
            number=[ended[i][0] for i in of],
            seconds=[90.0 * (1 + i) for i in of],
            slot_hours=[0.1 * (1 + i) for i in of],
            value=[values[i] for i in of],
        )

    every = list(range(len(ended)))
    given: dict[str, Any] = ABOUT | {
        "goal": "minimize",
        "best": steps(best),
        "trials": steps(every),
        "state": [dots.state[n] for n, _ in ended],
        "kind": [dots.kind[n] for n, _ in ended],
        "of": len(ended),
        "seconds": 90.0 * (1 + len(ended)),
        "slot_hours": 0.1 * (1 + len(ended)),
    }
    return ProgressView(**(given | fields))


def importance_view(count: int = 4, **fields: Any) -> ImportanceView:
    shares = [0.55**i for i in range(count)]
    entries = [
        Importance(
            name=axis.name,
            share=share / sum(shares),
            tier=axis.tier,
            verdict=f"declared tier {axis.tier}, measured {PLACES[i % 10]} of {count}",
        )
        for i, (axis, share) in enumerate(zip(axes(count), shares, strict=True))
    ]
    return ImportanceView(**(ABOUT | {"shares": entries} | fields))


def curves_view(count: int = 30, **fields: Any) -> CurvesView:
    dice = random.Random(1)
    lines = []
    for number in range(count):
        state = "stopped" if number % 3 else "failed" if number == 6 else "done"
        steps = 20 if state == "done" else 3 + number % 9
        end = 0.1 + 0.4 * dice.random()
        values = [
            end + 0.9 * math.exp(-0.25 * s) + 0.02 * dice.random() for s in range(1, steps + 1)
        ]
        rank = None if state == "failed" else 1 - (end - 0.1) / 0.4
        given: dict[str, Any] = {"number": number, "state": state, "rank": rank, "values": values}
        lines.append(LineView(steps=list(range(1, steps + 1)), **given))
    return CurvesView(**(ABOUT | {"goal": "minimize", "lines": lines, "of": count} | fields))


def confirmation_view(count: int = 3, **fields: Any) -> ConfirmationView:
    leaders = []
    for index in range(count):
        mean = 0.12 + 0.01 * index
        leaders.append(
            RunsView(
                trial=41 + index,
                first=mean - 0.015,
                again=[mean - 0.006, mean, mean + 0.007],
                confirmed=Confirmed(runs=3, mean=mean, low=mean - 0.016, high=mean + 0.016),
            )
        )
    return ConfirmationView(**(ABOUT | {"goal": "minimize", "leaders": leaders} | fields))


def champions_view(checks: int = 9, **fields: Any) -> RecheckView:
    """A champion that held for a while, and the one after it."""
    day, began = 86_400.0, 1_790_000_000.0
    given: dict[str, Any] = {"params": {"learning_rate": 0.01}, "study": "s", "trial": 3}
    champions = [
        ChampionView(
            **given,
            **{
                "number": n + 1,
                "state": state,
                "value": value,
                "low": value - 0.01,
                "high": value + 0.01,
            },
            created=began + n * 40 * day,
            decided=began + n * 40 * day,
        )
        for n, (state, value) in enumerate((("former", 0.12), ("champion", 0.115)))
    ]
    seen = []
    for index in range(checks):
        moved = index == 4
        word = "moved" if moved else "inconclusive" if index % 3 == 2 else "holds"
        drift = DriftView(
            parameter="learning_rate", scale="log", before=0.01, after=0.0021, distance=1.3
        )
        verdict = VerdictView(
            word=word,
            effect=0.01,
            low=-0.01,
            high=0.02,
            champion=0.12 + 0.012 * (index % 5) / 4,
            drifts=[drift] if moved else [],
        )
        at = began + (index + 1) * 8 * day
        about: dict[str, Any] = {"number": index + 1, "state": "ended", "causes": ["schedule"]}
        seen.append(CheckView(**about, champion=1, asked=at, ended=at, verdict=verdict))
    whole: dict[str, Any] = ABOUT | {"goal": "minimize", "champions": champions, "checks": seen}
    return RecheckView(**(whole | fields))
