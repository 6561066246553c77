"""Every page of a service in use: light, dark, on a phone; axe finds nothing serious, nothing is wider than the screen.

With CAVIAR_SCREENSHOTS=FOLDER these tests also take the pictures of the documentation: `make screenshots`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, expect

from tests.support import wait_until
from tests.support.real_api import Serving, serving
from tests.support.zoomed import Zoomed
from tests.web.conftest import LOOKS, visitor
from tests.web.town import crowded, fresh_champion

TRAINED = 60
TALL = {"study": 1400, "result": 520}
"""Pages that are shown by their beginning where a document speaks of it."""


@dataclass(frozen=True)
class World:
    service: Serving
    ended: str
    """A study that has ended, and was confirmed and checked."""
    going: str
    """One whose trials train."""

    def pages(self) -> dict[str, str]:
        return {
            "queue": "/queue",
            "studies": "/studies",
            "study": f"/studies/{self.going}",
            "result": f"/studies/{self.ended}",
            "champion": f"/studies/{self.ended}/champion",
            "new": "/new",
            "team": "/team?team=vision",
        }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Teams that share hosts with GPUs, a study that has ended and one that is half way."""
    with serving(tmp_path_factory.mktemp("world")) as service:
        zoomed = Zoomed(service, fails=13, stops=5)
        ended = zoomed.submit(trials=TRAINED, confirm=3)
        zoomed.train(ended, TRAINED)
        while (record := service.store.study(ended)) and record.state == "running":
            wait_until(lambda: _waits(service, ended), why="a trial again, or the end")
            if any(ticket.study == ended for ticket in service.tickets):
                zoomed.train(ended, 1)
        zoomed.refiner.turn()
        fresh_champion(service, ended)
        going = zoomed.submit("digits-wide", trials=80)
        zoomed.train(going, 41)
        crowded(service)
        for name in ("ada", "grace", "nightly pipeline"):
            service.token("submitter", "vision", name, days=90)
        for _ in range(2):
            zoomed.begin(going)
        for _ in range(6):
            zoomed.report()
        yield World(service, ended, going)


def _waits(service: Serving, study: str) -> bool:
    record = service.store.study(study)
    tickets = any(ticket.study == study for ticket in service.tickets)
    return tickets or record is None or record.state != "running"


@pytest.mark.parametrize("page", World(None, "", "").pages())  # type: ignore[arg-type]
@pytest.mark.parametrize("look", [*LOOKS, "phone"])
def test_a_page(browser: Browser, world: World, page: str, look: str) -> None:
    phone = look == "phone"
    with visitor(browser, world.service.url, look=look, phone=phone) as visit:
        visit.go(world.pages()[page])
        if page == "new":
            visit.page.get_by_role("button", name="Start from an example").click()
            expect(visit.page.get_by_text("learning_rate").last).to_be_visible()
        visit.shows()
        visit.fits()
        visit.check()
        visit.snap(f"{page}-{look}")
        if page in TALL and look == "light":
            visit.snap(f"{page}-top", TALL[page])


def test_every_page_leads_on_with_the_keyboard(browser: Browser, world: World) -> None:
    """The first key goes past the navigation, the next ones through all there is to press."""
    with visitor(browser, world.service.url) as visit:
        page = visit.go(f"/studies/{world.going}")
        page.keyboard.press("Tab")
        expect(page.get_by_text("To the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        for _ in range(4):
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement !== document.body")
