"""What a team may have at most: the sentences that refuse or hold back, and the meter of a calendar month. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from caviar.contract.access import Quota
from caviar.errors import NotAllowed
from caviar.scheduler.budget import HOUR_S, Clocks
from caviar.teams import month_of

ASK = "An operator may raise the quota."


def refuse_study(team: str, quota: Quota, studies: int, left: int, trials: int) -> None:
    """One more study of so many ``trials``. ``left``: what the team's ``studies`` may still start together.

    Raises NotAllowed where it is beyond the quota.
    """
    if quota.studies is not None and studies >= quota.studies:
        raise NotAllowed(
            f"Team {team} has {studies} studies that have not ended; its quota is {quota.studies}. "
            f"Stop one of them, or wait until one ends. {ASK}"
        )
    if quota.trials is not None and left + trials > quota.trials:
        raise NotAllowed(
            f"Team {team} would have {left + trials} trials to come, {trials} of them of this study; its quota is "
            f"{quota.trials}. A budget of {max(0, quota.trials - left)} trials fits now. {ASK}"
        )


@dataclass(slots=True)
class _Used:
    seconds: float = 0.0
    at: float = 0.0
    running: int = 0


class Month:
    """Slot-time of this calendar month by team. How long something runs is told by the monotonic clock."""

    def __init__(self, now: Clocks, used: dict[str, float]) -> None:
        """``used``: slot-seconds of this month that were over before."""
        self.begins, self.ends = month_of(now.wall)
        self._used = {team: _Used(seconds, now.monotonic) for team, seconds in used.items()}

    def starts(self, team: str, since: float, now: Clocks) -> None:
        """A slot is held since the monotonic second ``since``; what was before this month is not counted."""
        used = self._to(team, now)
        begun = now.monotonic - (now.wall - self.begins)
        used.seconds += max(0.0, now.monotonic - max(since, begun))
        used.running += 1

    def stops(self, team: str, now: Clocks) -> None:
        self._to(team, now).running -= 1

    def hours(self, team: str, now: Clocks) -> float:
        """Slot-hours of this month, what runs included."""
        return self._to(team, now).seconds / HOUR_S

    def _to(self, team: str, now: Clocks) -> _Used:
        if now.wall >= self.ends:
            self.begins, self.ends = month_of(now.wall)
            begun = now.monotonic - (now.wall - self.begins)
            for each in self._used.values():
                each.seconds, each.at = 0.0, max(each.at, begun)
        used = self._used.get(team)
        if used is None:
            used = self._used[team] = _Used(at=now.monotonic)
        used.seconds += used.running * max(0.0, now.monotonic - used.at)
        used.at = max(used.at, now.monotonic)
        return used
