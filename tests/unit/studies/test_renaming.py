"""A branch's study file is the other one's text under its own name."""

from __future__ import annotations

import pytest

from caviar.studies.source import read_source, renamed

REST = "metric: {name: loss, goal: minimize}  # name: loss\n"


@pytest.mark.parametrize(
    "before, after",
    [
        (f"name: bowl\n{REST}", f'name: "new"\n{REST}'),
        (f"# name: bowl\nname:   bowl   # short\n{REST}", f'# name: bowl\nname:   "new"   # short\n{REST}'),
        (f"{REST}name: 'bowl'\n", f'{REST}name: "new"\n'),
        (f'{REST}"name": bowl', f'{REST}"name": "new"'),
        ("{name: bowl, metric: {name: loss}}", '{name: "new", metric: {name: loss}}'),
        (f"\ufeffname: bowl\n{REST}", f'\ufeffname: "new"\n{REST}'),
        ("name: bowl\r\nproject: p\r\n", 'name: "new"\r\nproject: p\r\n'),
        (f"name:\n  bowl\n{REST}", f'name:\n  "new"\n{REST}'),
        (f"# größer 🙂\nname: bowl\n{REST}", f'# größer 🙂\nname: "new"\n{REST}'),
    ],
)  # fmt: skip
def test_only_the_name_changes(before: str, after: str) -> None:
    """Comments, quotes, line ends and the names of other things stay as they were."""
    assert renamed(before, "new") == after
    assert read_source(after).data == read_source(before).data | {"name": "new"}


@pytest.mark.parametrize("name", ["12", "null", "a: b", 'q"uote', "two\nlines", "# no"])
def test_a_name_is_never_read_as_something_else(name: str) -> None:
    """Whatever a client sends as a name is one YAML string; whether it is a fit name is checked afterwards."""
    text = renamed(f"name: bowl\n{REST}", name)
    assert read_source(text).data["name"] == name
    assert set(read_source(text).data) == {"name", "metric"}
