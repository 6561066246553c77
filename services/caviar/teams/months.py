"""The calendar month that quotas count in."""

from __future__ import annotations

from datetime import UTC, datetime


def month_of(wall: float) -> tuple[float, float]:
    """Where the calendar month of that moment begins and ends in UTC, in seconds since the epoch."""
    day = datetime.fromtimestamp(wall, UTC)
    begins = datetime(day.year, day.month, 1, tzinfo=UTC)
    ends = datetime(day.year + day.month // 12, day.month % 12 + 1, 1, tzinfo=UTC)
    return begins.timestamp(), ends.timestamp()
