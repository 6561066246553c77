"""Does the trainer exist? Answered without running anybody's code."""

from __future__ import annotations

from pathlib import Path

import pytest

from caviar.contract.messages import Trainer
from caviar.studies.trainer_check import check_trainer

SOURCE = """
raise SystemExit("imported")
def train(trial): ...
def _helper(): ...
if True:
    def under_if(trial): ...
try:
    from fast import quick
except ImportError:
    quick = train
async_made = partial(train)
class Model:
    def fit(self): ...
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "digits.py").write_text(SOURCE)
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "inner.py").write_text("def train(trial): ...")
    return tmp_path


@pytest.mark.parametrize(
    "function",
    [
        *("digits:train", "digits:under_if", "digits:quick", "digits:async_made", "digits:Model"),
        *("package.inner:train", "json:dumps", "numpy.linalg:norm"),
    ],
)
def test_what_exists_passes_without_being_imported(function: str, folder: Path) -> None:
    """The module would end the process if it were imported."""
    assert check_trainer(Trainer(function=function), folder) is None


@pytest.mark.parametrize(
    "function, reason, way_out",
    [
        ("digits:trian", "digits.py has no 'trian'", 'Did you mean "digits:train"?'),
        ("digits:fit", "digits.py has no 'fit'", 'Did you mean "digits:train"?'),
        ("digit:train", "no module 'digit'", 'Did you mean "digits:train"?'),
        ("nowhere:x", "no module 'nowhere'", "The folder has digits."),
        ("json:lodas", "json has no 'lodas'", 'Did you mean "json:loads"?'),
        ("package.other:train", "no module 'package.other'", "digits"),
    ],
)
def test_what_is_missing_is_named_with_a_suggestion(
    function: str, reason: str, way_out: str, folder: Path
) -> None:
    """The module or the name, and what was probably meant."""
    problem = check_trainer(Trainer(function=function), folder)
    assert problem is not None
    assert problem.path == ("trainer", "function")
    assert reason in problem.reason
    assert way_out in problem.way_out


def test_a_syntax_error_is_told_with_its_line(tmp_path: Path) -> None:
    """It would fail every trial."""
    (tmp_path / "broken.py").write_text("x = 1\ndef train(:\n")
    problem = check_trainer(Trainer(function="broken:train"), tmp_path)
    assert problem is not None
    assert "broken.py, line 2" in problem.reason


def test_a_name_that_only_an_import_can_find_is_left_to_the_import(tmp_path: Path) -> None:
    """`import *` may bring it."""
    (tmp_path / "stars.py").write_text("from digits import *")
    assert check_trainer(Trainer(function="stars:train"), tmp_path) is None


def test_a_command_is_not_looked_at(tmp_path: Path) -> None:
    """Whether a program exists is a matter of the worker's machine."""
    assert check_trainer(Trainer(command=("nothing",)), tmp_path) is None
