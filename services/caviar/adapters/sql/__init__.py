"""The SQL store: SQLite in WAL mode embedded, PostgreSQL for teams."""

from caviar.adapters.sql.engine import migrate, open_engine
from caviar.adapters.sql.looks import TrialMark, WaitingRuns
from caviar.adapters.sql.priors import Read, Start
from caviar.adapters.sql.rows import Aside, PriorRow, RoundRow, StudyRecord, TrialRow
from caviar.adapters.sql.standing import Standing, standing
from caviar.adapters.sql.store import Store

__all__ = [
    "Aside",
    "PriorRow",
    "Read",
    "RoundRow",
    "Standing",
    "Start",
    "Store",
    "StudyRecord",
    "TrialMark",
    "TrialRow",
    "WaitingRuns",
    "migrate",
    "open_engine",
    "standing",
]
