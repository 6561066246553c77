"""Documentation that went stale fails here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from caviar.cli.app import app
from caviar.settings import PREFIX, MlflowSettings, Settings
from caviar.space.parsing import CATEGORICAL_KEYS, NUMERIC_KEYS
from caviar.studies.spec import KEYS, load_study

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


def commands(group: click.Group, prefix: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield f"{prefix} {name}", command
            yield from commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


COMMANDS = dict(commands(app, "caviar"))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    """With its arguments as `--help` shows them, and its options."""
    text = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    command = COMMANDS[name]
    words = [
        p.make_metavar(click.Context(command))
        for p in command.params
        if p.param_type_name == "argument"
    ]
    assert f"| `{' '.join([name, *words])}` |" in text
    for option in command.params:
        if isinstance(option, click.Option):
            assert f"`{option.opts[0]}" in text


def test_no_command_is_documented_that_is_not_there() -> None:
    """A renamed command leaves no trace."""
    text = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(caviar [a-z ]+?)(?: [A-Z\[].*)?` \|", text, re.MULTILINE)
    assert set(rows) == set(COMMANDS)


def section(text: str, title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"docs/reference/study-file.md has no section {title!r}"
    return found[1]


KEYS_BY_TITLE = {("Top level" if name == "" else name): keys for name, keys in KEYS.items()} | {
    "space": tuple(dict.fromkeys((*NUMERIC_KEYS, *CATEGORICAL_KEYS)))
}


@pytest.mark.parametrize("title", KEYS_BY_TITLE)
def test_every_key_of_a_study_file_is_documented_in_its_section(title: str) -> None:
    """No more and no less than what is read."""
    text = section((REFERENCE / "study-file.md").read_text(encoding="utf-8"), title)
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", text, re.MULTILINE)
    documented = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    assert documented == set(KEYS_BY_TITLE[title])


def yaml_blocks() -> list[tuple[str, str]]:
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [
        (str(path.relative_to(ROOT)), block)
        for path in paths
        for block in re.findall(
            r"^```yaml\n(name:.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        )
    ]


@pytest.mark.parametrize("place, block", yaml_blocks())
def test_every_study_in_the_documents_can_be_read(place: str, block: str) -> None:
    """What a reader copies works, without a warning."""
    assert load_study(block, place).warnings == ()


def test_every_setting_of_the_service_is_documented() -> None:
    """With its description, word for word."""
    text = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    fields = [*Settings.model_fields.items(), *MlflowSettings.model_fields.items()]
    for name, field in fields:
        row = rf"^\| `{PREFIX}{name.upper()}` \| .* \| {re.escape(str(field.description))} \|$"
        assert re.search(row, text, re.MULTILINE), f"{PREFIX}{name.upper()}: {field.description}"


def test_every_link_in_the_documents_leads_somewhere() -> None:
    """Relative links and pictures."""
    missing = []
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8")):
            if "://" not in target and not (path.parent / target).exists():
                missing.append(f"{path.relative_to(ROOT)}: {target}")
    assert missing == []
