"""The client for programs that run an event loop: the same calls, each awaited in a thread.

An HTTP connection pool is shared by threads, so one client serves both, and nothing is written twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING

from caviar.client.babysitting import BabysatTrial
from caviar.client.figures import Figures
from caviar.client.service import Service, StudySource, connect
from caviar.client.study import Study
from caviar.contract.access import WhoAmI
from caviar.contract.messages import Change, ParameterValue
from caviar.contract.panda import CurveView, InterventionView, Keep, NurseView, ScheduleView
from caviar.contract.recheck import ChampionView, CheckView, RecheckView
from caviar.contract.views import (
    AddedTrial,
    Best,
    RoundView,
    StudyRow,
    StudyView,
    Submitted,
    TrialView,
    WorkerView,
)

if TYPE_CHECKING:
    import pandas as pd


async def connect_async(url: str | None = None, token: str | None = None) -> AsyncService:
    """As :func:`caviar.connect`."""
    return AsyncService(await asyncio.to_thread(connect, url, token))


class AsyncService:
    """As :class:`caviar.client.Service`; every call is awaited."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __aenter__(self) -> AsyncService:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    @property
    def url(self) -> str:
        return self._service.url

    async def close(self) -> None:
        await asyncio.to_thread(self._service.close)

    async def whoami(self) -> WhoAmI:
        return await asyncio.to_thread(self._service.whoami)

    async def submit(
        self,
        study: StudySource,
        *,
        resume: bool = True,
        team: str | None = None,
        folder: str | PathLike[str] | None = None,
        code: str | PathLike[str] | None = None,
    ) -> AsyncStudy:
        submitted = await asyncio.to_thread(
            self._service.submit, study, resume=resume, team=team, folder=folder, code=code
        )
        return AsyncStudy(submitted)

    async def study(self, name: str) -> AsyncStudy:
        return AsyncStudy(await asyncio.to_thread(self._service.study, name))

    async def studies(self, limit: int = 50) -> list[StudyRow]:
        return await asyncio.to_thread(self._service.studies, limit)

    async def workers(self) -> list[WorkerView]:
        return await asyncio.to_thread(self._service.workers)


class AsyncStudy:
    """As :class:`caviar.client.Study`; what is asked for is a method, since a property cannot be awaited well."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self.id = study.id
        self.warnings = study.warnings

    async def view(self) -> StudyView:
        return await asyncio.to_thread(lambda: self._study.view)

    async def state(self) -> str:
        return (await self.view()).state

    async def best(self) -> Best | None:
        return (await self.view()).best

    async def rounds(self) -> list[RoundView]:
        return await asyncio.to_thread(lambda: self._study.rounds)

    async def figures(self) -> Figures:
        """Its pictures, all of them read: what is done with them asks for nothing more."""

        def read() -> Figures:
            figures = self._study.figures
            for figure in figures:
                figure.load()
            return figures

        return await asyncio.to_thread(read)

    async def trials(self) -> pd.DataFrame:
        return await asyncio.to_thread(self._study.trials)

    async def each_trial(self) -> AsyncIterator[TrialView]:
        trials = self._study.each_trial()
        while (trial := await asyncio.to_thread(next, trials, None)) is not None:
            yield trial

    async def finished(self) -> AsyncIterator[TrialView]:
        """Each trial when it has ended, until the study has ended."""
        trials = self._study.finished()
        while (trial := await asyncio.to_thread(next, trials, None)) is not None:
            yield trial

    async def wait(self, timeout_s: float | None = None) -> StudyView:
        return await asyncio.to_thread(self._study.wait, timeout_s)

    async def watch(self) -> StudyView:
        return await asyncio.to_thread(self._study.watch)

    async def trial(self, number: int) -> TrialView:
        return await asyncio.to_thread(self._study.trial, number)

    async def add(
        self,
        params: Mapping[str, ParameterValue],
        value: float | None = None,
        seed: int | None = None,
        schedule: Sequence[Change] = (),
    ) -> AddedTrial:
        return await asyncio.to_thread(self._study.add, params, value, seed, schedule)

    async def stop_trial(self, number: int) -> TrialView:
        return await asyncio.to_thread(self._study.stop_trial, number)

    def babysit(self, number: int) -> AsyncBabysatTrial:
        return AsyncBabysatTrial(self._study.babysit(number))

    async def nurse(self) -> NurseView:
        return await asyncio.to_thread(self._study.nurse)

    async def switch_nurse(self, on: bool) -> NurseView:
        return await asyncio.to_thread(self._study.switch_nurse, on)

    async def recheck(
        self,
        data_version: str | None = None,
        code_version: str | None = None,
        why: str = "",
        wait: bool = True,
    ) -> CheckView:
        return await asyncio.to_thread(self._study.recheck, data_version, code_version, why, wait)

    async def rechecks(self) -> RecheckView:
        return await asyncio.to_thread(self._study.rechecks)

    async def champion(self) -> ChampionView | None:
        return await asyncio.to_thread(self._study.champion)

    async def promote(self, number: int | None = None, why: str = "") -> ChampionView:
        return await asyncio.to_thread(self._study.promote, number, why)

    async def reject(self, number: int | None = None, why: str = "") -> ChampionView:
        return await asyncio.to_thread(self._study.reject, number, why)

    async def rollback_champion(self, why: str = "") -> ChampionView:
        return await asyncio.to_thread(self._study.rollback_champion, why)

    async def pause(self) -> StudyView:
        return await asyncio.to_thread(self._study.pause)

    async def resume(self) -> StudyView:
        return await asyncio.to_thread(self._study.resume)

    async def stop(self) -> StudyView:
        return await asyncio.to_thread(self._study.stop)


class AsyncBabysatTrial:
    """As :class:`caviar.client.BabysatTrial`; every call is awaited."""

    def __init__(self, trial: BabysatTrial) -> None:
        self._trial = trial
        self.study_id = trial.study_id
        self.number = trial.number

    async def view(self) -> TrialView:
        return await asyncio.to_thread(lambda: self._trial.view)

    async def set(
        self, params: Mapping[str, ParameterValue], why: str = ""
    ) -> list[InterventionView]:
        return await asyncio.to_thread(self._trial.set, params, why)

    async def rollback(
        self, to_step: int, params: Mapping[str, ParameterValue] | None = None, why: str = ""
    ) -> InterventionView:
        return await asyncio.to_thread(self._trial.rollback, to_step, params, why)

    async def fork(
        self,
        params: Mapping[str, ParameterValue],
        at_step: int | None = None,
        steps: int | None = None,
        in_place: bool = False,
        keep: Keep = "ask",
        why: str = "",
    ) -> InterventionView:
        return await asyncio.to_thread(
            self._trial.fork, params, at_step, steps, in_place, keep, why
        )

    async def spread(self, children: int, why: str = "") -> list[InterventionView]:
        return await asyncio.to_thread(self._trial.spread, children, why)

    async def keep(self) -> list[TrialView]:
        return await asyncio.to_thread(self._trial.keep)

    async def panda(self, name: str | None = None) -> Submitted:
        return await asyncio.to_thread(self._trial.panda, name)

    async def interventions(self) -> list[InterventionView]:
        return await asyncio.to_thread(self._trial.interventions)

    async def curve(self) -> CurveView:
        return await asyncio.to_thread(self._trial.curve)

    async def schedule(self) -> ScheduleView:
        return await asyncio.to_thread(self._trial.schedule)

    async def answered(
        self, asked: InterventionView | list[InterventionView], timeout_s: float = 60.0
    ) -> list[InterventionView]:
        return await asyncio.to_thread(self._trial.answered, asked, timeout_s)
