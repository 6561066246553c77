"""Many runs, each kept as a JSON file under one folder: what is there is not run again."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path

Scale = dict[str, float]


def numbers(text: str) -> list[int]:
    """``0-2,7`` is 0, 1, 2 and 7."""
    found: list[int] = []
    for part in text.split(","):
        low, _, high = part.partition("-")
        found += range(int(low), int(high or low) + 1)
    return found


def kept(path: Path) -> dict[str, Scale]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write(path: Path, content: object) -> None:
    """Whole or not at all: a run that is interrupted leaves no half of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".part")
    half.write_text(json.dumps(content), encoding="utf-8")
    half.replace(path)


def sweep(
    out: Path,
    axes: tuple[Iterable[int], Iterable[str], Iterable[int], Iterable[str]],
    size: int,
    draw: Callable[[str], Scale],
    run: Callable[[int, str, int, str], object],
) -> None:
    """Every combination of seeds, tasks, workers and contenders that is not kept yet.

    ``draw`` gives a task's scale, kept once; ``run`` a record that JSON can hold; ``size`` is how long a run is.
    """
    began, cases = time.monotonic(), list(product(*axes))
    for task in dict.fromkeys(case[1] for case in cases):
        scales = kept(out / "scales.json")
        if task not in scales:
            scales[task] = draw(task)
            write(out / "scales.json", scales)
    for done, (seed, task, workers, contender) in enumerate(cases, start=1):
        stem = f"{task.replace('/', '-')}--{contender}--w{workers}--s{seed}--n{size}"
        path = out / "runs" / f"{stem}.json"
        if not path.exists():
            write(path, run(seed, task, workers, contender))
            spent = time.monotonic() - began
            print(f"{done} of {len(cases)}, {spent:.0f} s: {stem}", file=sys.stderr)
