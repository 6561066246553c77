"""Champions and checks in the store: what is asked twice, or by two at once, happens once."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from caviar.adapters.sql import (
    ChampionRow,
    CheckRow,
    Store,
    Taken,
    champions,
    migrate,
    open_engine,
    rechecks,
)
from caviar.contract.messages import Finish
from caviar.errors import NotAllowed
from caviar.studies.life import Verdict
from tests.support.postgres import PostgresServer, running_postgres

AT_ONCE = 4


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with (
        tempfile.TemporaryDirectory(prefix="cav-", dir="/tmp") as name,
        running_postgres(Path(name)) as server,
    ):
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database on disk that several processes could open."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'a.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database("rechecks")


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    engine = open_engine(url)
    migrate(engine)
    yield Store(engine)
    engine.dispose()


def study(store: Store, name: str = "a", **more: Any) -> str:
    record = store.add_study(
        name=name,
        fingerprint="f",
        source="",
        filename="a.yaml",
        folder=None,
        code_version=None,
        user=None,
        first_round={},
        **more,
    )
    return record.id


def propose(store: Store, of: str, trial: int = 0, **more: Any) -> ChampionRow | None:
    values: dict[str, Any] = {
        "run_id": "r",
        "value": 0.5,
        "low": None,
        "high": None,
        "runs": 1,
        "data_version": "d1",
        "code_version": "c1",
        "why": "",
        "by": "caviar",
        "check_number": None,
    }
    return store.rechecks.propose(of, {"x": 0.5}, of, trial, **{**values, **more})


def with_champion(store: Store) -> str:
    """A study whose champion was chosen on data d1 and code c1, which are as they were."""
    made = study(store)
    assert propose(store, made, state="champion") is not None
    store.rechecks.see(made, data="d1", code="c1")
    return made


def at_once(url: str, act: Callable[[Store], Any]) -> list[Any]:
    """What each of some processes gets that do the same at the same time."""
    ready, got = threading.Barrier(AT_ONCE), []

    def come() -> None:
        engine = open_engine(url)
        store = Store(engine)
        store.ask()
        ready.wait()
        try:
            got.append(act(store))
        except Exception as error:
            got.append(error)
        engine.dispose()

    threads = [threading.Thread(target=come) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


# What is watched


def test_what_is_set_apart_is_kept_together(store: Store) -> None:
    """Policy, secret and versions are one row, whichever comes first; a policy that is taken away leaves the rest."""
    of = study(store)
    assert store.rechecks.find(of) is None
    store.rechecks.set_secret(of, "whsec")
    assert store.rechecks.watched() == []
    store.rechecks.set_policy(of, {"every_s": 60.0}, 7.0)
    store.rechecks.see(of, data="d1")
    store.rechecks.see(of, code="c1")
    (row,) = store.rechecks.watched()
    assert row == store.rechecks.find(of)
    assert (row.policy, row.next_due, row.secret) == ({"every_s": 60.0}, 7.0, "whsec")
    assert (row.data_version, row.code_version) == ("d1", "c1")
    assert "whsec" not in repr(row)
    store.rechecks.set_policy(of, None, None)
    assert store.rechecks.watched() == []
    left = store.rechecks.find(of)
    assert left is not None
    assert (left.secret, left.data_version, left.next_due) == ("whsec", "d1", None)


def test_a_due_time_moves_once(store: Store) -> None:
    """Who saw another time than the one that is there has lost."""
    of = study(store)
    store.rechecks.set_policy(of, {}, 7.1)
    assert store.rechecks.move_due(of, 7.1, 9.3)
    assert not store.rechecks.move_due(of, 7.1, 9.3)
    assert store.rechecks.move_due(of, 9.3, None)


# Asking


def asked(got: tuple[CheckRow, bool] | None) -> tuple[CheckRow, bool]:
    assert got is not None
    return got


def test_without_a_champion_there_is_nothing_to_check(store: Store) -> None:
    """It says so; a time that was due stays due."""
    of = study(store)
    store.rechecks.set_policy(of, {}, 7.0)
    with pytest.raises(NotAllowed, match="no champion yet"):
        store.rechecks.ask(of, "signal", again=True)
    with pytest.raises(NotAllowed, match="no champion yet"):
        store.rechecks.ask_scheduled(of, 7.0, 8.0)
    row = store.rechecks.find(of)
    assert row is not None
    assert row.next_due == 7.0
    assert store.rechecks.checks(of) == []


def test_the_same_request_gets_the_same_check_even_after_it_ended(store: Store) -> None:
    """Its key says that it is the same; another key is another request."""
    of = with_champion(store)
    first, new = asked(store.rechecks.ask(of, "signal", key="k", why="a", by="anna", again=True))
    assert new
    assert (first.number, first.state, first.causes, first.keys) == (1, "due", ["signal"], ["k"])
    assert (first.why, first.by, first.champion) == ("a", "anna", 1)
    assert (first.data_version, first.code_version) == ("d1", "c1")
    assert store.rechecks.end(of, 1, {"word": "holds"}, None)
    again, new = asked(store.rechecks.ask(of, "signal", key="k", again=True))
    assert (again.number, new) == (1, False)
    other, new = asked(store.rechecks.ask(of, "signal", key="l", again=True))
    assert (other.number, new) == (2, True)


def test_two_causes_at_once_are_one_check(store: Store) -> None:
    """Each cause and each key is told once."""
    of = with_champion(store)
    store.rechecks.ask(of, "data", data_version="d2", again=False)
    for _ in range(2):
        row, new = asked(store.rechecks.ask(of, "mlflow", data_version="d2", again=True, key="k"))
        assert not new
    assert row.causes == ["data", "mlflow"]
    assert row.keys == ["k"]
    assert store.rechecks.open_checks() == [row]


@pytest.mark.parametrize(
    "other", [{"data_version": "d3"}, {"code_version": "c3"}, {"bundle": "b" * 64}]
)
def test_another_version_while_a_check_is_open_is_a_check_of_its_own(
    store: Store, other: dict[str, str]
) -> None:
    """Its trainings do not belong together with those of the first."""
    of = with_champion(store)
    store.rechecks.ask(of, "signal", again=True)
    row, new = asked(store.rechecks.ask(of, "signal", again=True, **other))
    assert (row.number, new) == (2, True)


def test_what_was_checked_already_calls_for_nothing(store: Store) -> None:
    """Data that goes back and forth is checked once each; a person, or a time, may ask again."""
    of = with_champion(store)
    assert store.rechecks.ask(of, "data", data_version="d1", again=False) is None
    asked(store.rechecks.ask(of, "data", data_version="d2", again=False))
    store.rechecks.end(of, 1, {"word": "holds"}, None)
    assert store.rechecks.ask(of, "data", data_version="d2", again=False) is None
    assert store.rechecks.ask(of, "data", data_version="d1", again=False) is None
    _, new = asked(store.rechecks.ask(of, "signal", data_version="d2", again=True))
    assert new


def test_a_check_whose_data_changed_meanwhile_does_not_count(store: Store) -> None:
    """Its trainings were of two versions, so that neither was checked."""
    of = with_champion(store)
    store.rechecks.ask(of, "data", data_version="d2", again=False)
    store.rechecks.end(of, 1, {"word": "inconclusive", "mixed": True}, None)
    row, new = asked(store.rechecks.ask(of, "data", data_version="d2", again=False))
    assert (row.number, new) == (2, True)


def test_another_champion_is_checked_anew(store: Store) -> None:
    """What was checked was checked of the one before."""
    of = with_champion(store)
    store.rechecks.ask(of, "data", data_version="d2", again=False)
    store.rechecks.end(of, 1, {"word": "moved"}, None)
    propose(store, of, trial=5)
    store.rechecks.promote(of, 2, "anna", "")
    row, new = asked(store.rechecks.ask(of, "data", data_version="d2", again=False))
    assert (row.champion, new) == (2, True)


def test_the_same_request_at_once_is_one_check(url: str, store: Store) -> None:
    """One makes it, the others are served by it."""
    of = with_champion(store)
    got = at_once(url, lambda s: s.rechecks.ask(of, "signal", key="k", again=True))
    assert sorted(new for _, new in got) == [False] * (AT_ONCE - 1) + [True]
    (row,) = store.rechecks.checks(of)
    assert row.keys == ["k"]


def test_causes_at_once_are_all_kept(url: str, store: Store) -> None:
    """None is overwritten by another that read the row before."""
    of = with_champion(store)
    names = iter(["a", "b", "c", "d"])
    at_once(url, lambda s: s.rechecks.ask(of, "signal", key=next(names), again=True))
    (row,) = store.rechecks.checks(of)
    assert sorted(row.keys) == ["a", "b", "c", "d"]


def test_a_time_that_is_due_is_served_once(url: str, store: Store) -> None:
    """Schedulers that look at the same time find the compare-and-set lost, though the check has ended by then."""
    of = with_champion(store)
    store.rechecks.set_policy(of, {}, 7.0)

    def look(mine: Store) -> object:
        got = mine.rechecks.ask_scheduled(of, 7.0, 9.0, why="every week")
        if got is not None:
            mine.rechecks.end(of, got[0].number, {"word": "holds"}, None)
        return got

    got = at_once(url, look)
    assert [row for row in got if isinstance(row, Exception)] == []
    assert got.count(None) == AT_ONCE - 1
    (row,) = store.rechecks.checks(of)
    assert (row.causes, row.why) == (["schedule"], "every week")


# From due to ended


def test_two_starters_make_one_study(url: str, store: Store) -> None:
    """The check and its study are written together: who comes second leaves nothing behind."""
    of = with_champion(store)
    store.rechecks.ask(of, "signal", again=True)
    store.rechecks.waits(of, 1, "the quota is spent")

    def begin(mine: Store) -> str:
        return study(mine, "check", within=lambda c, record: rechecks.start(c, of, 1, record.id))

    got = at_once(url, begin)
    assert sum(isinstance(each, Taken) for each in got) == AT_ONCE - 1
    (made,) = [record for record in store.studies() if record.name == "check"]
    row = store.rechecks.check(of, 1)
    assert row is not None
    assert (row.state, row.check_study, row.started) == ("running", made.id, made.created)
    assert row.waits == ""


def test_one_check_of_a_study_runs_at_a_time(store: Store) -> None:
    """Another version is checked after the one that runs."""
    of = with_champion(store)
    for number in (1, 2):
        store.rechecks.ask(of, "signal", data_version=f"d{number}", again=True)
    with store.engine.begin() as connection:
        assert rechecks.start(connection, of, 1, "s1")
        assert not rechecks.start(connection, of, 2, "s2")
    store.rechecks.end(of, 1, {"word": "holds"}, None)
    with store.engine.begin() as connection:
        assert rechecks.start(connection, of, 2, "s2", champion=1)


def test_a_check_ends_once(store: Store) -> None:
    """The first verdict stays."""
    of = with_champion(store)
    store.rechecks.ask(of, "signal", again=True)
    assert store.rechecks.end(of, 1, {"word": "moved"}, "wanted")
    assert not store.rechecks.end(of, 1, {"word": "holds"}, None)
    row = store.rechecks.check(of, 1)
    assert row is not None
    assert (row.verdict, row.retuning) == ({"word": "moved"}, "wanted")
    assert row.ended is not None
    assert store.rechecks.open_checks() == []


def test_tuning_again_opens_once_and_is_over_once(store: Store) -> None:
    """wanted -> open -> over; what never opened may be over too."""
    of = with_champion(store)
    store.rechecks.ask(of, "signal", again=True)
    store.rechecks.end(of, 1, {"word": "moved"}, "wanted")
    assert [row.number for row in store.rechecks.retuning()] == [1]
    with store.engine.begin() as connection:
        assert rechecks.start_retuning(connection, of, 1, "again")
        assert not rechecks.start_retuning(connection, of, 1, "other")
    (row,) = store.rechecks.retuning()
    assert (row.retuned, row.retuning) == ("again", "open")
    assert store.rechecks.retuning_over(of, 1)
    assert not store.rechecks.retuning_over(of, 1)
    assert store.rechecks.retuning() == []


# Champions


def test_a_trial_is_proposed_once_and_there_is_one_first_champion(store: Store) -> None:
    """Who proposes again after a crash changes nothing."""
    of = study(store)
    first = propose(store, of, state="champion")
    assert first is not None
    assert (first.number, first.state, first.decided) == (1, "champion", first.created)
    assert propose(store, of) is None
    assert propose(store, of, trial=1, state="champion") is None
    second = propose(store, of, trial=1, check_number=4)
    assert second is not None
    assert (second.number, second.state, second.decided) == (2, "proposed", None)
    assert store.rechecks.champion(of) == first
    assert store.rechecks.champions(of) == [first, second]


def test_who_is_promoted_takes_the_place_of_the_one_before(store: Store) -> None:
    """And gives it back where that one is promoted again."""
    of = with_champion(store)
    propose(store, of, trial=1)
    new = store.rechecks.promote(of, 2, "anna", "better")
    assert new is not None
    assert (new.state, new.by, new.why) == ("champion", "anna", "better")
    assert [row.state for row in store.rechecks.champions(of)] == ["former", "champion"]
    assert store.rechecks.promote(of, 2, "anna", "") is None
    assert store.rechecks.promote(of, 9, "anna", "") is None
    store.rechecks.promote(of, 1, "ben", "not better")
    assert [row.state for row in store.rechecks.champions(of)] == ["champion", "former"]


def test_mlflow_is_told_of_each_change_and_of_nothing_else(store: Store) -> None:
    """A promotion between the reading and the telling is told too; who sees what was seen changes nothing."""
    of = with_champion(store)
    propose(store, of, trial=1)
    ((told, change),) = store.rechecks.unwritten()
    assert told == of
    store.rechecks.promote(of, 2, "anna", "")
    store.rechecks.written(of, change)
    ((_, newer),) = store.rechecks.unwritten()
    assert newer > change
    store.rechecks.ask(of, "signal", again=True)
    store.rechecks.waits(of, 1, "no slot")
    ((_, newest),) = store.rechecks.unwritten()
    store.rechecks.written(of, newest)
    store.rechecks.see(of, data="d1")
    store.rechecks.waits(of, 1, "no slot")
    assert store.rechecks.unwritten() == []


def test_only_what_is_proposed_is_rejected(store: Store) -> None:
    """A rejected one may still be promoted: somebody changed their mind."""
    of = with_champion(store)
    propose(store, of, trial=1)
    assert store.rechecks.reject(of, 1, "anna", "") is None
    rejected = store.rechecks.reject(of, 2, "anna", "too slow")
    assert rejected is not None
    assert (rejected.state, rejected.why) == ("rejected", "too slow")
    assert store.rechecks.reject(of, 2, "anna", "") is None
    assert store.rechecks.promote(of, 2, "anna", "") is not None


def test_of_promotions_at_once_one_is_champion(url: str, store: Store) -> None:
    """Each takes its turn; there is never a second, and what is not the last is a former one."""
    of = with_champion(store)
    for trial in range(1, AT_ONCE + 1):
        propose(store, of, trial=trial)
    numbers = iter(range(2, AT_ONCE + 2))
    got = at_once(url, lambda s: s.rechecks.promote(of, next(numbers), "anna", ""))
    assert [row for row in got if isinstance(row, Exception)] == []
    states = [row.state for row in store.rechecks.champions(of)]
    assert sorted(states) == ["champion"] + ["former"] * AT_ONCE


def test_the_same_promotion_at_once_happens_once(url: str, store: Store) -> None:
    """The others hear that it is the champion already."""
    of = with_champion(store)
    propose(store, of, trial=1)
    got = at_once(url, lambda s: s.rechecks.promote(of, 2, "anna", ""))
    assert sum(row is not None for row in got) == 1


# Who has none


def end_trial(store: Store, of: str, number: int, kind: Any = "search", bad: float = 0.0) -> None:
    store.add_trial(of, number, 0, {"x": 0.5}, 1, kind=kind)
    store.claim(f"{of}-{number}", 1, "nonce-00", "h", "i", 0)
    finish = Finish(trial=f"{of}-{number}", attempt=1, nonce="nonce-00", outcome="done", value=1.0)
    store.finish(finish, Verdict("done", 0, 0), bad)


def test_studies_that_ended_with_a_result_are_listed_until_they_have_a_champion(
    store: Store,
) -> None:
    """Not those that go on, that ended with nothing to recommend, or that belong to a check."""
    wanted, going, empty, forked, beyond, checking, tuning = (
        study(store, name) for name in ("a", "b", "c", "d", "e", "f", "g")
    )
    for of in (wanted, going, checking, tuning):
        end_trial(store, of, 0)
    end_trial(store, forked, 0, kind="fork")
    end_trial(store, beyond, 0, bad=0.5)
    for of in (wanted, empty, forked, beyond, checking, tuning):
        store.move_study(of, ("running",), "done")
    other = with_champion(store)
    store.rechecks.ask(other, "signal", again=True)
    with store.engine.begin() as connection:
        rechecks.start(connection, other, 1, checking)
    store.rechecks.end(other, 1, {"word": "moved"}, "wanted")
    with store.engine.begin() as connection:
        rechecks.start_retuning(connection, other, 1, tuning)
    assert store.rechecks.without_champion() == [wanted]
    propose(store, wanted, state="champion")
    assert store.rechecks.without_champion() == []


def test_looking_for_them_reads_indexes_alone(tmp_path: Path) -> None:
    """It is done all the time: no statement of it goes through a table from end to end."""
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    migrate(engine)
    query = str(champions._WITHOUT.compile(engine)).replace("?", "50")
    with engine.connect() as connection:
        plan = [row.detail for row in connection.execute(text("EXPLAIN QUERY PLAN " + query))]
    engine.dispose()
    assert [step for step in plan if step.startswith("SCAN")] == []
    assert any("SEARCH trials USING INDEX ix_trials_study_id_state_number" in s for s in plan)


# Runs that arrive later


def test_a_champion_gets_its_run_once_that_is_whole(store: Store) -> None:
    """Not before, not another team's, and not in place of the one that it has."""
    mine = study(store)
    theirs = study(store, "b", team="others")
    for of in (mine, theirs):
        end_trial(store, of, 0)
    assert propose(store, mine, 0, run_id=None) is not None
    told = store.rechecks.propose(
        mine,
        {"x": 0.5},
        theirs,
        0,
        run_id=None,
        value=0.5,
        low=None,
        high=None,
        runs=1,
        data_version=None,
        code_version=None,
        why="",
        by="",
        check_number=None,
    )
    assert told is not None
    store.settle_run(f"{mine}-0", "run-1")
    store.rechecks.note_runs()
    assert [row.run_id for row in store.rechecks.champions(mine)] == [None, None]
    store.shipped({f"{mine}-0": "run-1", f"{theirs}-0": "run-2"})
    store.rechecks.note_runs()
    assert [row.run_id for row in store.rechecks.champions(mine)] == ["run-1", None]
