"""The scripts of a benchmark are run by path: their folder is where they find each other."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "benchmarks" / "search"


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder, importable for the length of a test."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield FOLDER
    for path in FOLDER.glob("*.py"):
        sys.modules.pop(path.stem, None)
