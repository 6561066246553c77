"""Files may come from anybody: what is too large, too deep, executable or ambiguous is refused, never guessed."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from caviar.errors import InputError
from caviar.moving.importing import READERS, guessed, read_moved
from caviar.moving.reading import read_data
from caviar.moving.wandb import from_wandb
from caviar.studies.source import MAX_BYTES, Source
from tests.support.moved import WHOLE, study_of

SWEEP = "method: random\nparameters: {x: {min: 0.0, max: 1.0}}\n"


def refused(file: Path, content: str | bytes, kind: str | None = None) -> str:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError) as raised:
        read_moved(str(file), kind)
    return str(raised.value)


def test_what_is_no_plain_data_is_refused(tmp_path: Path) -> None:
    """Bombs, tags, depth, size and bytes; each with the reason."""
    file = tmp_path / "sweep.yaml"
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\nmethod: random\nparameters: {x: {values: *b}}"
    assert "anchors and aliases" in refused(file, bomb)
    assert "the tag" in refused(file, "method: !!python/object/apply:os.system [ls]")
    assert "nested more than 48 levels deep" in refused(file, "{a: " * 60 + "1" + "}" * 60)
    assert "nested more than" in refused(file, '{"a": ' + "[" * 5000 + "]" * 5000 + "}")
    assert "larger than" in refused(file, "#" * (MAX_BYTES + 1))
    assert "not UTF-8" in refused(file, b"\xff\xfe\x00")
    assert "mapping of keys" in refused(file, "[1, 2]")
    assert "here twice" in refused(file, '{"method": "random", "method": "grid"}')
    assert "control characters" in refused(file, '{"method": "ran\\u0000dom"}')


def test_a_file_that_does_not_show_its_tool_names_the_way_out(tmp_path: Path) -> None:
    """So does a place where nothing is."""
    assert "Say it with --from" in refused(tmp_path / "a.yaml", "a: 1\n")
    with pytest.raises(InputError, match="there is no such file"):
        read_moved(str(tmp_path / "none.yaml"), None)
    with pytest.raises(InputError, match="cannot be read"):
        read_moved(str(tmp_path), "wandb")


def test_python_is_never_executed(tmp_path: Path) -> None:
    """The reader is called by the program that has the space."""
    file = tmp_path / "space_of_mine.py"
    code = f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\nspace = {{}}\n"
    assert "from_ray(space)` or" in refused(file, code)
    assert "`caviar.moving.from_ray(space)`" in refused(file, code, "ray")
    assert "`caviar.moving.from_hyperopt(space)`" in refused(file, code, "hyperopt")
    assert not (tmp_path / "ran").exists()
    assert "space_of_mine" not in sys.modules


def test_addresses_of_other_databases_are_refused_without_their_password() -> None:
    """They are not opened either."""
    with pytest.raises(InputError) as raised:
        read_moved("postgresql://me:hush@db/optuna", "optuna")  # pragma: allowlist secret
    assert "only a SQLite storage" in str(raised.value)
    assert "hush" not in str(raised.value)


def test_a_name_of_a_study_belongs_to_a_storage(tmp_path: Path) -> None:
    """A file has one."""
    file = tmp_path / "sweep.yaml"
    file.write_text(SWEEP)
    with pytest.raises(InputError, match="belongs to a storage of Optuna"):
        read_moved(str(file), None, "mine")
    assert study_of(read_moved(str(file), None)).name == "sweep"


def test_more_parameters_than_a_space_has_are_refused() -> None:
    """The limit of a study file, told as such."""
    parameters = {f"p{i}": {"min": 0.0, "max": 1.0} for i in range(65)}
    sweep = json.dumps({"method": "random", "parameters": parameters})
    with pytest.raises(InputError, match="65 parameters; a space has at most 64"):
        from_wandb(read_data(sweep, "a sweep"), "s")


def test_json_is_read_as_it_is_written() -> None:
    """Indented with tabs, with characters beyond the first plane, with backslashes."""
    data = {"a": "😀 \\u \\\\ x/y\t", "b": [1e5, 1.5e-7, True, None], "c": {}}
    for indent in ("\t", None, 2):
        assert read_data(json.dumps(data, indent=indent), "x").data == data


NASTY = (None, -1, 1e308, "{lr}", "nan", [[1, [2]]], {"a": {"b": 1}})


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value in a file."""
    if path:
        yield path
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


@pytest.mark.parametrize("kind", sorted(WHOLE))
def test_nothing_at_any_place_of_a_file_is_an_error_of_another_kind(kind: str) -> None:
    """Refused with the reason, or a study: it was loaded before it is handed out."""
    studies = 0
    for path in places(WHOLE[kind]):
        for nasty in NASTY:
            broken = copy.deepcopy(WHOLE[kind])
            inside = broken
            for key in path[:-1]:
                inside = inside[key]
            inside[path[-1]] = nasty
            with suppress(InputError):
                READERS[kind](Source(broken, {}), "s")
                studies += 1
    assert studies, "some of them are harmless"


@pytest.mark.parametrize(
    "data, expected",
    [
        ({"method": "random", "parameters": {}}, "wandb"),
        ({"HyperParameterTuningJobConfig": {}}, "sagemaker"),
        ({"ContinuousParameterRanges": []}, "sagemaker"),
        ({"studySpec": {}}, "vizier"),
        ({"study_config": {}}, "vizier"),
        ({"parameters": [], "metrics": []}, "vizier"),
        ({"x": '{"name": "FloatDistribution", "attributes": {}}'}, "optuna"),
        ({"x": {"name": "FloatDistribution", "attributes": {}}}, "optuna"),
        ({"parameters": {}}, None),
        ({}, None),
    ],
)
def test_the_tool_is_seen_from_the_keys(data: dict[str, object], expected: str | None) -> None:
    """Only where they leave no doubt."""
    assert guessed(data) == expected
