"""How long the pages of a large study take, and what they weigh.

    python -m benchmarks.pages.first_paint --trials 50000 --visits 60 [--peer ENV/bin/python]

A study of 50,000 trials, ten parameters and 200 rounds in SQLite, and the real API and pages in a process of their own.
A visit asks for a page and then, one after the other, for the data of every picture that it names: what a browser has
to have before it paints all of them. Before each visit a trial of the study ends, so nothing that was made for the
visit before can be shown again; `again` is a visit of which nothing changed. Then a Chromium with an empty cache opens
each page: bytes of all bodies, unpacked, but for the charting library, which is cached for good, and the time until
something is painted and until all pictures in sight are.

The peer is Optuna's dashboard before the same number of trials: `--peer` is the Python of an environment that has
`optuna` and `optuna-dashboard`. Its page is data for the browser to compute with: what it asks for first is one answer
with all trials.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from sqlalchemy import text

from caviar.adapters.sql import Store, Teams, migrate, open_engine
from caviar.adapters.sql.tables import trials
from tests.support.large_study import make_large_study
from tests.support.servers import free_port

TOKEN = "an-operators-token-of-the-benchmark"  # noqa: S105
WORKER_TOKEN = "a-workers-token-of-the-benchmark"  # noqa: S105
DATA = re.compile(r'data-src="([^"]+)"')
DRAWN = """document.readyState === 'complete'
  && performance.getEntriesByName('first-contentful-paint').length > 0
  && [...document.querySelectorAll('.chart')].every(
    (f) => f.dataset.drawn || f.getBoundingClientRect().top > innerHeight)"""
PEER = """
import random, sys
import optuna
from optuna.distributions import FloatDistribution
from optuna.trial import create_trial
optuna.logging.set_verbosity(optuna.logging.ERROR)
names = [f"p{n}" for n in range(10)]
space = {name: FloatDistribution(0.0, 1.0) for name in names}
study = optuna.create_study(storage=f"sqlite:///{sys.argv[1]}", study_name="large")
made = []
for _ in range(int(sys.argv[2])):
    params = {name: random.random() for name in names}
    made.append(create_trial(params=params, distributions=space, value=sum(params.values())))
study.add_trials(made)
"""


def pages(study: str) -> dict[str, str]:
    return {
        "Queue": "/queue",
        "Studies": "/studies",
        "Study": f"/studies/{study}",
        "Study, its last page of trials by value": f"/studies/{study}/sections/trials?sort=value&offset=49950",
        "Trial": f"/studies/{study}/trials/777",
        "Champion": f"/studies/{study}/champion",
        "New study": "/new",
        "Team": "/team",
    }


def serve(database: str, port: int) -> None:
    from caviar.api import create_app
    from caviar.api.access import Access
    from caviar.api.serving import server
    from caviar.scheduler import Scheduler
    from caviar.web import add_pages

    engine = open_engine(database)
    store = Store(engine)
    scheduler = Scheduler(store, lambda _ticket, _queue: None, lease_s=3600, claim_s=3600)
    app = create_app(store, scheduler, Access(Teams(engine), TOKEN, WORKER_TOKEN), mlflow_uri="")
    add_pages(app)
    server(app, port=port).run()


@contextmanager
def process(*command: str, ready: Callable[[], bool]) -> Iterator[None]:
    running = subprocess.Popen(command)
    try:
        until = time.monotonic() + 120
        while not ready():
            if running.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"{' '.join(command)} does not serve")
            time.sleep(0.2)
        yield
    finally:
        running.terminate()
        running.wait()


def answers(url: str) -> Callable[[], bool]:
    def asked() -> bool:
        try:
            return httpx2.get(url, trust_env=False, timeout=60).status_code < 500
        except httpx2.HTTPError:
            return False

    return asked


class Changing:
    """Ends one more trial of the study, as a worker's report does."""

    def __init__(self, store: Store, study: str, count: int) -> None:
        self._engine, self._study, self._at = store.engine, study, count // 2

    def __call__(self) -> None:
        self._at += 1
        newest = f"(SELECT MAX(changed) + 1 FROM {trials.name} WHERE study_id = :study)"
        change = f"UPDATE {trials.name} SET changed = {newest} WHERE study_id = :study AND number = :number"
        with self._engine.begin() as connection:
            connection.execute(text(change), {"study": self._study, "number": self._at})


def visit(client: httpx2.Client, path: str) -> tuple[float, int]:
    """Seconds until the page and the data of all its pictures are there, and their bytes, unpacked."""
    began = time.perf_counter()
    page = client.get(path)
    page.raise_for_status()
    size = len(page.content)
    for source in dict.fromkeys(DATA.findall(page.text)):
        answer = client.get(source.replace("&amp;", "&"))
        answer.raise_for_status()
        size += len(answer.content)
    return time.perf_counter() - began, size


def percentile(found: list[float], share: float) -> float:
    return statistics.quantiles(found, n=100, method="inclusive")[round(share * 100) - 1]


def measure(url: str, study: str, visits: int, change: Callable[[], None]) -> list[list[str]]:
    rows = []
    with httpx2.Client(
        base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False, timeout=120
    ) as client:
        for name, path in pages(study).items():
            first, _ = visit(client, path)
            changed, again, size = [], [], 0
            for _ in range(visits):
                change()
                took, size = visit(client, path)
                changed.append(took)
                again.append(visit(client, path)[0])
            figures = [
                statistics.median(changed),
                percentile(changed, 0.95),
                percentile(again, 0.95),
            ]
            row = [f"{1000 * each:.0f}" for each in (first, *figures)]
            rows.append([name, *row, f"{size / 1000:.0f}"])
    return rows


def paint(url: str, study: str) -> list[list[str]]:
    """In a browser with an empty cache, for each page: kilobytes, first paint, all pictures in sight."""
    from playwright.sync_api import Response, sync_playwright

    rows = []
    found = next((p for p in map(shutil.which, ("chromium", "google-chrome")) if p), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        for name, path in pages(study).items():
            if "/sections/" in path:
                continue
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            page = context.new_page()
            page.goto(f"{url}/login?next=/login")
            page.get_by_label("Your token").fill(TOKEN)
            page.get_by_role("button", name="Log in").click()
            page.wait_for_load_state()
            bodies: list[Response] = []
            page.on("response", lambda answer, kept=bodies: kept.append(answer))
            began = time.perf_counter()
            page.goto(url + path)
            # Playwright's own waiting for a function needs `eval` in the page, which its policy forbids.
            while not page.evaluate(DRAWN):
                page.wait_for_timeout(10)
            whole = time.perf_counter() - began
            first = page.evaluate(
                "performance.getEntriesByName('first-contentful-paint')[0].startTime"
            )
            weight = sum(
                len(each.body())
                for each in bodies
                if "echarts" not in each.url and "/events" not in each.url and each.ok
            )
            rows.append([name, f"{weight / 1000:.0f}", f"{first:.0f}", f"{1000 * whole:.0f}"])
            context.close()
        browser.close()
    return rows


def peer(python: str, folder: Path, count: int, visits: int) -> list[str]:
    database, port = folder / "peer.db", free_port()
    subprocess.run([python, "-c", PEER, str(database), str(count)], check=True)
    command = str(Path(python).with_name("optuna-dashboard"))
    url = f"http://127.0.0.1:{port}"
    with (
        process(
            command,
            f"sqlite:///{database}",
            "--port",
            str(port),
            ready=answers(f"{url}/api/studies"),
        ),
        httpx2.Client(base_url=url, trust_env=False, timeout=600) as client,
    ):
        (study,) = client.get("/api/studies").json()["study_summaries"]
        took, size = [], 0
        for _ in range(max(2, min(visits, 5))):
            began = time.perf_counter()
            size = len(client.get(f"/api/studies/{study['study_id']}?after=0").content)
            took.append(time.perf_counter() - began)
    slowest = f"{1000 * max(took[1:]):.0f}"
    return [
        "Optuna's dashboard, a study",
        f"{1000 * took[0]:.0f}",
        f"{1000 * statistics.median(took[1:]):.0f}",
        slowest,
        slowest,
        f"{size / 1000:.0f}",
    ]


def table(header: list[str], rows: list[list[str]]) -> None:
    for row in (header, ["---"] * len(header), *rows):
        print("| " + " | ".join(row) + " |")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=50_000)
    parser.add_argument("--visits", type=int, default=60)
    parser.add_argument("--peer", metavar="PYTHON", help="of an environment with optuna-dashboard")
    parser.add_argument("--serve", nargs=2, metavar=("DATABASE", "PORT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve[0], int(given.serve[1]))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database, port = f"sqlite:///{folder / 'caviar.db'}", free_port()
        engine = open_engine(database)
        migrate(engine)
        store = Store(engine)
        study = make_large_study(store, given.trials, ended=False)
        url = f"http://127.0.0.1:{port}"
        serving = [
            sys.executable,
            "-m",
            "benchmarks.pages.first_paint",
            "--serve",
            database,
            str(port),
        ]
        with process(*serving, ready=answers(f"{url}/api/v1/health")):
            rows = measure(url, study, given.visits, Changing(store, study, given.trials))
            if given.peer:
                rows.append(peer(given.peer, folder, given.trials, given.visits))
                ours = next(row for row in rows if row[0] == "Study")
                print(
                    f"Study page / Optuna's dashboard: {float(ours[2]) / float(rows[-1][2]):.3f} of the time, "
                    f"{float(ours[5]) / float(rows[-1][5]):.4f} of the bytes\n"
                )
            head = ["page", "first visit", "median", "95th percentile", "again, 95th", "kB"]
            table([head[0], *(f"{each}, ms" for each in head[1:5]), head[5]], rows)
            table(
                ["page in Chromium", "kB", "first paint, ms", "all in sight, ms"], paint(url, study)
            )


if __name__ == "__main__":
    main()
