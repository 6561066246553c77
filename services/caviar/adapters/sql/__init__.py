"""The SQL store: SQLite in WAL mode embedded, PostgreSQL for teams."""

from caviar.adapters.sql.answers import Answers
from caviar.adapters.sql.bundles import Bundles
from caviar.adapters.sql.changes import Mark
from caviar.adapters.sql.engine import NewerStore, migrate, open_engine
from caviar.adapters.sql.interventions import Interventions, changes_of
from caviar.adapters.sql.looks import TrialMark, WaitingRuns
from caviar.adapters.sql.pictured import Pictured, spread
from caviar.adapters.sql.priors import NOTHING, Read, Start
from caviar.adapters.sql.rechecks import Rechecks
from caviar.adapters.sql.records import Taken
from caviar.adapters.sql.rows import (
    Aside,
    ChampionRow,
    CheckRow,
    Drained,
    InterventionRow,
    PriorRow,
    RecheckRow,
    RoundRow,
    StudyRecord,
    TeamRow,
    TokenRow,
    TrialRow,
)
from caviar.adapters.sql.standing import Standing, standing
from caviar.adapters.sql.store import Store
from caviar.adapters.sql.teams import Teams
from caviar.adapters.sql.usage import SlotTime
from caviar.adapters.sql.webhooks import WebhookRow, Webhooks

__all__ = [
    "NOTHING",
    "Answers",
    "Aside",
    "Bundles",
    "ChampionRow",
    "CheckRow",
    "Drained",
    "InterventionRow",
    "Interventions",
    "Mark",
    "NewerStore",
    "Pictured",
    "PriorRow",
    "Read",
    "RecheckRow",
    "Rechecks",
    "RoundRow",
    "SlotTime",
    "Standing",
    "Start",
    "Store",
    "StudyRecord",
    "Taken",
    "TeamRow",
    "Teams",
    "TokenRow",
    "TrialMark",
    "TrialRow",
    "WaitingRuns",
    "WebhookRow",
    "Webhooks",
    "changes_of",
    "migrate",
    "open_engine",
    "spread",
    "standing",
]
