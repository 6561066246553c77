"""MLflow away for minutes of training: no trial notices, and every point is in MLflow afterwards, none doubled.

    python -m tests.chaos.mlflow_away --minutes 10

MLflow is there and away in turn, ``--minutes`` of each, in blocks. One slot trains the same fixed work again and again
and measures itself: wall and processor time of the work, and the time that `trial.report` took. Their medians are
compared. The machine should be quiet: with MLflow there, its server and the shipper share the cores with the trial.
"""

from __future__ import annotations

import argparse
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.support.books import Mlflow, check_books, read_sql
from tests.support.team import Team, running_team

SOURCE = '''
import time

STEPS = 100

def train(trial):
    """Two seconds or so of fixed work, with a report every 20 ms."""
    reporting = 0.0
    began, cpu = time.perf_counter(), time.process_time()
    for step in range(STEPS):
        total = 0
        for number in range(250_000):
            total += number * number
        before = time.perf_counter()
        trial.report(step, score=trial.params["x"] + step)
        reporting += time.perf_counter() - before
    return {"score": trial.params["x"] + STEPS - 1, "wall_s": time.perf_counter() - began,
            "cpu_s": time.process_time() - cpu, "reporting_s": reporting}
'''
STEPS = 100


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="How long MLflow is away.")
    parser.add_argument("--blocks", type=int, default=1, help="In how many pieces.")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # nothing of the team is left running
    block_s = given.minutes * 60 / given.blocks
    with (
        tempfile.TemporaryDirectory(
            prefix="chaos-", dir="/tmp", ignore_cleanup_errors=True
        ) as name,
        running_team(Path(name) / "team", hosts=("host-1",), slots=1) as team,
    ):
        code = Path(name) / "code"
        code.mkdir()
        (code / "away.py").write_text(SOURCE)
        study = team.submit("away", "away:train", 1_000_000, code)
        away: list[tuple[float, float]] = []
        for block in range(given.blocks):
            time.sleep(block_s / 2)
            say(f"block {block + 1} of {given.blocks}: MLflow goes away")
            team.down("mlflow")
            begun = time.time()
            time.sleep(block_s)
            away.append((begun, time.time()))
            team.up("mlflow")
            team.whole()
            time.sleep(block_s / 2)
        team.client.stop(study)
        back = time.monotonic()
        team.wait_until_ended(study, deadline=3600)
        caught_up = time.monotonic() - back
        books = read_sql(team, study)
        counts = check_books(team, study, created=len(books), steps=STEPS)
        _compare(team, study, away)
        record = Mlflow(team.mlflow_url)
        points = sum(len(record.points(r["info"]["run_id"], "score")) for r in record.runs(study))
    say(f"{dict(counts)}; {points} points in MLflow, none doubled, {caught_up:.0f} s after the end")
    return 0


def _compare(team: Team, study: str, away: list[tuple[float, float]]) -> None:
    """Medians of the trials that ran wholly while MLflow was away, and of those that ran wholly while it was there."""
    with sqlite3.connect(f"file:{team.database}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "select started, ended, json_extract(metrics, '$.wall_s'), json_extract(metrics, '$.cpu_s'),"
            " json_extract(metrics, '$.reporting_s') from trials where study_id = ? and state = 'done'",
            (study,),
        ).fetchall()
    groups: dict[str, list[tuple[float, ...]]] = {"away": [], "there": []}
    for started, ended, *measured in rows:
        if any(begun <= started and ended <= over for begun, over in away):
            groups["away"].append(tuple(measured))
        elif not any(started <= over + 60 and ended >= begun for begun, over in away):
            groups["there"].append(tuple(measured))  # not in the minute in which it catches up
    for place, what in enumerate(("wall time", "processor time", "time in report()")):
        medians = {k: statistics.median(one[place] for one in v) for k, v in groups.items() if v}
        slowest = {k: max(one[place] for one in v) for k, v in groups.items() if v}
        ratio = medians["away"] / medians["there"] if len(medians) == 2 else float("nan")
        say(
            f"{what}: median there {medians.get('there', 0):.4f} s, away {medians.get('away', 0):.4f} s,"
            f" ratio {ratio:.4f}; slowest there {slowest.get('there', 0):.4f} s, away {slowest.get('away', 0):.4f} s"
        )
    say(f"{len(groups['there'])} trials with MLflow there, {len(groups['away'])} with it away")


if __name__ == "__main__":
    sys.exit(main())
