"""How soon an open page shows what happened.

    python -m benchmarks.pages.live --trials 40

The real API and pages, a study whose trials are played by this process, and its page, the queue and the list of studies
open in a Chromium, one after the other. A trial ends every second or so; measured is the time from the worker's report
until the page's text shows one more trial, by the same machine's clock.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.support.real_api import TOKEN, Serving, serving

SHOWS = {
    "/studies/{study}": ("#head", r"(\d+) of \d+ trials ended"),
    "/studies": ("#list", r"(\d+) of \d+"),
    "/queue": ("#studies", r"parabola\s+default\s+\d+\s+(\d+)"),
}
"""Pages, where in them to look, and what changes there with each trial."""
WATCH = """([where, pattern]) => {
  window.seen = [];
  let last = null;
  const look = () => {
    const text = document.querySelector(where)?.innerText ?? '';
    const found = text.match(new RegExp(pattern))?.[1] ?? null;
    if (found !== last) window.seen.push([Date.now() / 1000, found]);
    last = found;
  };
  look();
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""


def follow(page: Page, service: Serving, path: str, count: int) -> list[float]:
    study = service.submit("parabola", trials=count + 3)
    service.train(study, 1)
    where, pattern = SHOWS[path]
    page.goto(service.url + path.format(study=study))
    page.wait_for_timeout(1500)
    page.evaluate(WATCH, [where, pattern])
    delays = []
    for _ in range(count):
        page.wait_for_timeout(800 + 600 * random.random())
        before = len(page.evaluate("window.seen"))
        service.train(study, 1)
        ended = time.time()
        while len(page.evaluate("window.seen")) == before and time.time() < ended + 10:
            page.wait_for_timeout(20)
        seen = page.evaluate("window.seen")
        if len(seen) == before:
            raise SystemExit(f"{path} did not follow within 10 s")
        delays.append(seen[before][0] - ended)
    service.scheduler.stop(study)
    return delays


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=40)
    given = parser.parse_args()
    print("| page | median, s | 95th percentile, s | slowest, s |\n|---|---|---|---|")
    names = ("chromium", "google-chrome")
    browser = next((path for path in map(shutil.which, names) if path), None)
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder)) as service,
        sync_playwright() as playwright,
    ):
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        context = chromium.new_context(bypass_csp=True)
        page = context.new_page()
        page.goto(f"{service.url}/login")
        page.get_by_label("Your token").fill(TOKEN)
        page.get_by_role("button", name="Log in").click()
        for path in SHOWS:
            delays = sorted(follow(page, service, path, given.trials))
            late = statistics.quantiles(delays, n=20, method="inclusive")[-1]
            figures = (statistics.median(delays), late, delays[-1])
            print(
                f"| `{path}` | " + " | ".join(f"{each:.2f}" for each in figures) + " |", flush=True
            )
        chromium.close()


if __name__ == "__main__":
    main()
