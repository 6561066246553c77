"""The page of one trial: what it shows, and what somebody at a browser does to a training that really runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from caviar.contract.views import Submission
from tests.support import wait_until
from tests.support.desk import TOKEN, Desk
from tests.support.host import worker_host
from tests.support.real_api import Serving
from tests.support.servers import RedisServer
from tests.support.service import Service, service
from tests.support.walk import STUDY, write_walk
from tests.web.conftest import DESK, LOOKS, PHONE, Visitor, visitor

LONG_MS = 60_000
"""For what a training does: its process starts first, on a machine that may be busy."""
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@dataclass
class Bench:
    """A training that runs, and somebody before its page."""

    caviar: Service
    study: str
    visit: Visitor

    def path(self, number: int = 0) -> str:
        return f"/studies/{self.study}/trials/{number}"

    def until_step(self, step: int, number: int = 0) -> None:
        def there() -> bool:
            points = self.caviar.get(f"{self.path(number)}/curve").json()["points"]
            return bool(points) and points[-1][0] >= step

        wait_until(there, 60, f"trial {number} is at step {step}")

    def look(self, number: int = 0) -> Page:
        page = self.visit.go(self.path(number))
        self.visit.shows()
        return page


@pytest.fixture
def bench(browser: Browser, short_path: Path, redis_server: RedisServer) -> Iterator[Bench]:
    code = write_walk(short_path / "code")
    with (
        service(short_path, redis_server, lease_s=30.0) as caviar,
        worker_host(short_path, redis_server, Desk(url=caviar.url), slots=2) as host,
    ):
        study = caviar.scheduler.submit(Submission(text=STUDY, folder=str(code))).id
        host.start()
        with visitor(browser, caviar.url, TOKEN) as visit:
            bench = Bench(caviar, study, visit)
            bench.until_step(12)
            yield bench


def form(page: Page, name: str) -> Locator:
    """The form of that name, opened."""
    found = page.get_by_role("form", name=name)
    if not found.is_visible():
        page.locator("summary", has_text=name).click()
    return found


def done(page: Page) -> Locator:
    return page.get_by_role("region", name="What was done to it")


def test_a_value_is_changed_and_the_change_is_seen_in_the_curve(bench: Bench) -> None:
    """Refused in the API's words; then asked, read by the training, drawn, and in the list with who and why."""
    page = bench.look()
    change = form(page, "Change a value")
    change.get_by_label("learning_rate").fill("7")
    change.get_by_role("button").click()
    expect(change.get_by_role("alert")).to_contain_text("lies outside [0.0001, 1]")
    bench.visit.was_refused(422)
    change.get_by_label("learning_rate").fill("0.1")
    change.get_by_label("Why").fill(f"far too slow {HOSTILE}")
    change.get_by_role("button").click()
    expect(change.get_by_role("alert")).to_be_hidden()
    expect(change.get_by_label("learning_rate")).to_have_value("")
    listed = done(page).get_by_role("row", name="learning_rate 0.01 -> 0.1")
    expect(listed).to_contain_text("in effect after step", timeout=LONG_MS)
    expect(listed).to_contain_text(f"operator: far too slow {HOSTILE}")
    picture = page.locator("#said-curve")
    expect(picture).to_contain_text(re.compile("learning_rate 0.01 → 0.1"))
    expect(page.locator("#point")).to_contain_text("Now")
    bench.visit.check()


def test_a_training_that_was_changed_in_every_look(bench: Bench) -> None:
    """The curve with its change, the controls and the attempts: light, dark, on a phone."""
    page = bench.look()
    change = form(page, "Change a value")
    change.get_by_label("learning_rate").fill("0.05")
    change.get_by_label("Why").fill("the curve is flat")
    change.get_by_role("button").click()
    expect(done(page)).to_contain_text("in effect after step", timeout=LONG_MS)
    step = bench.caviar.get(f"{bench.path()}/curve").json()["points"][-1][0]
    bench.until_step(step + 40)
    for look, size in (("light", DESK), ("dark", DESK), ("light", PHONE)):
        page.emulate_media(color_scheme="dark" if look == "dark" else "light")
        page.set_viewport_size(size)  # type: ignore[arg-type]
        bench.look()
        bench.visit.fits()
        bench.visit.check()
        bench.visit.snap(f"trial-{'phone' if size == PHONE else look}")


def test_one_goes_back_and_the_page_of_the_other_trial_has_the_whole_course(bench: Bench) -> None:
    """From the page of the trial that ended to the one that goes on, which shows where it began."""
    page = bench.look()
    expect(page.locator("summary", has_text="Go back")).to_be_visible(timeout=LONG_MS)
    back = form(page, "Go back")
    back.get_by_label("To step").fill("7")
    back.get_by_label("Why").fill("once more")
    back.get_by_role("button").click()
    expect(done(page)).to_contain_text("went back to step 5 as trial 1", timeout=LONG_MS)
    expect(page.locator("#head")).to_contain_text("goes on as trial 1", timeout=LONG_MS)
    bench.until_step(15, 1)
    done(page).get_by_role("link", name="To trial 1").click()
    page.wait_for_url(f"**{bench.path(1)}")
    expect(page.locator("#head")).to_contain_text("goes on from trial 0, step 5, in its place")
    picture = page.locator("#said-curve")
    expect(picture).to_contain_text(re.compile(r"It goes on from trial 0, step 5\."))
    expect(page.locator("[data-now]")).to_contain_text(re.compile(r"step \d+, loss"))


def test_a_training_is_forked_one_is_kept_and_taken_up_again(bench: Bench) -> None:
    """Beside the original; keeping one ends the other; stopping is asked for twice; then another study goes on."""
    page = bench.look()
    page.on("dialog", lambda dialog: dialog.accept())
    expect(page.locator("summary", has_text="Fork it")).to_be_visible(timeout=LONG_MS)
    fork = form(page, "Fork it")
    fork.get_by_label("learning_rate").fill("0.05")
    fork.get_by_role("button").click()
    expect(done(page)).to_contain_text("trial 1 goes on from", timeout=LONG_MS)
    bench.until_step(20, 1)
    bench.look(1)
    page.get_by_role("button", name="Keep this one").click()
    expect(page.get_by_role("button", name="Keep this one")).to_be_hidden(timeout=LONG_MS)
    page.get_by_role("link", name="← Trial 0").click()
    expect(page.locator("#head")).to_contain_text("trial 1 is kept", timeout=LONG_MS)
    bench.look(1)
    page.get_by_role("button", name="Stop this trial").click()
    take_up = page.get_by_role("form", name="Take it up by hand")
    expect(take_up).to_be_visible(timeout=LONG_MS)
    take_up.get_by_label("Name of the new study").fill("again")
    of_a_study = re.compile(r"/studies/[0-9a-f]{8}$")
    page.route(of_a_study, lambda route: route.fulfill(body="The page of a study"))
    take_up.get_by_role("button").click()
    page.wait_for_url(of_a_study)
    other = page.url.rpartition("/")[2]
    assert bench.caviar.get(f"/studies/{other}").json()["name"] == "again"


def test_one_model_becomes_several(bench: Bench) -> None:
    """Each with numbers a little different; the list names them."""
    page = bench.look()
    expect(page.locator("summary", has_text="Spread it")).to_be_visible(timeout=LONG_MS)
    spread = form(page, "Spread it")
    spread.get_by_label("Copies").fill("2")
    spread.get_by_role("button").click()
    for number in (1, 2):
        expect(done(page)).to_contain_text(f"trial {number} goes on from", timeout=LONG_MS)


def test_the_nurse_is_switched_off_and_on(visit: Visitor, service: Serving) -> None:
    """On the page of any trial of a study that has one, with what she may do."""
    text = STUDY + "nurse: {parameter: learning_rate, steps: 300}\n"
    with service.client() as client:
        study = client.post("/studies", json={"text": text}).raise_for_status().json()["id"]
    wait_until(lambda: service.store.numbered(study, 0), why="its trial is there")
    page = visit.go(f"/studies/{study}/trials/0")
    nurse = page.locator("#nurse")
    expect(nurse).to_contain_text("learning_rate, 0.0001 … 1")
    nurse.get_by_role("button", name="Switch her off").click()
    expect(nurse.get_by_role("button", name="Switch her on")).to_be_visible()
    nurse.get_by_role("button", name="Switch her on").click()
    expect(nurse.get_by_role("button", name="Switch her off")).to_be_visible()


@pytest.fixture
def ended(service: Serving) -> str:
    """A study with a failed trial, one with a curve and one without."""
    study = service.submit(trials=3)
    service.train(study, 1, outcome="failed", value=None, error=f"Trace\n{HOSTILE}", output=HOSTILE)
    service.train(study, 1, curve=[(step, 1 / (step + 1)) for step in range(20)])
    service.train(study, 1)
    wait_until(lambda: service.store.study(study).state == "done", why="it is over")  # type: ignore[union-attr]
    return study


def test_what_a_training_wrote_is_text(visit: Visitor, ended: str) -> None:
    """An error and an output with markup in them are shown as they are, with the attempt that failed."""
    page = visit.go(f"/studies/{ended}/trials/0")
    expect(page.get_by_role("region", name="Its error")).to_have_text(f"Trace\n{HOSTILE}")
    expect(page.get_by_role("region", name="What it wrote")).to_have_text(HOSTILE)
    attempts = page.get_by_role("region", name="Table of the attempts")
    expect(attempts.get_by_role("row").nth(1)).to_contain_text("failed")
    assert page.locator("main script, main img").count() == 0


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_an_ended_trial_looks_right(
    browser: Browser, service: Serving, ended: str, look: str, phone: bool
) -> None:
    """In both looks and on a phone: nothing is too wide, axe finds nothing, and all is said in words too."""
    with visitor(browser, service.url, look=look, phone=phone) as visit:
        page = visit.go(f"/studies/{ended}/trials/1")
        visit.shows()
        expect(page.locator("#said-curve")).to_contain_text(
            re.compile("loss of trial 1: 1 at step 0, 0.05 at step 19")
        )
        visit.check()
        visit.fits()
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="To the content")).to_be_focused()
        page.get_by_role("link", name="Trial 2 →").click()
        expect(page.locator("#curve")).to_contain_text("Caviar has no curve of this trial")
        visit.check()
        visit.fits()


def test_who_may_only_look_is_offered_nothing(
    browser: Browser, service: Serving, ended: str
) -> None:
    """A viewer's page has no form but that to log out."""
    with visitor(browser, service.url, service.token("viewer")) as visit:
        page = visit.go(f"/studies/{ended}/trials/1")
        expect(page.locator("#head")).to_contain_text("Trial 1")
        assert page.locator("main form").count() == 0
