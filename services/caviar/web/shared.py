"""What every page reads from: the parts that the API is made of."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI

from caviar.adapters.sql import Store
from caviar.api.access import Access
from caviar.api.gallery import Gallery
from caviar.api.present import Presenter
from caviar.panda import Babysitting
from caviar.recheck import Checks
from caviar.scheduler import Scheduler


@dataclass(frozen=True, slots=True)
class Shared:
    store: Store
    scheduler: Scheduler
    access: Access
    presenter: Presenter
    babysitting: Babysitting
    checks: Checks
    gallery: Gallery


def shared_of(app: FastAPI) -> Shared:
    """Of an application of :func:`caviar.api.create_app`."""
    state = app.state
    return Shared(
        state.store,
        state.scheduler,
        state.access,
        state.presenter,
        state.babysitting,
        state.checks,
        state.gallery,
    )
