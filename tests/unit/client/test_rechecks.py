"""Whether a champion holds, from Python, against the real API; the duty that runs checks is played by hand."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import caviar
from caviar.client import Study
from caviar.contract.recheck import VerdictView
from caviar.errors import InputError, NotAllowed
from tests.support import wait_until
from tests.support.champions import crown
from tests.support.real_api import TOKEN, Serving, serving

MOVED = VerdictView(word="moved", effect=0.02, low=0.01, high=0.03, champion=0.95, trainings=8)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path) as api:
        yield api


@pytest.fixture
def study(api: Serving, monkeypatch: pytest.MonkeyPatch) -> Iterator[Study]:
    """With a champion."""
    monkeypatch.setattr("caviar.client.study.POLL_S", 0.01)
    identifier = api.submit()
    crown(api.store, identifier, trial=0, state="champion")
    with caviar.connect(api.url, TOKEN) as service:
        yield service.study(identifier)


def test_a_check_is_awaited_until_its_verdict(api: Serving, study: Study) -> None:
    """However long it takes; meanwhile it can be looked at."""

    def decide() -> None:
        wait_until(lambda: study.rechecks().checks, why="the check was asked for")
        api.store.rechecks.end(study.id, 1, MOVED.model_dump(mode="json"), None)

    duty = threading.Thread(target=decide)
    duty.start()
    check = study.recheck(data_version="2026-12", why="new year")
    duty.join()
    assert check.state == "ended"
    assert check.verdict == MOVED
    assert (check.data_version, check.why) == ("2026-12", "new year")


def test_a_check_need_not_be_awaited(study: Study) -> None:
    """Asked again it is the same one, since nothing is new."""
    assert study.recheck(wait=False).state == "due"
    assert study.recheck(wait=False).number == 1


def test_the_champion_is_promoted_rejected_and_taken_back(api: Serving, study: Study) -> None:
    for trial, rate in ((1, 0.1), (2, 0.2)):
        crown(api.store, study.id, trial=trial, rate=rate)
    assert study.reject(why="slow").number == 3
    assert study.promote().number == 2
    champion = study.champion()
    assert champion is not None
    assert champion.params == {"rate": 0.1}
    assert study.rollback_champion("worse in production").number == 1
    assert [c.state for c in study.rechecks().champions] == ["champion", "former", "rejected"]


def test_what_cannot_be_is_refused(api: Serving, study: Study) -> None:
    """By the service, or here where no service would take it."""
    with pytest.raises(NotAllowed, match="Nothing is proposed"):
        study.promote()
    with pytest.raises(InputError, match="data_version"):
        study.recheck(data_version="two\nlines")
    with caviar.connect(api.url, TOKEN) as service:
        new = service.study(api.submit("new"))
        assert new.champion() is None
        with pytest.raises(NotAllowed, match="no champion yet"):
            new.recheck()


def test_an_event_loop_has_the_same(api: Serving, study: Study) -> None:
    async def ask() -> tuple[int, int]:
        async with await caviar.connect_async(api.url, TOKEN) as service:
            there = await service.study(study.id)
            check = await there.recheck(wait=False)
            champion = await there.champion()
            assert champion is not None
            return check.number, champion.number

    assert asyncio.run(ask()) == (1, 1)
