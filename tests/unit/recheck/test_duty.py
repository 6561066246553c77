"""What becomes of champions without a person: on a real store and scheduler, with a clock that the test holds."""

from __future__ import annotations

import os
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from caviar.adapters.sql import Rechecks
from caviar.adapters.sql.rechecks import start_retuning
from caviar.contract.recheck import DataWatch, Policy, RecheckRequest
from caviar.contract.views import NewTrial, Submission
from caviar.recheck import Checks
from caviar.recheck.duty import AGAIN_S, VERSIONS_S, Duty
from caviar.scheduler import rechecking
from caviar.search.checking import points_to_check
from caviar.studies.spec import load_study
from tests.support.town import HOUR_S, STUDY, Town

WATCHED = "data: {file: data.csv}"
VERSION_LOOK = VERSIONS_S + 1


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def test_a_study_that_ends_has_a_champion(town: Town) -> None:
    """Its best point by new seeds, with the interval and the data that it was chosen on; once."""
    study = town.begin(WATCHED)
    town.look()
    [champion] = town.champions(study)
    assert champion.state == "champion"
    assert champion.params["x"] == pytest.approx(town.optimum, abs=0.05)
    assert champion.low is not None
    assert champion.runs == 3
    assert champion.data_version is not None
    assert champion.data_version.startswith("sha256:")


def test_a_champion_has_the_run_that_arrives_in_mlflow_after_it(town: Town) -> None:
    """A study may have ended before its trainings were shipped: until then a run holds no model."""
    study = town.begin()
    [champion] = town.champions(study)
    [trial] = [row for row in town.store.trials(study) if row.number == champion.trial]
    town.store.settle_run(trial.id, "run-1")
    town.look(VERSION_LOOK)
    assert town.champions(study)[0].run_id is None
    town.store.shipped({trial.id: "run-1"})
    town.look(VERSION_LOOK)
    assert town.champions(study)[0].run_id == "run-1"


def test_a_check_that_is_due_runs_as_a_study_and_says_whether_it_holds(town: Town) -> None:
    """Nothing changed: the champion holds, for a tenth of the study's trainings."""
    study = town.begin("every: 1 hour")
    town.look(HOUR_S)
    town.settle()
    [check] = town.checks(study)
    assert (check.causes, town.words(study)) == (["schedule"], ["holds"])
    [opened] = town.opened(study)
    assert opened.id == check.check_study
    assert 2 <= len(town.store.trials(opened.id)) <= 6
    assert opened.reason.startswith("holds: ")
    seen = town.store.rechecks.find(study)
    assert seen is not None
    assert seen.next_due is not None
    assert seen.next_due > town.day


def test_what_came_due_while_the_service_was_down_is_checked_once(town: Town) -> None:
    """Five due times passed: one check, and the next one an hour from now."""
    study = town.begin("every: 1 hour")
    town.day += 5.5 * HOUR_S
    town.restart()
    town.settle()
    assert town.words(study) == ["holds"]
    seen = town.store.rechecks.find(study)
    assert seen is not None
    assert seen.next_due == pytest.approx(town.day + HOUR_S, abs=60)


def test_two_causes_at_once_are_one_check(town: Town) -> None:
    """The time has come and the data has changed: it is one question."""
    study = town.begin(f"every: 1 hour, {WATCHED}")
    town.write("two")
    town.look(HOUR_S - VERSION_LOOK)
    town.look(VERSION_LOOK)
    town.settle()
    [check] = town.checks(study)
    assert sorted(check.causes) == ["data", "schedule"]


def test_two_schedulers_open_one_check(town: Town) -> None:
    """Both look at the same moment; the one that comes second finds it done."""
    study = town.begin("every: 1 hour")
    town.pass_time(HOUR_S)
    first = town.duty
    town.restart()
    duties = [first, town.duty]
    for _ in range(3):
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(Duty.turn, duties))
    assert len(town.checks(study)) == 1
    assert len(town.opened(study)) == 1


def test_data_that_goes_back_and_forth_is_checked_once_each(town: Town) -> None:
    """The champion was chosen on the first version; the second is checked, and neither again."""
    study = town.begin(WATCHED)
    for data in ("two", "one", "two", "one", "two"):
        town.write(data)
        town.look_at_versions()
        town.settle()
    assert town.words(study) == ["holds"]
    town.write("three")
    town.look_at_versions()
    town.settle()
    assert town.words(study) == ["holds", "holds"]


def test_a_study_from_a_repository_is_not_checked_for_the_data_that_it_was_chosen_on(
    town: Town,
) -> None:
    """Its champion knows a commit that nobody watches: what is not known differs from nothing."""
    study = town.begin(WATCHED, code_version="0f" * 20)
    for data in ("two", "one"):
        town.write(data)
        town.look_at_versions()
        town.settle()
    assert town.words(study) == ["holds"]


def test_a_file_that_is_being_written_is_not_a_version(town: Town) -> None:
    """It counts where it is the same twice."""
    study = town.begin(WATCHED)
    for step in range(4):
        town.write("two" + "," * step)
        town.look(VERSION_LOOK)
    assert town.checks(study) == []
    town.look(VERSION_LOOK)
    assert len(town.checks(study)) == 1


def test_two_studies_that_watch_one_file_look_each_for_itself(town: Town) -> None:
    """One look of each in the same moment is not twice the same."""
    studies = [town.begin(WATCHED) for _ in range(2)]
    for step in range(3):
        town.write("two" + "," * step)
        town.look(VERSION_LOOK)
    assert [town.checks(study) for study in studies] == [[], []]


def test_a_file_that_is_not_there_is_told_once(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    """Not every ten seconds of a year; and again after it was there."""
    town.begin(WATCHED)
    for _ in range(2):
        (town.folder / "data.csv").unlink()
        for _ in range(3):
            town.look_at_versions()
        town.write("two")
        town.look_at_versions()
    assert [record.name for record in caplog.records].count("caviar.recheck") == 2


def test_a_pipe_in_place_of_the_file_is_no_data(town: Town) -> None:
    """To read one would wait for good, and with it all checks of all studies."""
    study = town.begin(WATCHED)
    file = town.folder / "data.csv"
    file.unlink()
    os.mkfifo(file)
    watching = threading.Thread(target=town.look_at_versions, daemon=True)
    watching.start()
    watching.join(timeout=20)
    assert not watching.is_alive()
    assert town.checks(study) == []


def test_data_that_changes_under_a_check_is_checked_again(town: Town) -> None:
    """Its trainings do not belong together: it says so, and the new version is checked after it."""
    study = town.begin(WATCHED)
    town.write("two")
    town.look_at_versions()
    answer = town.take(town.machine)
    assert answer is not None
    assert answer.assignment is not None
    town.write("three")
    town.look_at_versions()
    town.end(town.machine, answer.assignment, "done", 0.3)
    town.work()
    town.settle()
    first, second = town.checks(study)
    assert first.verdict is not None
    assert first.verdict["word"] == "inconclusive"
    assert "changed" in first.verdict["reason"]
    assert second.data_version != first.data_version
    assert town.words(study)[1] == "holds"


def test_a_version_that_is_gone_before_its_check_began_is_not_checked(town: Town) -> None:
    """Its trainings would be on other data. What is there now was checked when the champion was chosen."""
    study = town.begin(WATCHED)
    there = town.store.rechecks.find(study)
    assert there is not None
    town.store.rechecks.ask(study, "data", data_version="sha256:gone", again=False)
    town.store.rechecks.see(study, data=there.data_version)
    town.settle()
    assert town.words(study) == ["inconclusive"]
    assert town.opened(study) == []


def test_a_kill_right_after_a_version_was_seen_loses_no_check_and_drops_none(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was seen and the check that it calls for are one write: the next look drops no check of other data."""
    study = town.begin(WATCHED)
    ask = Rechecks.ask

    def killed(*given: Any, **more: Any) -> None:
        ask(*given, **more)
        raise SystemExit

    town.write("two")
    with monkeypatch.context() as patch:
        patch.setattr(Rechecks, "ask", killed)
        with pytest.raises(SystemExit):
            town.look_at_versions()
    town.restart()
    town.settle()
    town.look_at_versions()
    town.settle()
    assert town.words(study) == ["holds"]


def test_what_moved_is_told_and_nothing_else_happens(town: Town) -> None:
    """Unless the file says that a study opens by itself."""
    study = town.begin("every: 1 hour")
    town.optimum = 0.7
    town.look(HOUR_S)
    town.settle()
    [check] = town.checks(study)
    assert check.verdict is not None
    assert check.verdict["word"] == "moved"
    assert check.verdict["effect"] > check.verdict["low"] > 0
    assert check.verdict["drifts"][0]["parameter"] == "x"
    assert [row.state for row in town.champions(study)] == ["champion"]
    assert len(town.opened(study)) == 1


def test_what_moved_is_tuned_again_and_proposed(town: Town) -> None:
    """In half of the trials, from where the last study ended; a person decides."""
    study = town.begin("every: 1 hour, when_moved: propose")
    town.optimum = 0.7
    town.look(HOUR_S)
    town.settle()
    old, new = town.champions(study)
    assert (old.state, new.state) == ("champion", "proposed")
    assert new.params["x"] == pytest.approx(0.7, abs=0.15)
    [check] = town.checks(study)
    assert check.retuning == "over"
    assert new.found_in == check.retuned
    record = town.store.study(check.retuned or "")
    assert record is not None
    assert "budget: {trials: 30}" in record.source or '"trials": 30' in record.source
    assert "recheck" not in record.source


def test_the_policy_may_promote_by_itself(town: Town) -> None:
    study = town.begin("every: 1 hour, when_moved: promote")
    town.optimum = 0.7
    town.look(HOUR_S)
    town.settle()
    old, new = town.champions(study)
    assert (old.state, new.state) == ("former", "champion")
    assert old.decided == old.created, "when it became champion, not when it no longer was"
    town.look(HOUR_S)
    assert town.checks(study)[-1].champion == 2, "the next check is about the new one"


def test_what_was_stopped_while_it_tuned_again_is_not_promoted_by_itself(town: Town) -> None:
    """Its best may never have met the old champion: it is proposed, a person decides."""
    study = town.begin("every: 1 hour, when_moved: promote")
    town.optimum = 0.7
    town.look(HOUR_S)
    town.work()
    town.look()
    town.duty.turn()
    retuned = town.checks(study)[0].retuned
    assert retuned is not None
    answer = town.take(town.machine)
    while answer is not None and answer.assignment is None:
        answer = town.take(town.machine)
    assert answer is not None
    assert answer.assignment is not None
    second = town.take(town.machine)
    assert second is not None
    assert second.assignment is not None
    town.end(town.machine, second.assignment, "done", town.loss(second.assignment))
    town.scheduler.stop(retuned)
    town.look()
    assert [row.state for row in town.champions(study)] == ["champion", "proposed"]


def test_whom_a_person_promotes_meanwhile_is_not_replaced_by_itself(town: Town) -> None:
    """What tuned again was for the champion before: its result is proposed."""
    study = town.begin("every: 1 hour, when_moved: promote")
    town.optimum = 0.7
    town.look(HOUR_S)
    town.work()
    town.look()
    assert town.checks(study)[0].retuning == "open"
    chosen(town, study)
    town.settle()
    states = [row.state for row in town.champions(study)]
    assert states == ["former", "champion", "proposed"]


def test_a_verdict_on_a_former_champion_tunes_nothing_again(town: Town) -> None:
    """A person promoted another in the middle of the check: whether that one holds was not asked."""
    study = town.begin("every: 1 hour, when_moved: propose")
    town.optimum = 0.7
    town.look(HOUR_S)
    chosen(town, study)
    town.settle()
    assert town.words(study)[0] == "moved"
    assert town.checks(study)[0].retuning is None


def chosen(town: Town, study: str) -> None:
    """A person promotes another trial of the study."""
    first = town.champions(study)[0]
    trial = next(row for row in town.store.trials(study) if row.number != first.trial)
    made = town.store.rechecks.propose(
        study,
        trial.params,
        study,
        trial.number,
        run_id=None,
        value=trial.value,
        low=None,
        high=None,
        runs=1,
        data_version=None,
        code_version=None,
        why="",
        by="ann",
        check_number=None,
    )
    assert made is not None
    assert town.store.rechecks.promote(study, made.number, "ann", "it holds in the shadow run")


def test_what_waits_to_tune_again_does_not_once_the_policy_says_so(town: Town) -> None:
    """Beyond its quota it waited; meanwhile a person turned it off."""
    study = town.begin("every: 1 hour, when_moved: propose")
    record = town.store.study(study)
    assert record is not None
    town.optimum = 0.7
    town.look(HOUR_S)
    town.work()
    town.team("default", trials=1)
    town.look()
    assert town.checks(study)[0].retuning == "wanted"
    Checks(town.store, clock=lambda: town.day).set_policy(record, None)
    town.team("default")
    town.look(AGAIN_S + 1)
    assert town.checks(study)[0].retuning == "over"
    assert len(town.opened(study)) == 1


def test_tuning_again_stays_within_half_of_the_hours(town: Town) -> None:
    """A study that may take two hours of its slots is not tuned again without any limit."""
    study = town.begin("every: 1 hour, when_moved: propose", budget="trials: 60, slot_hours: 2")
    town.optimum = 0.7
    town.look(HOUR_S)
    town.settle()
    record = town.store.study(town.checks(study)[0].retuned or "")
    assert record is not None
    again = load_study(record.source, record.filename).budget
    assert (again.trials, again.slot_hours) == (30, 1.0)


def test_whatever_moment_the_service_is_killed_in_each_thing_happens_once(town: Town) -> None:
    """A new scheduler and duty after every look: the same check, the same study, the same proposal."""
    study = town.begin("every: 1 hour, when_moved: promote")
    town.optimum = 0.7
    town.pass_time(HOUR_S)
    for _ in range(200):
        town.restart()
        town.duty.turn()
        answer = town.take(town.machine)
        if answer is not None and answer.assignment is not None:
            town.end(town.machine, answer.assignment, "done", town.loss(answer.assignment))
    assert town.words(study) == ["moved"]
    assert [row.state for row in town.champions(study)] == ["former", "champion"]
    assert len(town.opened(study)) == 2


def test_beyond_its_quota_a_check_waits_and_says_why(town: Town) -> None:
    """It is the team's own study; nothing is lost while it waits."""
    study = town.begin("every: 1 hour")
    town.team("default", trials=1)
    town.look(HOUR_S)
    [check] = town.checks(study)
    assert check.state == "due"
    assert "trials" in check.waits
    town.team("default")
    town.look(AGAIN_S + 1)
    town.settle()
    assert town.words(study) == ["holds"]


def test_a_check_that_somebody_stops_says_nothing(town: Town) -> None:
    """Neither holds nor moved; the next one is asked for as before."""
    study = town.begin("every: 1 hour")
    town.look(HOUR_S)
    [opened] = town.opened(study)
    town.scheduler.stop(opened.id)
    town.settle()
    [check] = town.checks(study)
    assert check.verdict is not None
    assert (check.verdict["word"], check.state) == ("inconclusive", "ended")
    assert "cut short" in check.verdict["reason"]


def test_a_training_that_a_person_adds_to_a_check_is_part_of_its_budget(town: Town) -> None:
    """Numbers beyond the budget could not be read back from MLflow."""
    study = town.begin("every: 1 hour")
    town.look(HOUR_S)
    [opened] = town.opened(study)
    for seed in range(4):
        town.scheduler.add(opened.id, NewTrial(params={"x": 0.9}, seed=seed))
    town.settle()
    trials = town.store.trials(opened.id)
    assert max(row.number for row in trials) < load_study(opened.source).budget.trials
    assert len(town.words(study)) == 1


def test_a_person_asks_without_any_policy(town: Town) -> None:
    """Asked twice while it runs, it is one check; afterwards another one."""
    study = town.begin()
    record = town.store.study(study)
    assert record is not None
    checks = Checks(town.store, clock=lambda: town.day)
    first = checks.ask(record, RecheckRequest(why="new labels"), "ann", "default")
    again = checks.ask(record, RecheckRequest(), "bob", "default")
    assert first.number == again.number
    town.settle()
    later = checks.ask(record, RecheckRequest(), "bob", "default")
    assert later.number == 2
    view = checks.view(record)
    assert view.checks[0].verdict is not None
    assert view.checks[0].by == "ann"


def test_a_champion_that_came_back_with_another_teams_study_is_not_followed(town: Town) -> None:
    """MLflow may have said anything: what is not the team's is as if it were gone."""
    study = town.begin()
    town.team("others")
    foreign = town.submit(team="others")
    [champion] = town.champions(study)
    made = town.store.rechecks.propose(
        study,
        champion.params,
        foreign,
        0,
        **{
            name: getattr(replace(champion, why="told"), name)
            for name in (
                *("run_id", "value", "low", "high", "runs", "data_version"),
                *("code_version", "why", "by", "check_number"),
            )
        },
    )
    assert made is not None
    town.store.rechecks.promote(study, made.number, "ann", "")
    town.store.rechecks.ask(study, "signal", again=True)
    town.duty.turn()
    [check] = town.checks(study)
    assert check.state == "due"
    assert "is gone" in check.waits


def test_what_tuned_again_in_another_space_is_not_proposed(town: Town) -> None:
    """MLflow may have said that any study did: a point that the study cannot have is no champion of it."""
    study = town.begin()
    text_of_other = STUDY.format(recheck="", budget="trials: 60").replace("  x:", "  y:")
    submission = Submission(text=text_of_other.replace("parabola\n", "other\n"), resume=False)
    other = town.scheduler.submit(submission).id
    answer = town.take(town.machine)
    while answer is None or answer.assignment is None:
        answer = town.take(town.machine)
    town.end(town.machine, answer.assignment, "done", 0.0)
    town.scheduler.stop(other)
    town.store.rechecks.ask(study, "signal", again=True)
    town.store.rechecks.end(study, 1, {"word": "moved"}, "wanted")
    with town.store.engine.begin() as connection:
        start_retuning(connection, study, 1, other)
    town.look()
    assert town.checks(study)[0].retuning == "over"
    assert len(town.champions(study)) == 1


def test_a_policy_may_come_later(town: Town) -> None:
    """From then on its times count."""
    study = town.begin()
    record = town.store.study(study)
    assert record is not None
    checks = Checks(town.store, clock=lambda: town.day)
    checks.set_policy(record, Policy(every_s=HOUR_S))
    town.look(HOUR_S + 1)
    town.settle()
    assert town.words(study) == ["holds"]


def test_a_time_is_due_again_whatever_the_service_was_killed_in(town: Town) -> None:
    """The champion was there, when it is due was not: without it no time would ever come."""
    study = town.begin("every: 1 hour")
    town.store.rechecks.set_policy(study, {"every_s": HOUR_S}, None)
    town.restart()
    town.look()
    town.look(HOUR_S + 1)
    assert len(town.checks(study)) == 1


def test_a_policy_that_is_set_again_moves_no_time(town: Town) -> None:
    """A pipeline that sets it every day would never see a week go by."""
    study = town.begin("every: 1 hour")
    record = town.store.study(study)
    assert record is not None
    checks = Checks(town.store, clock=lambda: town.day)
    for _ in range(2):
        town.look(0.6 * HOUR_S)
        checks.set_policy(record, Policy(every_s=HOUR_S))
    town.look()
    assert len(town.checks(study)) == 1


def test_a_study_that_cannot_be_read_holds_up_no_other(town: Town) -> None:
    """A file of before an upgrade, say: the others have their champions and checks."""
    study = town.begin("every: 1 hour")
    broken = town.begin()
    town.store.rechecks.set_policy(broken, None, None)
    with town.store.engine.begin() as connection:
        connection.execute(text("DELETE FROM champions WHERE study_id = :id"), {"id": broken})
        connection.execute(text("UPDATE studies SET source = 'x' WHERE id = :id"), {"id": broken})
    town.pass_time(HOUR_S)
    town.duty.turn()
    assert len(town.checks(study)) == 1


def test_what_has_nothing_to_recommend_is_read_once(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A babysat study, say: each second all of them would be read with their files."""
    babysat = town.begin()
    with town.store.engine.begin() as connection:
        connection.execute(text("DELETE FROM champions"))
        connection.execute(text("UPDATE studies SET source = 'x'"))
    town.duty.turn()
    read: list[str] = []
    monkeypatch.setattr(town.store, "study", read.append)
    town.duty.turn()
    assert babysat not in read


def test_a_clock_that_went_back_makes_nothing_wait(town: Town) -> None:
    """What was to be tried again in ten seconds is not tried in a year."""
    study = town.begin("every: 1 hour")
    town.team("default", trials=1)
    town.look(HOUR_S)
    town.team("default")
    town.day -= 30 * 86_400.0
    town.look()
    town.settle()
    assert town.words(study) == ["holds"]


def test_a_time_that_a_wrong_clock_set_is_set_anew(town: Town) -> None:
    """A month ahead for a moment: the next check is due in an hour, not in a month and an hour."""
    study = town.begin("every: 1 hour")
    town.day -= 30 * 86_400.0
    town.look(VERSION_LOOK)
    town.look(HOUR_S)
    assert len(town.checks(study)) == 1


def test_what_is_seen_for_the_first_time_has_not_changed(town: Town) -> None:
    """A policy that comes after the study: from now on the file is watched."""
    study = town.begin()
    record = town.store.study(study)
    assert record is not None
    policy = Policy(data=DataWatch(file="data.csv"))
    Checks(town.store, clock=lambda: town.day).set_policy(record, policy)
    town.look_at_versions()
    assert town.checks(study) == []
    town.write("two")
    town.look_at_versions()
    assert [check.causes for check in town.checks(study)] == [["data"]]


def test_code_that_is_committed_is_another_version(town: Town) -> None:
    """What is not committed yet is being worked on. Data that changes with it is the same question."""
    git(town.folder, "init", "--quiet")
    git(town.folder, "add", "data.csv")
    git(town.folder, "commit", "--quiet", "-m", "one")
    study = town.begin(f"code: true, {WATCHED}")
    (town.folder / "train.py").write_text("pass")
    town.look_at_versions()
    assert town.checks(study) == []
    town.write("two")
    git(town.folder, "add", ".")
    git(town.folder, "commit", "--quiet", "-m", "two")
    town.look_at_versions()
    [check] = town.checks(study)
    assert check.causes == ["data", "code"]
    assert check.code_version is not None
    assert len(check.code_version) == 40


def test_code_that_goes_on_while_a_check_waits_is_not_trained_as_the_one_before(
    town: Town,
) -> None:
    """Its trainings would be on the newest commit, and say nothing of either."""
    git(town.folder, "init", "--quiet")
    git(town.folder, "add", "data.csv")
    git(town.folder, "commit", "--quiet", "-m", "one")
    study = town.begin("code: true")
    town.team("default", trials=1)
    for name in ("two", "three"):
        git(town.folder, "commit", "--quiet", "-m", name, "--allow-empty")
        town.look_at_versions()
    town.team("default")
    town.look(AGAIN_S + 1)
    town.settle()
    first, second = town.checks(study)
    assert (first.check_study, town.words(study)) == (None, ["inconclusive", "holds"])
    assert "code went on" in (first.verdict or {})["reason"]
    assert second.causes == ["code"]


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=ann", "-c", "user.email=ann@example.com")
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True)


def test_a_hook_that_is_drawn_early_leaves_the_studys_file_in_force(town: Town) -> None:
    """Somebody asks for MLflow's hook right after submitting, before the duty has met the study."""
    text = STUDY.format(recheck="every: 1 hour", budget="trials: 60")
    submission = Submission(text=text, resume=False, folder=str(town.folder))
    study = town.scheduler.submit(submission).id
    record = town.store.study(study)
    assert record is not None
    Checks(town.store, clock=lambda: town.day).hook(record)
    town.look()
    town.work()
    town.look()
    town.look(HOUR_S)
    assert [check.causes for check in town.checks(study)] == [["schedule"]]


def test_neighbours_lie_where_the_studys_own_noise_lets_a_loss_be_seen(town: Town) -> None:
    """The noise that its new runs told, not one that is guessed from the curve of the search."""
    study = town.begin("every: 1 hour")
    town.look(HOUR_S)
    [opened] = town.opened(study)
    record, [champion] = town.store.study(study), town.champions(study)
    assert record is not None
    found = rechecking.Found.load(town.store, champion, "default")
    noise, freedom = rechecking.noise_of(town.store, record)
    assert freedom == 6
    results = [row.result() for row in town.store.trials(study, kind="search")]
    rest = (found.round.box, results, champion.params, 6)
    points = load_study(opened.source).warm_start.points
    wanted = points_to_check(
        found.study.space, found.study.search_settings, *rest, points[1], noise
    )
    assert [dict(point) for point in points] == [dict(point) for point in wanted]
    assert load_study(opened.source).check.noise == pytest.approx(noise)  # type: ignore[union-attr]
