"""The text of a study file from its sections."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

ORDER = ("name", "project", "metric", "trainer", "space", "search", "budget", "stop", "constraints")
TO_FILL_IN = "an example: fill it in"
WIDE = 1_000_000
YAML_1_1 = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null", "~"])
"""Words that some readers take for a truth value: text in quotes is the same for all of them."""


class _Representer(RoundTripRepresenter):
    def represent_float(self, data: float) -> ScalarNode:
        """``1.0e-05``: without the dot, a reader of YAML 1.1 sees text."""
        text = repr(data)
        if "e" in text and "." not in text:
            text = text.replace("e", ".0e")
        return self.represent_scalar("tag:yaml.org,2002:float", text)


_Representer.add_representer(float, _Representer.represent_float)


def write(sections: Mapping[str, Any], to_fill_in: Sequence[str]) -> str:
    """YAML in the order of the reference, one line for each parameter."""
    root = CommentedMap()
    for key in ORDER:
        if key in sections:
            root[key] = _node(sections[key], flow=key != "space")
    for key in to_fill_in:
        root.yaml_add_eol_comment(TO_FILL_IN, key, column=0)
    yaml = YAML()
    yaml.Representer = _Representer
    yaml.width = WIDE
    yaml.allow_unicode = True
    stream = io.StringIO()
    yaml.dump(root, stream)
    return stream.getvalue().rstrip() + "\n"


def _node(value: Any, flow: bool = True) -> Any:
    if isinstance(value, Mapping):
        mapping = CommentedMap((_node(key), _node(inner)) for key, inner in value.items())
        if flow:
            mapping.fa.set_flow_style()
        return mapping
    if isinstance(value, Sequence) and not isinstance(value, str):
        sequence = CommentedSeq(_node(inner) for inner in value)
        sequence.fa.set_flow_style()
        return sequence
    if isinstance(value, str) and value.lower() in YAML_1_1:
        return DoubleQuotedScalarString(value)
    return value
