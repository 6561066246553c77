"""The Compose files as they are written, with anchors and overlays resolved as Compose does, as far as these use it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

ROOT = Path(__file__).parents[2]
BASE = ROOT / "docker-compose.yml"
OVERLAYS = sorted(ROOT.glob("deploy/compose.*.yml"))
WORKER = "compose.worker.yml"
"""It stands by itself."""
OF_WORKERS = frozenset({"compose.ca.yml"})
"""Overlays of that one."""


class Override(list[Any]):
    """A list that takes the place of the one below."""


class _Constructor(SafeConstructor):
    pass


def _override(constructor: SafeConstructor, node: Node) -> Override:
    assert isinstance(node, SequenceNode)
    return Override(constructor.construct_sequence(node, deep=True))


def _reset(constructor: SafeConstructor, node: Node) -> dict[str, Any]:
    assert isinstance(node, MappingNode)
    return {}


_Constructor.add_constructor("!override", _override)
_Constructor.add_constructor("!reset", _reset)


def read(path: Path) -> dict[str, Any]:
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    content: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"))
    return {key: value for key, value in content.items() if not key.startswith("x-")}


def merged(below: Any, above: Any) -> Any:
    """``above`` laid over ``below``: mappings by key, lists one after the other."""
    if isinstance(above, Override):
        return list(above)
    if isinstance(below, dict) and isinstance(above, dict):
        keys = {**below, **above}
        return {
            key: merged(below[key], above[key]) if key in below and key in above else keys[key]
            for key in keys
        }
    if isinstance(below, list) and isinstance(above, list):
        return [*below, *(entry for entry in above if entry not in below)]
    return above


def deployment(*overlays: Path) -> dict[str, Any]:
    """``docker-compose.yml`` with ``overlays``; where ``compose.worker.yml`` is the first of them, that one alone."""
    found = read(BASE)
    if overlays and overlays[0].name == WORKER:
        found, overlays = _extended(read(overlays[0])), overlays[1:]
    for overlay in overlays:
        found = merged(found, read(overlay))
    return found


def _extended(content: dict[str, Any]) -> dict[str, Any]:
    for name, service in content["services"].items():
        extends = service.pop("extends", None)
        if extends is not None:
            base = read((ROOT / "deploy" / extends["file"]).resolve())["services"]
            below = {
                key: value for key, value in base[extends["service"]].items() if key != "depends_on"
            }
            content["services"][name] = merged(below, service)
    return content
