"""What a person does next about a study: one or two sentences, the most urgent first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from caviar.contract.numbers import count, number
from caviar.contract.views import RoundView, StudyView
from caviar.contract.words import failed_count, finished_count
from caviar.studies.life import ENDED, OPEN

OWN_BOUND = "at the study's own "
MANY_FAIL = 0.2
"""Where more than this share of what ended failed, the failures come first."""
MOST = 3


@dataclass(frozen=True, slots=True)
class Advice:
    """``words`` may quote what people wrote. ``link`` is a page, ``command`` what to type."""

    words: str
    link: str = ""
    link_words: str = ""
    command: str = ""


def what_now(study: StudyView) -> list[Advice]:
    """At least one, at most ``MOST``."""
    failures = list(_failures(study))
    state = list(_of_state(study))
    urgent = _failed_share(study) > MANY_FAIL
    found = [*failures, *state] if urgent else [*state, *failures]
    return [*found[:1], *_bounds(study), *found[1:]][:MOST]


def is_over(study: StudyView) -> bool:
    """Nothing of it will change by itself any more."""
    return study.state in ENDED and not any(study.counts.get(state) for state in OPEN)


def last_line(text: str) -> str:
    """The last line with anything in it: in a Python traceback, the error itself."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def _of_state(study: StudyView) -> Iterator[Advice]:
    if study.state == "running":
        yield _running(study)
    elif study.state == "paused":
        running = study.counts.get("running", 0)
        still = f" {count(running, 'trial')} that had begun go on to their ends." if running else ""
        yield Advice(f"It is paused: no trial begins until you resume it.{still}")
    elif not is_over(study):
        yield Advice("It was stopped: what still runs is being ended.")
    elif study.best is None:
        yield Advice(
            "It ended without a result. The newest trials say why.", "#trials", "To the trials"
        )
    else:
        yield from _ended(study)


def _running(study: StudyView) -> Advice:
    if study.counts.get("running", 0):
        return Advice("Nothing to do: it goes on by itself. The zoom below shows where it looks.")
    if any(study.counts.get(state) for state in ("done", "stopped", "failed")):
        words = "No trial of it trains at this moment. If it stays so, the queue says why it waits."
    else:
        words = "No trial has begun yet. The queue says why it waits."
    return Advice(words, "/queue", "To the queue")


def _ended(study: StudyView) -> Iterator[Advice]:
    assert study.best is not None
    if study.best.confirmed is None and study.mode == "caviar":
        yield Advice(
            f"Trial {study.best.trial} was chosen for one good value, and that flatters it. Train its point again "
            "on new seeds: a check does that, and so does confirm: 5 in the next study file.",
            command=f"caviar recheck {study.id}",
        )
    else:
        yield Advice(
            f"Use the parameters of trial {study.best.trial}. Whether they are still the best tells a check, later.",
            f"/studies/{study.id}/champion",
            "Its champion",
        )
    yield Advice("Take the numbers with you:", command=f"caviar export {study.id} --csv trials.csv")


def _bounds(study: StudyView) -> Iterator[Advice]:
    """The best sits at the end of what the study allows: better ones may lie beyond."""
    newest = _in_force(study.rounds)
    if newest is None or study.best is None:
        return
    known = {parameter.name: parameter for parameter in study.parameters}
    for name, edge in newest.edges.items():
        _, found, place = edge.partition(OWN_BOUND)
        if not found or name not in known:
            continue
        side = "high" if place.startswith("upper") else "low"
        bound = number(getattr(known[name], side), known[name].scale)
        yield Advice(
            f"The best sits at the study's own {place} of {name} ({bound}). Better ones may lie beyond it: widen "
            f"{side} of {name} in the study file and submit it again.",
            f"#round-{newest.round}",
            f"Round {newest.round}",
        )


def _in_force(rounds: list[RoundView]) -> RoundView | None:
    return next((each for each in reversed(rounds) if not each.undone), None)


def _failed_share(study: StudyView) -> float:
    ended = finished_count(study)
    return failed_count(study) / ended if ended else 0.0


def _failures(study: StudyView) -> Iterator[Advice]:
    if not study.failures:
        return
    newest = max(study.failures, key=lambda trial: trial.number)
    error = last_line(newest.error)[:200] or "no error text"
    yield Advice(
        f"{count(failed_count(study), 'trial')} failed. Look at trial {newest.number}: {error}",
        f"/studies/{study.id}/trials/{newest.number}",
        f"Trial {newest.number}",
    )
