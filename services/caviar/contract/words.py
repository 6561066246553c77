"""What was done to a training, what became of a champion, how far a study is: the same in the terminal and on pages.

They quote what people and programs wrote as it is: whoever shows them escapes them, or cleans them for a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from caviar.contract.messages import Origin, ParameterValue
from caviar.contract.numbers import count, number
from caviar.contract.panda import InterventionView
from caviar.contract.recheck import ChampionView, CheckView, DriftView, Policy, VerdictView
from caviar.contract.views import ParameterView, StudyView

Scales = Mapping[str, str | None]
"""Parameter -> its scale: near 1 some need more digits."""

SIGNS = {"set": "▲", "rollback": "◀", "fork": "◆"}
"""Also in the curve, at the step where it took effect."""
CAUSES = {
    "schedule": "on schedule",
    "data": "other data",
    "code": "other code",
    "signal": "asked",
    "mlflow": "MLflow",
}
FOLLOWS = {
    "tell": "",
    "propose": " Where it moved, it is tuned again and the result is proposed.",
    "promote": " Where it moved, it is tuned again and the result is the champion.",
}


def scales_of(parameters: list[ParameterView]) -> dict[str, str | None]:
    return {parameter.name: parameter.scale for parameter in parameters}


def values_words(values: Mapping[str, ParameterValue], scales: Scales) -> str:
    """For instance ``learning_rate 0.003, momentum 0.9``."""
    return ", ".join(f"{name} {number(v, scales.get(name))}" for name, v in values.items())


def origin_words(origin: Origin) -> str:
    """Where a trial began that did not begin from nothing."""
    parts = []
    if origin.number is not None:
        place = ", in its place" if origin.in_place else ""
        parts.append(f"goes on from trial {origin.number}, step {number(origin.step)}{place}")
    elif origin.run_id is not None:
        parts.append(f"goes on from the checkpoint of MLflow run {origin.run_id}")
    if origin.schedule:
        parts.append(f"follows {count(len(origin.schedule), 'change')} of a schedule")
    return "; ".join(parts)


def intervention_words(each: InterventionView, scales: Scales) -> str:
    """One line, for instance ``learning_rate 0.01 -> 0.0003, in effect after step 412``."""
    applied = each.state == "applied"
    match each.kind:
        case "set":
            name = each.parameter or ""
            scale = scales.get(name)
            head = f"{name} {number(each.before, scale)} -> {number(each.value, scale)}"
            waits, done = "asked, not read yet", f"in effect after step {each.step}"
            if each.step is None:
                done = "in effect from the start"
            said = f"{head}, {done if applied else waits}"
        case "rollback":
            head = f"back to step {number(each.step)}{_with(each.params, scales)}"
            said = f"went {head} as trial {each.child}" if applied else f"{head}, asked"
        case "fork":
            place = "the newest checkpoint" if each.step is None else f"step {each.step}"
            values = _with(each.params, scales)
            head = f"a fork of {place}{values}"
            said = f"trial {each.child} goes on from {place}{values}"
            said = said if applied else f"{head}, asked"
    if each.state in ("refused", "void"):
        ended = "refused" if each.state == "refused" else "nothing came of it"
        said = f"{head}, {ended}: {each.reason}" if each.reason else f"{head}, {ended}"
    return said


def _with(values: Mapping[str, ParameterValue], scales: Scales) -> str:
    return f" with {values_words(values, scales)}" if values else ""


def verdict_words(check: CheckView, checked: ChampionView | None, goal: str, scales: Scales) -> str:
    """For instance ``moved: 0.971 -> about 0.984 with rate 0.004 instead of 0.02 (+0.013, 90%: 0.008 to 0.018), ...``.

    ``checked`` is the champion that was checked, where it is known.
    """
    verdict = check.verdict
    if verdict is None:
        return f"check {check.number} ended without a verdict. {check.waits}".rstrip()
    towards = 1.0 if goal == "maximize" else -1.0
    difference = towards * verdict.effect + 0.0  # no -0
    low, high = sorted((towards * verdict.low + 0.0, towards * verdict.high + 0.0))
    signed = f"{'+' if difference > 0 else ''}{number(difference)}"
    by = f"{signed}, 90%: {number(low)} to {number(high)}"
    now = "" if verdict.champion is None else number(verdict.champion)
    match verdict.word:
        case "moved":
            better = "a better point"
            if verdict.champion is not None:
                better = f"{now} -> about {number(verdict.champion + difference)}"
            said = f"{better}{_instead(verdict, checked, scales)} ({by})"
        case "holds":
            said = f"{now or 'the champion'}, and nothing beside it is better ({by})"
        case "inconclusive":
            told = verdict.reason.strip().rstrip(".")
            said = f"{told or 'it cannot be said'} ({by})"
    return f"{verdict.word}: {said}, after {count(verdict.trainings, 'training')}."


def drift_words(each: DriftView) -> str:
    """For instance ``rate 0.02 -> 0.004: 0.35 widths of the last box, on its log scale``."""
    before, after = number(each.before, each.scale), number(each.after, each.scale)
    if each.scale == "categorical":
        return f"{each.parameter} {before} -> {after}"
    far = f"{number(each.distance)} widths of the last box"
    return (
        f"{each.parameter} {before} -> {after}: {far}, on its {each.scale.replace('_', '-')} scale"
    )


def calls_words(policy: Policy) -> str:
    """What calls for a check: ``every 7 days and when the data changes``."""
    return " and ".join(_calls(policy)) or "when somebody asks"


def _instead(verdict: VerdictView, checked: ChampionView | None, scales: Scales) -> str:
    """For instance `` with learning_rate 0.004 instead of 0.02``; empty where nothing is known."""
    moved: dict[str, tuple[ParameterValue | None, ParameterValue, str | None]] = {
        each.parameter: (each.before, each.after, each.scale) for each in verdict.drifts
    }
    if not moved:
        before: Mapping[str, ParameterValue] = {} if checked is None else checked.params
        moved = {
            name: (before.get(name), value, scales.get(name))
            for name, value in (verdict.challenger or {}).items()
            if before.get(name) != value
        }
    words = [
        f"{name} {number(after, scale)}"
        + ("" if before is None else f" instead of {number(before, scale)}")
        for name, (before, after, scale) in moved.items()
    ]
    return f" with {', '.join(words)}" if words else ""


def _calls(policy: Policy) -> Iterator[str]:
    if policy.every_s is not None:
        yield f"every {span_words(policy.every_s)}"
    if policy.cron is not None:
        yield f"at `{policy.cron}` (UTC)"
    if policy.data is not None:
        yield "when the data changes"
    if policy.code:
        yield "when the code changes"


def span_words(seconds: float) -> str:
    """For instance ``7 days``, ``hour``: behind the word every."""
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= length and seconds % length == 0:
            amount = int(seconds // length)
            return unit if amount == 1 else f"{amount} {unit}s"
    return f"{number(seconds)} s"


def failed_count(study: StudyView) -> int:
    """Trials that brought nothing."""
    return study.counts.get("failed", 0) + study.counts.get("quarantined", 0)


def finished_count(study: StudyView) -> int:
    """Trials that used up a part of the budget."""
    return study.counts.get("done", 0) + study.counts.get("stopped", 0) + failed_count(study)
