"""The command of a W&B sweep as the words of a trainer's command: the same words, one for each argument."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from caviar.moving.draft import Draft

DEFAULT = ("${env}", "${interpreter}", "${program}", "${args}")
MACRO = re.compile(r"\$\{([A-Za-z_]+)(?::([A-Za-z0-9_]*))?\}")
PLACEHOLDER = re.compile(r"\{[A-Za-z_]\w*\}")
NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
ARGUMENTS = {
    "args": ("--{}={}",),
    "args_no_boolean_flags": ("--{}={}",),
    "args_no_hyphens": ("{}={}",),
    "args_no_equals": ("--{}", "{}"),
    "args_append_hydra": ("+{}={}",),
    "args_override_hydra": ("++{}={}",),
}
"""By macro: the words of one argument, of its name and its value."""


def carry_command(draft: Draft, data: Mapping[str, Any]) -> None:
    """The trainer of the study, where the sweep has a program or a command."""
    program, given = data.get("program"), data.get("command")
    if not isinstance(program, str) and not isinstance(given, list):
        return
    place = "command" if isinstance(given, list) else "program"
    words: list[str] = []
    told: list[str] = []
    handed = False
    for item in given if isinstance(given, list) else DEFAULT:
        word = str(item)
        macro = MACRO.fullmatch(word)
        if macro is None:
            words += _literal(word, told)
        elif macro[1] == "interpreter":
            words.append("python")
        elif macro[1] == "program" and isinstance(program, str):
            words += _literal(program, told)
        elif macro[1] in ARGUMENTS:
            handed = True
            words += _arguments(draft, macro[1], told)
        elif macro[1] != "env":
            told.append(_unknown(word, macro[1]))
    if not words:
        draft.left_out(place, "; ".join((*told, "no word of it is left")))
        return
    if not handed:
        told.append(
            "nothing hands the parameters over: the variable CAVIAR_PARAMS has them, as JSON"
        )
    draft.sections["trainer"] = {"command": words}
    (draft.changed if told else draft.carried)(place, "; ".join((" ".join(words[:4]), *told)))


def _literal(word: str, told: list[str]) -> list[str]:
    """A word as it is; without it where Caviar would read something else in it."""
    if MACRO.search(word) or PLACEHOLDER.search(word):
        told.append(f"the word {word[:60]!r} is left out: {{...}} stands for a parameter here")
        return []
    return [word]


def _unknown(word: str, macro: str) -> str:
    if macro in ("args_json", "args_json_file", "args_dict"):
        return f"{word} is left out: the variable CAVIAR_PARAMS has the same JSON"
    if macro == "envvar":
        return f"{word} is left out: the operator says which variables a trial sees"
    return f"{word} is left out: nothing stands for it"


def _arguments(draft: Draft, macro: str, told: list[str]) -> list[str]:
    """One argument for each parameter and constant, in the order of the sweep's file."""
    words: list[str] = []
    for name in list(draft.names):
        if not NAME.fullmatch(draft.names[name]):
            wanted = re.sub(r"\W", "_", draft.names[name])
            draft.rename(name, wanted, "a command's {placeholder} has letters, digits and _")
        words += _argument(macro, name, f"{{{draft.names[name]}}}")
        found = draft.choices_of(name)
        if found is not None and any(isinstance(value, bool) for value in found.values):
            told.append(f"{name} comes as true or false; W&B writes True or False")
            if macro == "args_no_boolean_flags":
                told.append(f"W&B hands {name} over only where it is true")
    for name, value in draft.constants.items():
        if macro == "args_no_boolean_flags" and isinstance(value, bool):
            fixed = [f"--{name}"] if value else []
        else:
            fixed = _argument(macro, name, str(value))
        if [word for one in fixed for word in _literal(one, told)] == fixed:
            words += fixed
            draft.constant_carried(name, f"always {value!r}, a part of the command")
    if any("." in name for name in draft.names):
        told.append(
            "of nested parameters each is an argument of its own; W&B hands one mapping over"
        )
    return words


def _argument(macro: str, name: str, value: str) -> list[str]:
    head, *tail = ARGUMENTS[macro]
    if not tail:
        return [head.format(name, value)]
    return [head.format(name), *(word.format(value) for word in tail)]
