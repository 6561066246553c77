"""What was done to a training, and what came of it, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from caviar.cli.views.parts import clean, scale_of
from caviar.contract import words
from caviar.contract.messages import ParameterValue
from caviar.contract.panda import EffectView, InterventionView
from caviar.contract.views import ParameterView
from caviar.contract.words import SIGNS, Scales

STYLES = {"helped": "green", "hurt": "red"}
"""Of verdicts; all others say nothing for sure."""


def sentence(each: InterventionView, scales: Scales) -> str:
    """One line, for instance ``learning_rate 0.01 -> 0.0003, in effect after step 412``."""
    return clean(words.intervention_words(each, scales))


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


def values_words(values: Mapping[str, ParameterValue], scales: Scales) -> str:
    """For instance ``learning_rate 0.003, momentum 0.9``."""
    return clean(words.values_words(values, scales))


def _style(each: InterventionView) -> str:
    return {"applied": "", "asked": "cyan", "refused": "red", "void": "dim"}[each.state]
