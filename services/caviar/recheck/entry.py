"""``recheck.json`` in a study's run: what the tables of champions and checks come back from."""

from __future__ import annotations

from collections.abc import Sequence

from caviar.adapters.sql.rows import ChampionRow, CheckRow, RecheckRow
from caviar.contract.record import MOST_ROWS, CheckEntry, RecheckEntry
from caviar.recheck.views import champion_view, check_view


def entry_of(
    row: RecheckRow | None, champions: Sequence[ChampionRow], checks: Sequence[CheckRow]
) -> RecheckEntry:
    return RecheckEntry(
        data_version=row.data_version if row else None,
        code_version=row.code_version if row else None,
        champions=tuple(map(champion_view, champions[-MOST_ROWS:])),
        checks=tuple(
            CheckEntry(
                **dict(check_view(check)),
                bundle=check.bundle,
                retuning=check.retuning,
                mixed=bool((check.verdict or {}).get("mixed")),
            )
            for check in checks[-MOST_ROWS:]
        ),
    )
