"""YAML text to plain Python values that still know their line.

A study file may come from anybody who can reach the service, so it is bounded before it is built: size, depth,
no anchors or aliases (they can make a small file enormous), no custom tags, no key twice.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    Event,
)
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.parser import Parser

from caviar.errors import InputError, Problem

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16
MAX_KEY = 256
"""Characters. Errors name the key."""

Path = tuple[str, ...]

_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS = {_TAG + name for name in ("str", "int", "float", "bool", "null", "timestamp")}
_COLLECTION_TAGS = (_TAG + "map", _TAG + "seq")


@dataclass(frozen=True, slots=True)
class Source:
    """The root mapping of a file, in plain Python types, and the line of each key and list entry.

    A list entry's path ends with its index: ``("space", "batch_size", "choices", "0")``.
    """

    data: dict[str, Any]
    lines: dict[Path, int]

    def line(self, path: Path) -> int | None:
        """The 1-based line of ``path``, or of the nearest parent that the file does have."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1


def read_source(text: str, what: str = "a study file", depth: int = MAX_DEPTH) -> Source:
    """Read one YAML 1.2 document whose root is a mapping, nested at most ``depth`` levels deep.

    ``what`` it is only appears in messages.

    Raises InputError with the line of whatever is wrong; all repeated keys are reported at once.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise InputError(f"the file is larger than {MAX_BYTES // 1024} KB, which no study needs")
    try:
        reader = _yaml()
        reader.Parser = partial(_Bounded, what, depth)
        root = reader.compose(text)
    except MarkedYAMLError as error:
        raise InputError(_syntax_problem(error)) from None
    except (YAMLError, ValueError) as error:
        raise InputError(f"this is not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(root, MappingNode):
        raise InputError(
            Problem(
                (),
                f"{what} is a mapping of keys to values",
                "It has lines like `name: my-study`.",
                line=1,
            )
        )
    builder = _Builder()
    data = builder.mapping(root, ())
    if builder.problems:
        raise InputError(builder.problems)
    return Source(data=data, lines=builder.lines)


def renamed(text: str, name: str) -> str:
    """The text of a study file, read before, with ``name`` as its name; all else stays, comments included."""
    root = _yaml().compose(text)
    value = next(value for key, value in root.value if key.value == "name")
    first, last = value.start_mark.index, value.end_mark.index
    return f"{text[:first]}{json.dumps(name)}{text[last:]}"


def rewritten(text: str, name: str, without: Collection[str], added: Mapping[str, Any]) -> str:
    """The text of a study file, read before, under another name, without some of its sections and with others.

    What stays keeps its comments; where the whole file is one line in braces, it becomes JSON, which YAML reads.
    """
    root = _yaml().compose(text)
    if root.flow_style:
        data = {**read_source(text).data, "name": name}
        kept = {key: value for key, value in data.items() if key not in without}
        return json.dumps(kept | dict(added), indent=2)
    starts = [key.start_mark.index for key, _ in root.value]
    ends = [*starts[1:], len(text)]
    pieces = [text[: starts[0]]]
    for (key, value), start, end in zip(root.value, starts, ends, strict=True):
        if key.value == "name":
            first, last = value.start_mark.index, value.end_mark.index
            pieces.append(f"{text[start:first]}{json.dumps(name)}{text[last:end]}")
        elif key.value not in without:
            pieces.append(text[start:end])
    more = "".join(f"{key}: {json.dumps(value)}\n" for key, value in added.items())
    return "".join(pieces).rstrip() + "\n" + more


def _yaml() -> YAML:
    return YAML(typ="safe", pure=True)


def _line(node: Node | Event) -> int:
    return int(node.start_mark.line) + 1


class _Bounded(Parser):
    """Refuses what makes a small file enormous, ``what`` in messages, at its first event: before it is built."""

    def __init__(self, what: str, most: int, loader: YAML) -> None:
        super().__init__(loader)
        self._what, self._most, self._depth = what, most, 0

    def get_event(self) -> Event:
        event: Event = super().get_event()
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            raise InputError(
                Problem(
                    (),
                    f"anchors and aliases (&, *) are not read in {self._what}",
                    "Write the value out, or put text that starts with & or * in quotes.",
                    line=_line(event),
                )
            )
        if isinstance(event, CollectionStartEvent):
            self._depth += 1
            if self._depth > self._most:
                raise InputError(
                    Problem((), f"nested more than {self._most} levels deep", line=_line(event))
                )
        elif isinstance(event, CollectionEndEvent):
            self._depth -= 1
        return event


def _syntax_problem(error: MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    reason = str(error.problem or error.context or "not YAML").strip()
    if "\\t" in reason or "'\t'" in reason:
        return Problem((), "a tab", "Indent with spaces.", line=mark.line + 1 if mark else None)
    return Problem(
        (),
        f"this is not YAML: {reason}",
        "Check the indentation, the brackets and the space after each colon.",
        line=mark.line + 1 if mark else None,
    )


class _Builder:
    """Builds plain values from nodes; gathers lines and problems on the way."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []

    def mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode) or _unwritable(str(key_node.value)):
                self.problems.append(
                    Problem(path, "a key must be plain text", line=_line(key_node))
                )
                continue
            key = str(key_node.value)
            if len(key) > MAX_KEY:
                told = f"a key of {len(key):,} characters; at most {MAX_KEY} are read"
                self.problems.append(Problem(path, told, line=_line(key_node)))
                continue
            here = (*path, key)
            if key in built:
                self.problems.append(
                    Problem(
                        here,
                        f"this key is here twice, first in line {self.lines[here]}",
                        "Keep one of them.",
                        line=_line(key_node),
                    )
                )
                continue
            self.lines[here] = _line(key_node)
            built[key] = self.value(value_node, here)
        return built

    def value(self, node: Node, path: Path) -> Any:
        if not isinstance(node, ScalarNode) and node.tag not in _COLLECTION_TAGS:
            self._refuse_tag(node, path)
            return None
        if isinstance(node, MappingNode):
            return self.mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self._entry(child, (*path, str(i))) for i, child in enumerate(node.value)]
        return self._scalar(node, path)

    def _entry(self, node: Node, path: Path) -> Any:
        self.lines[path] = _line(node)
        return self.value(node, path)

    def _refuse_tag(self, node: Node, path: Path) -> None:
        reason = f"the tag {node.tag} is not read"
        self.problems.append(Problem(path, reason, "Remove it.", line=_line(node)))

    def _scalar(self, node: Node, path: Path) -> bool | int | float | str | None:
        tag, text = str(node.tag), str(node.value)
        if tag not in _SCALAR_TAGS:
            self._refuse_tag(node, path)
            return None
        if _unwritable(text):
            self.problems.append(
                Problem(path, "text with control characters", "Remove them.", line=_line(node))
            )
            return None
        try:
            return _plain(tag.removeprefix(_TAG), text)
        except (ValueError, OverflowError):
            self.problems.append(Problem(path, f"not a number: {text[:40]}", line=_line(node)))
            return None


def _unwritable(text: str) -> bool:
    """Whether ``text`` has characters that a database or a terminal refuses."""
    return any(
        unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t"
        for character in text
    )


def _plain(kind: str, text: str) -> bool | int | float | str | None:
    match kind:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return _whole(text.replace("_", ""))
        case "float":
            return _real(text.replace("_", "").lower())
        case _:
            return text


def _whole(text: str) -> int:
    if re.match(r"^[-+]?0[xob]", text, re.IGNORECASE):
        number = int(text, 0)
        str(number)  # raises where it is too long to be told in a message
        return number
    return int(text, 10)


def _real(text: str) -> float:
    """YAML writes the special values ``.inf`` and ``.nan``."""
    return float(re.sub(r"^([-+]?)\.(inf|nan)$", r"\1\2", text))
