"""The client for programs that run an event loop: the same calls, each awaited in a thread.

An HTTP connection pool is shared by threads, so one client serves both, and nothing is written twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from os import PathLike
from typing import TYPE_CHECKING

from caviar.client.service import Service, StudySource, connect
from caviar.client.study import Study
from caviar.contract.access import WhoAmI
from caviar.contract.messages import ParameterValue
from caviar.contract.views import (
    AddedTrial,
    Best,
    RoundView,
    StudyRow,
    StudyView,
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
        self, params: Mapping[str, ParameterValue], value: float | None = None
    ) -> AddedTrial:
        return await asyncio.to_thread(self._study.add, params, value)

    async def stop_trial(self, number: int) -> TrialView:
        return await asyncio.to_thread(self._study.stop_trial, number)

    async def pause(self) -> StudyView:
        return await asyncio.to_thread(self._study.pause)

    async def resume(self) -> StudyView:
        return await asyncio.to_thread(self._study.resume)

    async def stop(self) -> StudyView:
        return await asyncio.to_thread(self._study.stop)
