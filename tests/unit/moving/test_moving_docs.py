"""The examples of docs/how-to/moving-in.md are what really comes in and out."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest
from hyperopt import hp

from caviar.moving.importing import READERS, guessed
from caviar.moving.reading import read_data
from caviar.studies.spec import load_study

TEXT = (Path(__file__).parents[3] / "docs" / "how-to" / "moving-in.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_the_sweep_becomes_the_study_that_is_shown() -> None:
    """To the letter."""
    sweep, study = blocks("yaml")
    assert READERS["wandb"](read_data(sweep, "a sweep"), "sweep").text == study


@pytest.mark.parametrize("block", blocks("json"))
def test_every_file_that_is_shown_is_known_by_its_keys_and_can_be_read(block: str) -> None:
    """A reader can start from it."""
    source = read_data(block, "a file")
    kind = guessed(json.loads(block))
    assert kind in READERS
    assert load_study(READERS[kind](source, "s").text)


def test_the_space_of_hyperopt_that_is_shown_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a program of its owner."""
    monkeypatch.chdir(tmp_path)
    (code,) = (block for block in blocks("python") if "hp." in block)
    exec(code, {"math": math, "hp": hp, "Path": Path})
    assert "svm, tree" in capsys.readouterr().out
    assert load_study((tmp_path / "study.yaml").read_text())
