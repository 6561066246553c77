"""A study's progress for a notebook, or as lines for anything else."""

from __future__ import annotations

import sys
from html import escape
from typing import Any, Protocol

from caviar.contract.views import StudyView, TrialView

SHOWN = 8
"""Trials that run, in the table of a notebook."""
OVER = ("done", "stopped", "failed", "quarantined", "cancelled")


class Screen(Protocol):
    def show(self, study: StudyView) -> None: ...


def notebook_or_lines() -> Screen:
    """What fits where this program runs."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return Lines()
    shell = get_ipython()
    if shell is None or "IPKernelApp" not in getattr(shell, "config", {}):
        return Lines()
    return Notebook(display)


class Notebook:
    """One card, drawn over itself."""

    def __init__(self, display: Any) -> None:
        self._display = display
        self._handle: Any = None

    def show(self, study: StudyView) -> None:
        data = {"text/html": study_html(study), "text/plain": study_line(study)}
        if self._handle is None:
            self._handle = self._display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)


class Lines:
    """One line for each change. Says nothing twice."""

    def __init__(self) -> None:
        self._last = ""

    def show(self, study: StudyView) -> None:
        line = study_line(study)
        if line != self._last:
            self._last = line
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


def ended(study: StudyView) -> int:
    """Trials that are over."""
    return sum(study.counts.get(state, 0) for state in OVER)


def study_line(study: StudyView) -> str:
    """``digits-mlp running  23/60  best val_accuracy 0.971 (trial 17)  round 4``"""
    best = (
        f"best {study.metric} {study.best.value:.6g} (trial {study.best.trial})"
        if study.best
        else "no result yet"
    )
    round_ = f"round {study.rounds[-1].round}" if study.rounds else ""
    reason = f"({study.reason})" if study.reason else ""
    words = (f"{study.name} {study.state}", f"{ended(study)}/{study.budget}", best, round_, reason)
    return "  ".join(word for word in words if word)


def study_html(study: StudyView) -> str:
    """A card with a bar, the best trial and what runs. Everything that a person wrote is escaped."""
    share = 100 * min(1.0, ended(study) / max(1, study.budget))
    left = f", about {_duration(study.left_s)} left" if study.left_s else ""
    rows = "".join(_running(trial) for trial in study.running[:SHOWN])
    table = (
        f"<table><thead><tr><th>trial</th><th>step</th><th>{escape(study.metric)}</th><th>parameters</th></tr>"
        f"</thead><tbody>{rows}</tbody></table>"
        if rows
        else ""
    )
    reason = f" <small>{escape(study.reason)}</small>" if study.reason else ""
    return (
        f'<div class="caviar-study"><b>{escape(study.name)}</b> {escape(study.state)}{reason}'
        f'<div role="progressbar" aria-valuemin="0" aria-valuemax="{study.budget}" aria-valuenow="{ended(study)}"'
        ' style="background:#8884;border-radius:3px;height:8px;max-width:480px;margin:6px 0">'
        f'<div style="background:#2a9d8f;border-radius:3px;height:8px;width:{share:.1f}%"></div></div>'
        f"{ended(study)} of {study.budget} trials{left}<br>{_best(study)}{table}</div>"
    )


def _best(study: StudyView) -> str:
    if study.best is None:
        return "no result yet"
    params = ", ".join(
        f"{escape(name)}={_value(value)}" for name, value in study.best.params.items()
    )
    return f"best {escape(study.metric)} <b>{study.best.value:.6g}</b>, trial {study.best.trial}: <code>{params}</code>"


def _running(trial: TrialView) -> str:
    params = ", ".join(f"{escape(name)}={_value(value)}" for name, value in trial.params.items())
    last = "" if trial.last is None else f"{trial.last:.6g}"
    step = "" if trial.step is None else str(trial.step)
    return f"<tr><td>{trial.number}</td><td>{step}</td><td>{last}</td><td><code>{params}</code></td></tr>"


def _value(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else escape(str(value))


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
