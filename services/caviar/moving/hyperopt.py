"""A Hyperopt search space: what ``fmin(space=...)`` takes.

The graph that ``hp.*`` builds is read by its nodes' attributes (``name``, ``pos_args``, ``named_args``, ``obj``);
Hyperopt itself is not imported, and nothing is evaluated. Parameters have their labels as names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from caviar.moving.draft import Draft
from caviar.moving.ranges import NoRange, Range, exponents, log_normal, normal, on_steps
from caviar.moving.report import Moved

WHAT = "a Hyperopt space"
ARGUMENTS = {
    "uniform": ("low", "high"),
    "quniform": ("low", "high", "q"),
    "loguniform": ("low", "high"),
    "qloguniform": ("low", "high", "q"),
    "normal": ("mu", "sigma"),
    "qnormal": ("mu", "sigma", "q"),
    "lognormal": ("mu", "sigma"),
    "qlognormal": ("mu", "sigma", "q"),
    "randint": ("low", "high"),
}
PARAMETER = ("label", "obj")
TRANSPARENT = ("int", "float")
CONTAINERS = ("dict", "pos_args")
DEPTH = 60

Condition = dict[str, list[Any]]


def from_hyperopt(space: Any, name: str = "study") -> Moved:
    """The study file's text and the report. Raises InputError where nothing of the space can be tuned."""
    reader = _Reader(Draft(WHAT, name))
    reader.gather(space, None, "", 0)
    reader.put()
    return reader.draft.finish("the space")


class _Found:
    """A label, the node that draws it, and the conditions of every place that it stands at."""

    def __init__(self, node: Any, options: list[Any] | None, whole: bool) -> None:
        self.node, self.options, self.whole = node, options, whole
        self.named_by = ""
        self.conditions: list[Condition | None] = []
        self.notes: list[str] = []


class _Reader:
    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.found: dict[str, _Found] = {}

    def gather(
        self,
        node: Any,
        when: Condition | None,
        place: str,
        depth: int,
        *,
        key: str = "",
        whole: bool = False,
    ) -> None:
        """Walk plain containers and nodes down to every label.

        ``place`` is only told; ``key``: the last mapping has the node under it. ``whole``: an int() stands around it.
        """
        if depth > DEPTH:
            self.draft.left_out(place or "the space", f"nested more than {DEPTH} levels deep")
        elif isinstance(node, Mapping):
            for name, value in node.items():
                inner = f"{place}.{name}" if place else str(name)
                self.gather(value, when, inner, depth + 1, key=str(name))
        elif isinstance(node, (list, tuple)):
            for index, value in enumerate(node):
                self.gather(value, when, f"{place}[{index}]", depth + 1)
        elif not _is_node(node) or node.name == "literal":
            self._constant(node.obj if _is_node(node) else node, when, place)
        elif node.name == "dict" and not node.pos_args:
            self.gather(dict(node.named_args), when, place, depth + 1)
        elif node.name in CONTAINERS:
            self.gather(list(node.pos_args), when, place, depth + 1)
        elif node.name == "switch":
            self._switch(node, when, place, depth, key)
        elif node.name == "hyperopt_param":
            self._label(node, None, when, place, key, whole)
        elif node.name in TRANSPARENT and len(node.pos_args) == 1:
            around = whole or node.name == "int"
            self.gather(node.pos_args[0], when, place, depth + 1, key=key, whole=around)
        else:
            said = f"it is computed by {node.name}: compute it in the trainer"
            self.draft.left_out(place or node.name, said)
            for value in (*node.pos_args, *(value for _, value in node.named_args)):
                if not _is_node(value) or value.name != "literal":
                    self.gather(value, when, place, depth + 1, key=key)

    def _constant(self, value: Any, when: Condition | None, place: str) -> None:
        if when is None:
            self.draft.constant(place or "the space", place or "the space", value)
        elif [value] not in when.values():  # but for the text that the option is called by
            said = f"it is always {str(value)[:60]!r} there: write it into the trainer"
            self.draft.left_out(place, said)

    def _label(
        self,
        node: Any,
        options: list[Any] | None,
        when: Condition | None,
        place: str,
        key: str,
        whole: bool,
    ) -> str | None:
        arguments = _bound(node, PARAMETER)
        label, drawn = _literal(arguments.get("label")), arguments.get("obj")
        if not isinstance(label, str) or not _is_node(drawn):
            self.draft.left_out(place or "the space", "a parameter without a label")
            return None
        found = self.found.setdefault(label, _Found(drawn, options, whole))
        found.conditions.append(when)
        if key and key != label:
            found.notes.append(f"the space has it as {place}; its label is its name here")
        return label

    def _switch(self, node: Any, when: Condition | None, place: str, depth: int, key: str) -> None:
        chosen, *options = node.pos_args
        if not _is_node(chosen) or chosen.name != "hyperopt_param":
            self.draft.left_out(place or "switch", "a choice by something that is computed")
            return
        names, named_by = _names(options)
        label = self._label(chosen, names, when, place, key, False)
        if label is None:
            return
        self.found[label].named_by = named_by
        for name, option in zip(names, options, strict=True):
            if not _scalar(option):
                self.gather(option, {label: [name]}, f"{label}={name}", depth + 1)

    def put(self) -> None:
        """Every label into the draft, once."""
        for label, found in self.found.items():
            when, note = _joined(found.conditions)
            notes = tuple(dict.fromkeys((*found.notes, *((note,) if note else ()))))
            try:
                self._one(label, found, when, notes)
            except (NoRange, TypeError, ValueError) as reason:
                self.draft.left_out(label, str(reason))

    def _one(
        self, label: str, found: _Found, when: Condition | None, notes: tuple[str, ...]
    ) -> None:
        if found.options is not None:
            if found.node.name == "categorical":
                notes = (
                    *notes,
                    "its probabilities are not kept: each choice is as likely at first",
                )
            if found.named_by:
                notes = (*notes, f"its options are mappings or ranges, named by {found.named_by}")
            self.draft.choice(label, label, found.options, notes=notes, when=when)
            return
        given = _range(found.node, found.whole)
        self.draft.number(label, label, replace(given, notes=(*given.notes, *notes)), when)


def _range(node: Any, whole: bool) -> Range:
    if node.name not in ARGUMENTS:
        raise NoRange(f"nothing here stands for {node.name}")
    values = {key: _literal(value) for key, value in _bound(node, ARGUMENTS[node.name]).items()}
    numbers = {key: float(value) for key, value in values.items() if value is not None}
    step = numbers.get("q")
    if step is not None and not step > 0:
        raise NoRange(f"its steps of {step:g} are not above 0")
    kind = node.name.removeprefix("q")
    if kind == "randint":
        low, high = (
            (numbers["low"], numbers["high"]) if "high" in numbers else (0.0, numbers["low"])
        )
        return Range(low, high - 1, whole=True)
    if kind in ("normal", "lognormal"):
        made = normal if kind == "normal" else log_normal
        return made(numbers["mu"], numbers["sigma"], step)
    low, high = numbers["low"], numbers["high"]
    if kind == "loguniform":
        low, high = exponents(low, high)
    low, high = on_steps(low, high, step)
    found = Range(low, high, "log" if kind == "loguniform" else "linear", step=step)
    if kind == "loguniform" and low <= 0 and step is not None:
        note = f"values below {step / 2:g} are rounded to 0 there, which is left out"
        return Range(step, high, "log", step=step).noted(note)
    if whole and step is None:
        return found.noted("int() cuts its fraction off: the trainer does")
    return found


def _joined(conditions: Sequence[Condition | None]) -> tuple[Condition | None, str]:
    """One condition for all the places of a label."""
    if any(condition is None for condition in conditions):
        return None, ""
    parents = {parent for condition in conditions if condition for parent in condition}
    if len(parents) != 1:
        said = " or ".join(sorted(parents))
        return (
            None,
            f"it is there with one of several conditions, on {said}: here it is in all trials",
        )
    (parent,) = parents
    values = [value for condition in conditions if condition for value in condition[parent]]
    return {parent: list(dict.fromkeys(values))}, ""


def _is_node(value: object) -> bool:
    return hasattr(value, "name") and hasattr(value, "pos_args") and hasattr(value, "named_args")


def _scalar(option: Any) -> bool:
    return not _is_node(option) or option.name == "literal"


def _literal(node: Any) -> Any:
    return getattr(node, "obj", None) if _is_node(node) and node.name == "literal" else None


def _bound(node: Any, names: Sequence[str]) -> dict[str, Any]:
    """Arguments by name, given by place or by name."""
    return dict(zip(names, node.pos_args, strict=False)) | dict(node.named_args)


def _names(options: Sequence[Any]) -> tuple[list[Any], str]:
    """What options are called, and by what: plain values by themselves, others by a text that only they have, or by
    their places."""
    if all(_scalar(option) for option in options):
        return [_literal(option) if _is_node(option) else option for option in options], ""
    texts = [_texts(option) for option in options]
    for key in texts[0]:
        found = [text.get(key) for text in texts]
        if None not in found and len(set(found)) == len(found):
            return found, "their first text" if key == "0" else f"their {key!r}"
    return list(range(len(options))), "their places from 0"


def _texts(option: Any) -> dict[str, str]:
    """The literal texts directly in an option, by key or place."""
    if not _is_node(option):
        return {}
    if option.name == "literal" and isinstance(option.obj, str):
        return {"0": option.obj}
    if option.name == "dict":
        named = option.named_args
    else:
        named = [(str(place), value) for place, value in enumerate(option.pos_args)]
    if option.name not in CONTAINERS:
        return {}
    return {key: text for key, value in named if isinstance(text := _literal(value), str)}
