"""A study file in the making: what is read goes in, with a line of report for each place of the source."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from caviar.contract.messages import ParameterValue
from caviar.errors import InputError, Problem
from caviar.moving import ranges
from caviar.moving.choices import Choices, choices
from caviar.moving.ranges import NoRange, Range
from caviar.moving.report import FATES, Fate, Line, Moved
from caviar.moving.writing import write
from caviar.space.parsing import NAME
from caviar.studies.spec import LONGEST_NAME, METRIC, load_study

When = Mapping[str, Sequence[Any]]
"""Conditions, by the source's names and values."""

SEVERITY: dict[Fate, int] = {fate: place for place, fate in enumerate(FATES)}
EXAMPLES = {
    "metric": {"name": "loss", "goal": "minimize"},
    "trainer": {"function": "train:main"},
    "budget": {"trials": 60},
}


class Draft:
    """Parameters are known by the source's names, also in conditions; names that MLflow refuses are changed."""

    def __init__(self, source: str, name: str) -> None:
        self.source = source
        self.sections: dict[str, Any] = {"name": study_name(name)}
        """Of the study file, but for the space."""
        self.names: dict[str, str] = {}
        """By the source's name of a parameter: its name in the study."""
        self.constants: dict[str, Any] = {}
        """What has one value only, by the source's name."""
        self._space: dict[str, dict[str, Any]] = {}
        self._when: dict[str, When] = {}
        self._choices: dict[str, Choices] = {}
        self._places: dict[str, str] = {}
        self._lines: dict[str, Line] = {}
        if study_name(name) != name:
            self.changed("name", f"{study_name(name)}: letters, digits, dots, - and _, at most 64")

    # The report

    def carried(self, place: str, said: str = "") -> None:
        self._tell(place, "carried", said)

    def changed(self, place: str, said: str) -> None:
        self._tell(place, "changed", said)

    def left_out(self, place: str, said: str) -> None:
        self._tell(place, "left out", said)

    def _tell(self, place: str, fate: Fate, said: str) -> None:
        """What is told twice of one place becomes one line, with the graver fate."""
        known = self._lines.get(place)
        if known is not None:
            fate = max(fate, known.fate, key=SEVERITY.__getitem__)
            said = "; ".join(filter(None, (known.said, said)))
        self._lines[place] = Line(place, fate, said)

    def metric(self, place: str, name: str, goal: str) -> None:
        """What is tuned, and ``goal``: minimize or maximize."""
        self.sections["metric"] = {"name": self.metric_name(place, name), "goal": goal}
        self.carried(place, f"{goal} {self.sections['metric']['name']}")

    def metric_name(self, place: str, name: str) -> str:
        """A metric's name as MLflow takes it, with a line of report where it had to be changed."""
        if METRIC.fullmatch(name):
            return name
        wanted = re.sub(r"[^A-Za-z0-9_./ -]", "_", name)[:200]
        wanted = wanted if METRIC.fullmatch(wanted) else f"m{wanted}"
        self.changed(place, f"MLflow takes no metric {name[:80]!r}: report it as {wanted}")
        return wanted

    # The space

    def number(
        self,
        place: str,
        name: str,
        given: Range,
        when: When | None = None,
        default: float | None = None,
    ) -> None:
        """A parameter that is a range of numbers; a constant where its bounds are one."""
        if given.low == given.high:
            only = float(given.low)
            self.constant(place, name, int(only) if only.is_integer() else only, given.notes)
            return
        try:
            made, notes = ranges.entry(given)
        except NoRange as reason:
            self.left_out(place, f"{reason}")
            return
        if default is not None:
            if made["low"] <= default <= made["high"] and (
                made["type"] == "float" or float(default).is_integer()
            ):
                made["default"] = int(default) if made["type"] == "int" else float(default)
            else:
                notes = (*notes, f"the default {default!r} is no value of it")
        self._add(place, name, made, notes, when)

    def choice(
        self,
        place: str,
        name: str,
        values: Sequence[Any],
        *,
        notes: tuple[str, ...] = (),
        when: When | None = None,
        default: Any = None,
    ) -> None:
        """A parameter that is one of several values; a constant where there is one."""
        try:
            found = choices(values, notes)
        except NoRange as reason:
            self.left_out(place, f"{reason}")
            return
        self._choices[name] = found
        if len(found.values) == 1:
            self.constant(place, name, found.values[0], found.notes)
            return
        made: dict[str, Any] = {"type": "categorical", "choices": list(found.values)}
        told = found.notes
        if default is not None:
            if (chosen := found.of(default)) is not None:
                made["default"] = chosen
            else:
                told = (*told, f"the default {default!r} is no value of it")
        self._add(place, name, made, told, when)

    def constant(self, place: str, name: str, value: Any, notes: tuple[str, ...] = ()) -> None:
        """What has one value only is no parameter: it belongs into the trainer, or the words of its command."""
        self.constants[name] = value
        self._places[name] = place
        said = f"it is always {str(value)[:60]!r}: write it into the trainer"
        self.left_out(place, "; ".join((*notes, said)))

    def constant_carried(self, name: str, said: str) -> None:
        """A constant found a place after all."""
        place = self._places[name]
        self._lines[place] = Line(place, "carried", said)

    def _add(
        self,
        place: str,
        name: str,
        made: dict[str, Any],
        notes: tuple[str, ...],
        when: When | None,
    ) -> None:
        self._space[name] = made
        self._places[name] = place
        self.names[name] = self._named(name)
        if when:
            self._when[name] = when
        if self.names[name] != name:
            notes = (*notes, f"it is called {self.names[name]} here")
        told = self.changed if notes else self.carried
        told(place, "; ".join((ranges.words(made), *notes)))

    def _named(self, name: str) -> str:
        """A name that MLflow and a command take, and that no other parameter has."""
        wanted = name
        if not NAME.fullmatch(name):
            wanted = re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:90]
            wanted = wanted if NAME.fullmatch(wanted) else f"_{wanted}"
        return self._free(wanted)

    def _free(self, wanted: str) -> str:
        taken, free, number = set(self.names.values()), wanted, 2
        while free in taken:
            free, number = f"{wanted}_{number}", number + 1
        return free

    def rename(self, name: str, wanted: str, why: str) -> None:
        """Another name in the study for the source's ``name``."""
        del self.names[name]
        self.names[name] = self._free(wanted)
        self.changed(self._places[name], f"it is called {self.names[name]} here: {why}")

    def choices_of(self, name: str) -> Choices | None:
        return self._choices.get(name)

    @property
    def size(self) -> int | None:
        """Points of the space so far; None where it has a float."""
        count = 1
        for made in self._space.values():
            if made["type"] == "float":
                return None
            whole = made["type"] == "int"
            count *= made["high"] - made["low"] + 1 if whole else len(made["choices"])
        return count

    @property
    def conditional(self) -> set[str]:
        """The source's names of parameters that are not there in every trial."""
        return set(self._when)

    # The end

    def finish(self, where: str) -> Moved:
        """The study's text and the report. ``where`` names the source's space in a message.

        Raises InputError where nothing can be tuned, or where a study file cannot hold what is left.
        """
        conditions = self._resolved()
        if not self._space:
            left = "; ".join(f"{line.place}: {line.said}" for line in self._lines.values())
            reason = f"nothing in it can be tuned here{f' ({left[:600]})' if left else ''}"
            raise InputError(Problem((where,), reason))
        filled = [key for key in EXAMPLES if key not in self.sections]
        for key in filled:
            self.sections[key] = EXAMPLES[key]
            self._tell(key, "to fill in", f"{self.source} does not say it")
        if "trials" not in self.sections["budget"]:
            self.sections["budget"] = EXAMPLES["budget"] | self.sections["budget"]
            self._tell("budget.trials", "to fill in", f"{self.source} does not say it")
            filled.append("budget")
        space = {
            self.names[name]: made | ({"when": conditions[name]} if name in conditions else {})
            for name, made in self._space.items()
        }
        text = write({**self.sections, "space": space}, filled)
        try:
            study = load_study(text)
        except InputError as error:
            problems = [Problem(p.path, p.reason, p.way_out) for p in error.problems]
            raise InputError(problems) from None
        return Moved(self.source, text, tuple(self._lines.values()), study.warnings)

    def _resolved(self) -> dict[str, dict[str, list[ParameterValue]]]:
        """The conditions in the study's names and values; what can never be there is taken out."""
        while True:
            found: dict[str, dict[str, list[ParameterValue]]] = {}
            gone: dict[str, str] = {}
            for name, when in self._when.items():
                for parent, values in when.items():
                    reason = self._condition(parent, values, found.setdefault(name, {}))
                    if reason:
                        gone[name] = reason
            if not gone:
                return {name: when for name, when in found.items() if when}
            for name, reason in gone.items():
                del self._space[name], self._when[name], self.names[name]
                place = self._places[name]
                del self._lines[place]
                self.left_out(place, reason)

    def _condition(
        self, parent: str, values: Sequence[Any], into: dict[str, list[ParameterValue]]
    ) -> str:
        """Adds one condition; why it can never hold, or an empty text."""
        known = self._choices.get(parent)
        if parent in self.constants:
            only = self.constants[parent]
            if any((known.of(value) if known else value) == only for value in values):
                return ""
            return f"its condition never holds: {parent} is always {only!r}"
        if parent not in self._space:
            return f"its condition is on {parent}, which is left out"
        made = self._space[parent]
        if made["type"] == "float":
            return f"its condition is on {parent}, a float: no exact value recurs"
        if known is not None:
            found = [choice for value in values if (choice := known.of(value)) is not None]
        else:
            found = [
                int(value)
                for value in values
                if float(value).is_integer() and made["low"] <= value <= made["high"]
            ]
        if not found:
            return f"its condition never holds: {parent} has none of the values"
        into[self.names[parent]] = list(dict.fromkeys(found))
        return ""


def study_name(wanted: str) -> str:
    """What a study may be called, as near to ``wanted`` as can be."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", wanted).strip("-._")[:LONGEST_NAME]
    return name or "study"
