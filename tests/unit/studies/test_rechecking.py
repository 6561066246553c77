"""The sections ``recheck`` and ``check`` of a study file, and when a check is due."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from caviar.contract.recheck import DataWatch, Policy
from caviar.errors import InputError
from caviar.space import Interval, Kept
from caviar.studies.rechecking import next_due
from caviar.studies.spec import Study, load_study

SEARCH = """name: small
metric: {name: loss, goal: minimize}
trainer: {function: "train:main"}
space:
  lr: {type: float, low: 1.0e-4, high: 1.0, scale: log}
  solver: {type: categorical, choices: [sgd, adam]}
budget: {trials: 10}
"""
CHECK = f"""{SEARCH}mode: check
warm_start: {{points: [{{lr: 0.1, solver: sgd}}, {{lr: 0.2, solver: sgd}}]}}
"""
OF = "check: {of: 1f0c9a2b, number: 3}\n"


def policy(section: str) -> Policy:
    found = load_study(f"{SEARCH}recheck: {section}\n").recheck
    assert found is not None
    return found


def refused(text: str) -> str:
    with pytest.raises(InputError) as raised:
        load_study(text)
    return str(raised.value)


# recheck


def test_a_study_says_when_its_champion_is_checked() -> None:
    """Every key, and what is left out."""
    found = policy(
        "{every: 7 days, data: {file: data/train.csv}, code: true, trials: 12, tolerance: 0.002, "
        "when_moved: promote, model: churn}"
    )
    assert found == Policy(
        every_s=7 * 86_400.0,
        data=DataWatch(file="data/train.csv"),
        code=True,
        trials=12,
        tolerance=0.002,
        when_moved="promote",
        model="churn",
    )
    assert load_study(SEARCH).recheck is None


def test_a_section_may_call_for_nothing() -> None:
    """Checks are for a person to ask for, or for MLflow; what follows is said all the same."""
    assert policy("{when_moved: propose}") == Policy(when_moved="propose")
    assert policy("{}") == Policy()


@pytest.mark.parametrize(
    ("every", "seconds"),
    [
        ("30 minutes", 1_800.0),
        ("1 minute", 60.0),
        ("12 hours", 43_200.0),
        ("1day", 86_400.0),
        ("90", 90.0),
        ("1.5e2", 150.0),
    ],
)
def test_a_length_of_time_is_words_or_seconds(every: str, seconds: float) -> None:
    """As people write it."""
    assert policy(f"{{every: {every}}}").every_s == seconds


@pytest.mark.parametrize(
    ("data", "watch"),
    [
        ("2026-11", DataWatch(version="2026-11")),
        ("20261101", DataWatch(version="20261101")),
        ("{dataset: churn, experiment: f}", DataWatch(dataset="churn", experiment="f")),
    ],
)
def test_the_version_of_the_data_is_told_or_read(data: str, watch: DataWatch) -> None:
    """A date is text: nobody reads a day out of it."""
    assert policy(f"{{data: {data}}}").data == watch


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("{every: 59}", "outside 60 seconds to 366 days"),
        ("{every: 367 days}", "outside 60 seconds to 366 days"),
        ("{every: .nan}", "outside 60 seconds to 366 days"),
        ("{every: soon}", "'soon' is no length of time. For instance `every: 7 days`"),
        ("{every: -7 days}", "no length of time"),
        ("{every: true}", "true/false is no length of time"),
        ("{every: 1 day, cron: 0 6 * * MON}", "`every` says already when"),
        ('{cron: "0 6 * *"}', "five fields belong here"),
        ('{cron: "0 0 6 * * MON"}', "five fields belong here"),
        ('{cron: "@daily"}', "five fields belong here"),
        ('{cron: "0 25 * * *"}', "the hour is no part of a cron expression"),
        ('{cron: "0 6 * * FOO"}', "the day of week is no part"),
        ('{cron: "0 6 30 2 *"}', "the day of month is no part"),
        ('{cron: "0 6 */31 2 MON#5"}', "there is no such time in 50 years"),
        ('{cron: "0 ６ * * *"}', "this is no cron expression"),
        (f'{{cron: "{",".join(["1"] * 60)} * * * *"}}', "this is no cron expression"),
        ("{cron: 5}", "text belongs here, not a number"),
        ("{data: {file: /etc/passwd}}", "no file inside the study's folder"),
        ("{data: {file: a/../../b}}", "no file inside the study's folder"),
        ("{data: {file: .}}", "no file inside the study's folder"),
        ('{data: {file: "..\\\\b"}}', "no file inside the study's folder"),
        ("{data: {file: a, dataset: b}}", "`file` says already"),
        ("{data: {dataset: b}}", "recheck.data.experiment: this is missing"),
        ("{data: {path: b}}", "there is no such key"),
        ("{data: {}}", "this section is empty"),
        ("{data: true}", "a mapping belongs here, not true/false"),
        ('{data: ""}', "a version belongs here, not nothing"),
        ('{data: "a\\tb"}', "one line of text"),
        (f"{{data: {'a' * 201}}}", "201 characters; at most 200 are read"),
        ("{code: 1}", "true or false belongs here"),
        ("{trials: 3}", "3 is outside 4 to 1,000"),
        ("{tolerance: -0.1}", "-0.1 is below 0"),
        ("{tolerance: .inf}", "a finite number"),
        ("{when_moved: panic}", "'panic' is not known"),
        ("{model: 5}", "text belongs here"),
        ("{evry: 7 days}", "every"),
        ("weekly", "a mapping belongs here, not text"),
        ("", "a mapping belongs here, not nothing"),
    ],
)
def test_what_cannot_be_is_said_with_its_line(section: str, said: str) -> None:
    """Before anything runs."""
    text = refused(f"{SEARCH}recheck: {section}\n")
    assert said in text
    assert text.startswith("line 8, recheck")


def test_all_that_is_wrong_is_said_at_once() -> None:
    """In one answer."""
    text = refused(f"{SEARCH}recheck:\n  every: soon\n  data: {{file: /a}}\n  trials: 1\n")
    assert [line.split(":")[0] for line in text.splitlines()] == [
        "line 9, recheck.every",
        "line 10, recheck.data.file",
        "line 11, recheck.trials",
    ]


@pytest.mark.parametrize("text", [CHECK + OF, SEARCH + "mode: panda\n"])
def test_only_the_champion_of_a_search_is_checked(text: str) -> None:
    """One model has none, and a check is not checked."""
    assert "the champion of a search is checked" in refused(text + "recheck: {every: 7 days}\n")


def test_another_recheck_is_the_same_study() -> None:
    """Whoever submits it again goes on with it."""
    found = [load_study(SEARCH + more).fingerprint for more in ("", "recheck: {code: true}\n")]
    assert len(set(found)) == 1


# When it is due


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("given", "after", "then"),
    [
        ({"every_s": 60.0}, "2026-12-01T06:00:00.5", "2026-12-01T06:01:00.5"),
        ({"cron": "0 6 * * MON"}, "2026-12-01T11:00:00", "2026-12-07T06:00:00"),
        ({"cron": "0 6 * * *"}, "2026-12-01T05:59:59.9", "2026-12-01T06:00:00"),
        ({"cron": "0 6 * * *"}, "2026-12-01T06:00:00", "2026-12-02T06:00:00"),
        ({"cron": "0 6 29 2 *"}, "2026-12-01T06:00:00", "2028-02-29T06:00:00"),
    ],
)
def test_the_next_time_lies_after_the_last(given: dict[str, Any], after: str, then: str) -> None:
    """Strictly, in UTC: what is due is not due again at once."""
    assert next_due(Policy(**given), at(after)) == at(then)


def test_without_a_time_nothing_is_due() -> None:
    """Data and code call for checks when they change."""
    assert next_due(Policy(code=True), 0.0) is None


# check


def check(more: str = OF) -> Study:
    return load_study(CHECK + more)


def test_a_check_is_a_study_of_points_with_a_budget() -> None:
    """No trial of it ends early, and nobody is warned of a space that another study chose."""
    study = check()
    assert study.check is not None
    assert (study.check.of, study.check.number, study.check.noise) == ("1f0c9a2b", 3, None)
    assert (study.planned_trials, study.stopping.rule, study.warnings) == (10, "none", ())
    assert [dict(point) for point in study.warm_start.points] == [
        {"lr": 0.1, "solver": "sgd"},
        {"lr": 0.2, "solver": "sgd"},
    ]


def test_a_check_knows_the_noise_and_the_last_box() -> None:
    """The box is on the unit scale, as a round of the ledger has it."""
    box = "{lr: [0.25, 0.75], solver: {choices: [sgd]}}"
    terms = check(
        f"check: {{of: a, number: 1, noise: 0.1, freedom: 4, tolerance: 0.5, box: {box}}}\n"
    ).check
    assert terms is not None
    assert (terms.noise, terms.freedom, terms.tolerance) == (0.1, 4, 0.5)
    assert terms.box is not None
    assert terms.box.sides == (Interval(0.25, 0.75), Kept(("sgd",)))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", "check: this section is missing"),
        ("check: {number: 1}\n", "check.of: this is missing"),
        ("check: {of: a, number: 0}\n", "0 is outside 1 to"),
        ("check: {of: a, number: 1, noise: -1}\n", "-1 is below 0"),
        ("check: {of: a, number: 1, freedom: 0.5}\n", "a whole number belongs here"),
        ("check: {of: a, number: 1, box: {lr: [0.1, 0.2]}}\n", "check.box: the sides do not fit"),
        (
            "check: {of: a, number: 1, box: {lr: [2, 1], solver: {choices: [sgd]}}}\n",
            "check.box.lr",
        ),
        ("check: {of: a, number: 1, box: {lr: [[]], solver: {choices: [[1]]}}}\n", "check.box.lr"),
        ("check: {of: a, number: 1, box: {lr: [0, 1], solver: {choices: [[1]]}}}\n", "box.solver"),
        ("check: {of: a, number: 1, box: 3}\n", "a mapping belongs here"),
        (f"{OF}confirm: 1\n", "confirm: a check trains the points"),
        (f"{OF}nurse: {{parameter: lr, steps: 90}}\n", "nurse: a check trains the points"),
    ],
)
def test_a_check_that_cannot_be_is_refused(more: str, said: str) -> None:
    """Whoever wrote it."""
    assert said in refused(CHECK + more)


def test_a_check_compares_two_points_or_more() -> None:
    """With one there is nothing to say."""
    one = CHECK.replace(", {lr: 0.2, solver: sgd}", "")
    assert "two points or more" in refused(one + OF)


def test_what_a_check_is_about_is_for_checks() -> None:
    """Elsewhere it would be read by nobody."""
    assert "`mode: check` is about" in refused(SEARCH + OF)
