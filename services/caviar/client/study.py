"""One study as a Python program sees it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from caviar.client.babysitting import BabysatTrial, request_of
from caviar.client.connection import PATIENCE_S, Client, finished_after
from caviar.client.figures import Figures
from caviar.client.screen import notebook_or_lines, study_html
from caviar.contract.messages import Change, ParameterValue
from caviar.contract.panda import NurseView
from caviar.contract.recheck import (
    ChampionView,
    CheckView,
    DecideRequest,
    RecheckRequest,
    RecheckView,
    RollbackChampion,
)
from caviar.contract.views import AddedTrial, Best, NewTrial, RoundView, StudyView, TrialView
from caviar.errors import CaviarError, ServiceError

if TYPE_CHECKING:
    import pandas as pd

POLL_S = 0.5
ENDED = frozenset({"done", "stopped", "failed"})
FINAL_TRIALS = frozenset({"done", "failed", "stopped", "cancelled", "quarantined"})


class Study:
    """A study on a service. What it says is asked for anew each time."""

    def __init__(self, client: Client, study_id: str, warnings: tuple[str, ...] = ()) -> None:
        self._client = client
        self.id = study_id
        self.warnings = warnings
        """What the service had to say of the study file."""

    def __repr__(self) -> str:
        return f"Study({self.id!r})"

    def _repr_html_(self) -> str:
        return study_html(self.view)

    @property
    def view(self) -> StudyView:
        """All that the service says of it now."""
        return self._client.study(self.id)

    @property
    def state(self) -> str:
        """running, paused, done, stopped or failed."""
        return self.view.state

    @property
    def best(self) -> Best | None:
        """The best trial so far; None while there is none."""
        return self.view.best

    @property
    def rounds(self) -> list[RoundView]:
        """Every box of the search and why it moved, the oldest first."""
        return self._client.rounds(self.id)

    @property
    def figures(self) -> Figures:
        """Its pictures: ``study.figures.zoom`` shows itself in a notebook, and has ``data`` and ``save(path)``."""
        return Figures(self._client, self.id)

    def each_trial(self) -> Iterator[TrialView]:
        """All trials by number, page by page."""
        after = -1
        while page := self._client.trials(self.id, after):
            yield from page
            after = page[-1].number

    def trials(self) -> pd.DataFrame:
        """All trials, a row each, by number.

        Columns: number, state, value, ``params_*``, ``metrics_*``, round, kind, attempt, seconds, started, ended,
        host, run_id, error. Times are UTC.

        Raises CaviarError where pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise CaviarError(
                "A table of trials needs pandas: pip install pandas. `each_trial()` works without."
            ) from None
        return pd.DataFrame([_row(trial) for trial in self.each_trial()])

    def watch(self) -> StudyView:
        """Show its progress until it has ended: in a notebook a bar and a table, anywhere else a line for each change.

        Interrupting it does not stop the study. A service that goes away meanwhile is waited for.
        """
        screen = notebook_or_lines()
        client = self._client.patient()
        while True:
            view = client.study(self.id)
            screen.show(view)
            if view.state in ENDED:
                return view
            time.sleep(POLL_S)

    def wait(self, timeout_s: float | None = None) -> StudyView:
        """Until it has ended, through absences of the service. The study goes on whatever this raises.

        Raises:
            TimeoutError: it had not ended in time.
            ServiceError: the service was away for an hour, or when the time was over.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        client = self._client.patient(
            patience_s=PATIENCE_S if timeout_s is None else min(timeout_s, PATIENCE_S)
        )
        while (view := client.study(self.id)).state not in ENDED:
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"study {self.id} is {view.state} after {timeout_s:g} s")
            time.sleep(POLL_S)
        return view

    def finished(self) -> Iterator[TrialView]:
        """Each trial when it has ended, in the order of their ends, until the study has ended."""
        cursor, seen = -1, set[int]()
        client = self._client.patient()
        while True:
            over = client.study(self.id).state in ENDED
            ended, cursor = finished_after(
                lambda after: client.trials(self.id, after), cursor, seen, FINAL_TRIALS
            )
            yield from sorted(ended, key=lambda trial: trial.ended or 0.0)
            if over:
                return
            time.sleep(POLL_S)

    def trial(self, number: int) -> TrialView:
        """One trial, with its output."""
        return self._client.trial(self.id, number)

    def add(
        self,
        params: Mapping[str, ParameterValue],
        value: float | None = None,
        seed: int | None = None,
        schedule: Sequence[Change] = (),
    ) -> AddedTrial:
        """Have a point of your own trained next; with ``value`` it is a result that you know. What is left out takes
        its default. With another trial's ``seed`` and ``schedule`` it is trained as that one was."""
        new = NewTrial(params=dict(params), value=value, seed=seed, schedule=tuple(schedule))
        return self._client.add_trial(self.id, new)

    def stop_trial(self, number: int) -> TrialView:
        return self._client.stop_trial(self.id, number)

    def babysit(self, number: int) -> BabysatTrial:
        """One trial by hand: watch it, change it while it trains, take it back. Nothing is asked of the service yet."""
        return BabysatTrial(self._client, self.id, number)

    def nurse(self) -> NurseView:
        """What the nurse may do and has done. Raises NotAllowed where the study file has none."""
        return self._client.nurse(self.id)

    def switch_nurse(self, on: bool) -> NurseView:
        return self._client.switch_nurse(self.id, on)

    def recheck(
        self,
        data_version: str | None = None,
        code_version: str | None = None,
        why: str = "",
        wait: bool = True,
    ) -> CheckView:
        """Ask whether the champion still holds, on the data as it is now. With ``wait``, the check once it has ended.

        A check takes as long as its trainings take, so it is waited for without end, through absences of the service.
        Interrupting that does not end the check.

        Raises:
            InputError: a version is no line of text.
            NotAllowed: the study has no champion yet.
        """
        asked = request_of(
            RecheckRequest, data_version=data_version, code_version=code_version, why=why
        )
        check = self._client.ask_recheck(self.id, asked)
        return ended_check(self._client.patient(), self.id, check.number) if wait else check

    def rechecks(self) -> RecheckView:
        """All that is known of whether its champion holds: champions, checks, when the next one is due."""
        return self._client.recheck(self.id)

    def champion(self) -> ChampionView | None:
        """What it recommends now; None until it has ended with a result."""
        return next((c for c in self.rechecks().champions if c.state == "champion"), None)

    def promote(self, number: int | None = None, why: str = "") -> ChampionView:
        """Make a champion of it; by default of the newest proposed one. Raises NotAllowed."""
        return self._client.promote(self.id, request_of(DecideRequest, number=number, why=why))

    def reject(self, number: int | None = None, why: str = "") -> ChampionView:
        """It becomes no champion; by default the newest proposed one. Raises NotAllowed."""
        return self._client.reject(self.id, request_of(DecideRequest, number=number, why=why))

    def rollback_champion(self, why: str = "") -> ChampionView:
        """The champion before this one is it again. Raises NotAllowed where there was none."""
        return self._client.rollback_champion(self.id, request_of(RollbackChampion, why=why))

    def pause(self) -> StudyView:
        """Start no more trials."""
        return self._client.pause(self.id)

    def resume(self) -> StudyView:
        return self._client.resume(self.id)

    def stop(self) -> StudyView:
        """End it for good; its results stay."""
        return self._client.stop(self.id)


def ended_check(
    client: Client,
    study_id: str,
    number: int,
    look: Callable[[CheckView], None] = lambda _: None,
) -> CheckView:
    """A check once it has ended; ``look`` gets it as it is until then, again and again."""
    while True:
        found = next((c for c in client.recheck(study_id).checks if c.number == number), None)
        if found is None:
            raise ServiceError(f"Study {study_id} has no check {number} any more.")
        if found.state == "ended":
            return found
        look(found)
        time.sleep(POLL_S)


def _row(trial: TrialView) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": trial.state,
        "value": trial.value,
        **{f"params_{name}": value for name, value in trial.params.items()},
        **{f"metrics_{name}": value for name, value in trial.metrics.items()},
        "round": trial.round,
        "kind": trial.kind,
        "attempt": trial.attempt,
        "seconds": trial.seconds,
        "started": _moment(trial.started),
        "ended": _moment(trial.ended),
        "host": trial.host,
        "run_id": trial.run_id,
        "error": trial.error,
    }


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
