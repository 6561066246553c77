"""`caviar export --html` and `--figures`: a report that can be mailed, and files for a paper."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from caviar.cli import main
from caviar.cli.report import best_trials
from caviar.cli.views.page import TRIALS, Report, in_words, page
from caviar.contract.views import Confirmed, Note, RoundView, StudyFile, TrialView
from tests.support import studies_made_up
from tests.support.large_study import make_large_study
from tests.support.real_api import TOKEN, serving

HOSTILE = "</title><script>alert('$x & \"y\"')</script>"

Printed = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A study whose trials all fit, one with more, one that has just begun."""
    with serving(tmp_path_factory.mktemp("service")) as service:
        make_large_study(service.store, 90, 5, name="tidy")
        make_large_study(service.store, 400, 8, name="large")
        service.submit("new")
        yield service.url


@pytest.fixture(autouse=True)
def served(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CAVIAR_URL", address)
    monkeypatch.setenv("CAVIAR_TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path)


class Read(HTMLParser):
    """The tags of a page, what they refer to, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "action", "data", "srcset", "poster"):
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")
            assert not name.startswith("on")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_one_file_holds_all_of_it(capsys: Printed) -> None:
    """How it went, the best, every figure, why each round is where it is, the trials, the study file, the versions."""
    assert main(["export", "tidy", "--html", "out.html"]) == 0
    assert "a report in out.html" in capsys.readouterr().out
    read = Read(Path("out.html").read_text(encoding="utf-8"))
    said = " ".join(read.text)
    assert "The study looked for val_accuracy as high as possible" in said
    assert "learning_rate" in said
    for heading in ("Figures", "The zoom, round by round", "What mattered", "Trials", "large.yaml"):
        assert heading in said
    assert read.tags.count("img") == 6
    assert re.search(r"Caviar: \S+ \(service\), \S+ \(this report\)", said)
    assert "budget: {trials: 90}" in said


def test_it_needs_no_script_and_no_other_address() -> None:
    """It can be mailed, and opened years later; the pictures are in it, each apart from the others."""
    assert main(["export", "tidy", "--html", "out.html"]) == 0
    text = Path("out.html").read_text(encoding="utf-8")
    read = Read(text)
    assert "script" not in read.tags
    assert all(link.startswith("data:image/svg+xml;base64,") for link in read.links)
    assert "http://" not in text
    assert "https://" not in text
    assert len(read.ids) == len(set(read.ids))
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_without_a_name_it_has_that_of_the_study(capsys: Printed) -> None:
    """Beside other files, in one command; a file of an earlier time is replaced."""
    Path("new.html").write_text("old")
    assert main(["export", "new", "--csv", "t.csv", "--html", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == ["t.csv", "new.html"]
    text = Path("new.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "There is no best trial: no result." in text
    assert [file.name for file in Path().iterdir() if "part" in file.name] == []


def test_of_many_trials_the_best_are_listed() -> None:
    """And that they are not all."""
    assert main(["export", "large", "--html", "out.html"]) == 0
    text = Path("out.html").read_text(encoding="utf-8")
    assert "The best 200 of 400 trials." in text


def test_figures_go_into_a_folder(capsys: Printed) -> None:
    """An SVG and a PNG of each that shows something; again into the same folder, too."""
    for _ in range(2):
        assert main(["export", "tidy", "--figures", "paper"]) == 0
    assert "12 figure files in paper" in capsys.readouterr().out
    names = {file.name for file in Path("paper").iterdir()}
    assert {"zoom.svg", "zoom.png", "importance.svg", "parallel.png"} <= names
    assert len(names) == 12


@pytest.mark.parametrize("option", ["--html", "--figures"])
def test_a_place_where_nothing_can_be_written_is_told(option: str, capsys: Printed) -> None:
    """Before anybody believes that it is there."""
    Path("file").write_text("")
    assert main(["export", "new", option, "file/there"]) == 2
    assert "it cannot be" in capsys.readouterr().err


def test_nothing_that_people_wrote_is_markup() -> None:
    """Names, parameters, errors, reasons, notes, the study file: all of it is text."""
    study = studies_made_up.digits_study().model_copy(
        update={
            "name": HOSTILE,
            "metric": HOSTILE,
            "reason": HOSTILE,
            "warnings": [HOSTILE],
            "notes": [Note(text=HOSTILE, warning=True)],
            "constraints": [HOSTILE],
        }
    )
    trial = studies_made_up.trial(1, error=HOSTILE, params={"solver": HOSTILE})
    round_ = RoundView(round=0, box={}, reason=HOSTILE, kind=HOSTILE)
    file = StudyFile(name=HOSTILE, text=HOSTILE)
    report = Report(study, [round_], [trial], 1, "", file, HOSTILE)
    text = page(report, 0.0)
    read = Read(text)
    assert "script" not in read.tags
    assert read.tags.count("title") == 1
    assert "".join(read.text).count(HOSTILE) >= 9


def test_the_words_say_what_new_seeds_say() -> None:
    """The run that made a trial the leader is named, and is not the result."""
    study = studies_made_up.digits_study()
    assert study.best is not None
    confirmed = Confirmed(runs=3, mean=0.95, low=0.94, high=0.96)
    best = study.best.model_copy(update={"value": 0.97, "confirmed": None})
    alone = in_words(study.model_copy(update={"best": best}))
    assert f"The best val_accuracy is 0.97, of trial {best.trial}." in alone
    best = best.model_copy(update={"confirmed": confirmed})
    said = in_words(study.model_copy(update={"best": best}))
    assert "on 3 new seeds, its val_accuracy is 0.95 (95%: 0.94 … 0.96)" in said
    assert "the run that made it the leader had 0.97" in said


def test_the_best_come_first() -> None:
    """A whole training within the bounds before all others, then by value; few trials stay in their order."""

    def trials(count: int) -> list[TrialView]:
        stopped = studies_made_up.trial(0, state="stopped", value=9.0)
        beyond = studies_made_up.trial(1, value=8.0, violation=1.0)
        usual = [studies_made_up.trial(n, value=n / 1000) for n in range(2, count)]
        return [stopped, beyond, *usual]

    study = studies_made_up.digits_study()
    few, of = best_trials(study, trials(TRIALS))
    assert ([trial.number for trial in few], of) == (list(range(TRIALS)), TRIALS)
    study = study.model_copy(update={"goal": "maximize"})
    best, of = best_trials(study, trials(500))
    assert of == 500
    assert [trial.number for trial in best] == list(range(499, 299, -1))
