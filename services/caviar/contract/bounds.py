"""What a trial owes to a study that bounds other metrics: judged alike on the worker's host and by the scheduler."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping


def missing(bounded: Iterable[str], metrics: Mapping[str, float]) -> str:
    """Why a trial fails that is done without a finite value of each of ``bounded``; empty where all are there."""
    absent = [name for name in bounded if not math.isfinite(metrics.get(name, math.nan))]
    if not absent:
        return ""
    name = absent[0]
    return (
        f"The study bounds {' and '.join(map(repr, absent))}, of which the trial left no finite value. "
        f"Return it beside the metric, or report it: trial.report(step, {name}=...); "
        f"a command logs it with mlflow.log_metric({name!r}, value)."
    )
