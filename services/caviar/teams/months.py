"""The calendar months that quotas count in."""

from __future__ import annotations

from datetime import UTC, datetime


def month_of(wall: float) -> tuple[float, float]:
    """Where the calendar month of that moment begins and ends in UTC, in seconds since the epoch."""
    day = datetime.fromtimestamp(wall, UTC)
    begins = datetime(day.year, day.month, 1, tzinfo=UTC)
    ends = datetime(day.year + day.month // 12, day.month % 12 + 1, 1, tzinfo=UTC)
    return begins.timestamp(), ends.timestamp()


def last_months(wall: float, count: int) -> list[float]:
    """Where each of the last ``count`` calendar months begins, rising, and where the newest, that of ``wall``, ends."""
    begins, ends = month_of(wall)
    found = [ends, begins]
    while len(found) <= count:
        found.append(month_of(found[-1] - 1.0)[0])
    return found[::-1]
