"""What was done to a training, and what came of it, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from caviar.cli.views.parts import clean, scale_of
from caviar.contract.messages import Origin, ParameterValue
from caviar.contract.numbers import count, number
from caviar.contract.panda import EffectView, InterventionView
from caviar.contract.views import ParameterView

SIGNS = {"set": "▲", "rollback": "◀", "fork": "◆"}
"""Also in the curve, at the step where it took effect."""
STYLES = {"helped": "green", "hurt": "red"}
"""Of verdicts; all others say nothing for sure."""

Scales = Mapping[str, str | None]


def sentence(each: InterventionView, scales: Scales) -> str:
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
    return clean(said)


def who_and_why(each: InterventionView) -> str:
    return clean(f"{each.by}: {each.why}" if each.why else each.by)


def effect_text(effect: EffectView) -> Text:
    return Text(clean(effect.sentence), STYLES.get(effect.word, "dim"))


def done_to_it(
    interventions: Sequence[InterventionView],
    parameters: list[ParameterView],
    told: Callable[[InterventionView], str] = who_and_why,
) -> RenderableType:
    """Each intervention with who and why (or what else is ``told``) and its effect, in the order of the asking."""
    scales = scale_of(parameters)
    table = Table.grid(padding=(0, 1))
    for each in interventions:
        line = Text(sentence(each, scales), _style(each))
        line.append(f"  {told(each)}", style="dim")
        table.add_row(Text(SIGNS[each.kind], "bold"), line)
        if each.effect is not None:
            table.add_row(Text(), effect_text(each.effect))
    return table


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


def values_words(values: Mapping[str, ParameterValue], scales: Scales) -> str:
    """For instance ``learning_rate 0.003, momentum 0.9``."""
    return clean(", ".join(f"{name} {number(v, scales.get(name))}" for name, v in values.items()))


def _with(values: Mapping[str, ParameterValue], scales: Scales) -> str:
    return f" with {values_words(values, scales)}" if values else ""


def _style(each: InterventionView) -> str:
    return {"applied": "", "asked": "cyan", "refused": "red", "void": "dim"}[each.state]
