"""What the runs say: tables in Markdown and the picture of the regret.

Regret of a run after n trials is (best loss so far - least known loss) / (median loss of random points - least known
loss): 1 is what a random point gives, 0 the best that anybody found. It is cut at ``FLOOR``, averaged over seeds as a
logarithm, and over tasks as a geometric mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
FLOOR, CEILING = 1e-4, 1.5
CHECKED = (25, 50, 100)
RESAMPLES = 1000
COLOURS = {"caviar": "#d1495b", "optuna_tpe": "#2e6f95", "optuna_gp": "#5fa777"}
COLOURS |= {
    "caviar_stopping": "#d1495b",
    "optuna_halving_3": "#2e6f95",
    "optuna_halving_4": "#4b9da9",
}
OTHERS = ("#8d6cab", "#c98a2b", "#4b9da9", "#7a5c3e", "#6b7580", "#b5b9c0")
INK, GRID = "#1b1f24", "#e4e7eb"
PLAIN = {"random": "#8a929c", "sobol": "#b9a37e"}
NAMES = {
    "caviar": "Caviar (zoom)",
    "random": "random search",
    "sobol": "Sobol",
    "optuna_tpe": "Optuna TPE",
    "optuna_gp": "Optuna GP",
    "optuna_cmaes": "Optuna CMA-ES",
    "hyperopt": "Hyperopt TPE",
    "smac": "SMAC",
    "hebo": "HEBO",
    "caviar_stopping": "Caviar, stopping early",
    "optuna_halving_4": "TPE + halving",
    "optuna_halving_3": "TPE + halving by 3",
}


@dataclass(frozen=True)
class Record:
    """One run as it was kept."""

    task: str
    peer: str
    workers: int
    seed: int
    losses: list[float]
    ms_per_trial: float


@dataclass(frozen=True)
class Curves:
    """Of one number of workers: mean log10 regret over seeds, shape (peers, tasks, trials), and the cost."""

    workers: int
    peers: list[str]
    tasks: list[str]
    seeds: int
    log_regret: Floats
    ms: Floats


def scale_of(records: Sequence[Record], draws: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """By task (least known loss, median loss of random points)."""
    found = {}
    for task, known in draws.items():
        mine = [min(record.losses) for record in records if record.task == task]
        found[task] = (min([known["best"], *mine]), known["median"])
    return found


def curves(records: Sequence[Record], draws: Mapping[str, Mapping[str, float]]) -> list[Curves]:
    """One for each number of workers, over the tasks and seeds that every peer has finished."""
    scales, found = scale_of(records, draws), []
    order = [*NAMES]
    for workers in sorted({record.workers for record in records}):
        mine = {(r.peer, r.task, r.seed): r for r in records if r.workers == workers}
        peers = sorted({peer for peer, _, _ in mine}, key=order.index)
        cases = sorted({(task, seed) for _, task, seed in mine})
        cases = [case for case in cases if all((peer, *case) in mine for peer in peers)]
        if not cases:
            continue
        tasks = sorted({task for task, _ in cases})
        length = min(len(record.losses) for record in mine.values())
        rows = np.empty((len(peers), len(tasks), length))
        for i, peer in enumerate(peers):
            for j, task in enumerate(tasks):
                best, median = scales[task]
                runs = [
                    np.minimum.accumulate(mine[peer, task, seed].losses[:length])
                    for name, seed in cases
                    if name == task
                ]
                regret = (np.array(runs) - best) / max(median - best, 1e-300)
                rows[i, j] = np.log10(np.clip(regret, FLOOR, CEILING)).mean(axis=0)
        ms = np.array(
            [np.mean([r.ms_per_trial for r in mine.values() if r.peer == peer]) for peer in peers]
        )
        seeds = len({seed for _, seed in cases})
        found.append(Curves(workers, peers, tasks, seeds, rows, ms))
    return found


def ranks(log_regret: Floats) -> Floats:
    """Shape (peers, tasks): 1 for the best; equals share their mean rank."""
    less = (log_regret[:, None] > log_regret[None] + 1e-12).sum(axis=1)
    equal = (np.abs(log_regret[:, None] - log_regret[None]) <= 1e-12).sum(axis=1)
    return np.asarray(less + (equal + 1) / 2)


def interval(values: Floats) -> tuple[float, float]:
    """95% bootstrap interval of the mean, over tasks."""
    draws = np.random.default_rng(0).integers(0, len(values), size=(RESAMPLES, len(values)))
    low, high = np.quantile(values[draws].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def table(found: Curves) -> str:
    """Markdown: a row a peer, best last rank first."""
    length = found.log_regret.shape[2]
    checked = [count for count in CHECKED if count <= length] or [length]
    last = found.log_regret[:, :, checked[-1] - 1]
    places = ranks(last)
    own = found.peers.index("caviar") if "caviar" in found.peers else None
    head = ["", *(f"regret at {count}" for count in checked), "mean rank", "95% interval"]
    head += ["Caviar ahead on"] * (own is not None) + ["ms a trial"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for i in np.argsort(places.mean(axis=1), kind="stable"):
        regrets = [10 ** found.log_regret[i, :, count - 1].mean() for count in checked]
        low, high = interval(places[i])
        row = [NAMES[found.peers[i]], *(f"{regret:.4f}" for regret in regrets)]
        row += [f"{places[i].mean():.2f}", f"{low:.2f} to {high:.2f}"]
        if own is not None:
            row.append("" if i == own else f"{(last[own] < last[i]).mean():.0%} of tasks")
        lines.append("| " + " | ".join([*row, f"{found.ms[i]:.1f}"]) + " |")
    return "\n".join(lines)


def summary(found: Sequence[Curves]) -> str:
    """Every table with its heading."""
    parts = []
    for each in found:
        who = "one worker" if each.workers == 1 else f"{each.workers} workers at once"
        length = each.log_regret.shape[2]
        seeds = f"{each.seeds} seed{'s' if each.seeds > 1 else ''}"
        title = f"### {who.capitalize()}: {len(each.tasks)} tasks, {seeds}, {length} trials"
        parts.append(f"{title}\n\n{table(each)}")
    return "\n\n".join(parts)


def colour(peer: str, others: list[str]) -> str:
    if peer in COLOURS or peer in PLAIN:
        return (COLOURS | PLAIN)[peer]
    if peer not in others:
        others.append(peer)
    return OTHERS[others.index(peer) % len(OTHERS)]


def picture(
    found: Sequence[Curves],
    path: Path,
    lead: str = "caviar",
    across: str = "finished trials",
    ticks: Sequence[int] = (),
    dashed: Sequence[str] = (),
) -> None:
    """Regret over trials, a panel for each number of workers, every line named at its end.

    ``across`` says what is counted there, on a log axis where there are ``ticks``; the line of ``lead`` is thick.
    """
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams |= {"svg.hashsalt": "caviar", "svg.fonttype": "none", "font.size": 10}
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter

    figure, axes = pyplot.subplots(
        1, len(found), figsize=(4.9 * len(found), 4.2), sharey=True, squeeze=False
    )
    others: list[str] = []
    for axis, each in zip(axes[0], found, strict=True):
        mean = 10 ** each.log_regret.mean(axis=1)
        trials = np.arange(1, mean.shape[1] + 1)
        ends = _apart(np.log10(mean[:, -1]), 0.052 * np.ptp(each.log_regret.mean(axis=1)))
        for peer, line, end in zip(each.peers, mean, ends, strict=True):
            own, shade = peer == lead, colour(peer, others)
            style, width = "--" if peer in dashed else "-", 2.6 if own else 1.6
            axis.plot(trials, line, style, color=shade, lw=width, zorder=3 if own else 2)
            axis.annotate(
                NAMES[peer],
                (trials[-1], 10**end),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                color=shade,
                fontweight="bold" if own else "normal",
                fontsize=9,
                annotation_clip=False,
            )
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.yaxis.set_minor_formatter("")
        if ticks:
            axis.set_xscale("log")
            axis.set_xticks(ticks, [str(tick) for tick in ticks])
            axis.set_xticks([], minor=True)
        axis.set_xlim(1, trials[-1])
        axis.grid(axis="y", color=GRID, lw=0.8)
        axis.tick_params(colors=INK, length=0, which="both")
        for side in ("top", "right", "left"):
            axis.spines[side].set_visible(False)
        who = "one worker" if each.workers == 1 else f"{each.workers} workers at once"
        axis.set_title(who, loc="left", fontsize=10.5, color=INK)
        axis.set_xlabel(across, color=INK)
    axes[0, 0].set_ylabel(f"regret, geometric mean of {len(found[0].tasks)} tasks", color=INK)
    figure.tight_layout(w_pad=7.0, rect=(0, 0, 0.93 if len(found) > 1 else 0.84, 1))
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=130)
    pyplot.close(figure)


def _apart(places: Floats, least: float) -> Floats:
    """Labels moved up until no two are nearer than ``least``; shape (n,) as given."""
    order, moved = np.argsort(places), places.copy()
    for below, above in pairwise(order):
        moved[above] = max(moved[above], moved[below] + least)
    return moved
