"""Many short trials while a drawn part of the service is killed every few seconds: each must be counted once.

    python -m tests.chaos.long_run --trials 1000 --seed 1

Prints each kill with its time, then what SQL and MLflow say. Exit status 1 where the books are wrong.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.support.bad_trainers import function, write_trainers
from tests.support.books import check_books, read_sql
from tests.support.faults import Faults
from tests.support.team import ENDED, running_team


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=3.0, help="Mean seconds between two kills.")
    parser.add_argument("--limit", type=float, default=3600.0, help="Seconds until it gives up.")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # nothing of the team is left running
    pauses = random.Random(given.seed + 1)
    with (
        tempfile.TemporaryDirectory(
            prefix="chaos-", dir="/tmp", ignore_cleanup_errors=True
        ) as name,
        running_team(Path(name) / "team", slots=1) as team,
    ):
        code = write_trainers(Path(name) / "code")
        study = team.submit("long", function("steady"), given.trials, code)
        faults = Faults(team, given.seed, say=say)
        begun = time.monotonic()
        kinds: Counter[str] = Counter()
        trained = 0.0
        while (view := team.study(study)) is None or not view.mlflow.closed:
            if view is not None and view.state in ENDED:
                trained = trained or time.monotonic() - begun
            if time.monotonic() - begun > given.limit:
                say(f"Not over after {given.limit:g} s.\n{team.logs()}")
                return 1
            if struck := faults.strike():
                kinds[struck] += 1
            # Once all are trained MLflow is behind: it takes seconds to start, and must get on in between.
            time.sleep(pauses.uniform(0.5, 1.5) * given.every * (8 if trained else 1))
        killed = time.monotonic() - begun
        team.whole()
        team.wait_until_ended(study, deadline=given.limit)
        counts = check_books(team, study, created=given.trials, steps=5)
        books = read_sql(team, study)
    tried = Counter(outcome for book in books for outcome in book.attempts)
    say(f"{sum(kinds.values())} kills in {killed:.0f} s: {dict(kinds.most_common())}")
    say(f"{given.trials} trials created, each counted once, in SQL and in MLflow: {dict(counts)}")
    say(
        f"attempts: {dict(tried)}; trained after {trained:.0f} s, complete in MLflow after {killed:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
