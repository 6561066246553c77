"""An open page follows what happens, through a restart of the service too."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.support.real_api import serving
from tests.support.servers import free_port
from tests.web.conftest import visitor


def test_a_page_lives_through_a_restart_of_the_service(browser: Browser, tmp_path: Path) -> None:
    """It says that the service is away, waits, and goes on by itself: nobody loads it again."""
    port = free_port()
    with serving(tmp_path, port=port) as before:
        study = before.submit("parabola", trials=4)
        before.train(study, 1)
        with visitor(browser, before.url) as visit:
            page = visit.go("/studies")
            expect(page.get_by_text("1 of 4")).to_be_visible()
            page.evaluate("window.loadedOnce = true")
            before.stop()
            expect(page.get_by_text("The service is away")).to_be_visible()
            with serving(tmp_path, port=port) as after:
                expect(page.locator("#connection")).to_be_hidden(timeout=30_000)
                after.train(study, 3)
                expect(page.get_by_text("4 of 4")).to_be_visible(timeout=30_000)
                assert page.evaluate("window.loadedOnce")
                page.goto("about:blank")
            # What a browser says of a connection that was refused is no complaint of the page's.
            refused = ("ERR_", "Failed to fetch")
            visit.wrong = [w for w in visit.wrong if not any(each in w for each in refused)]


def test_a_session_that_ended_meanwhile_leads_to_the_login(
    browser: Browser, tmp_path: Path
) -> None:
    """And from there back to where one was."""
    with serving(tmp_path) as service:
        token = service.token("submitter")
        with visitor(browser, service.url, token) as visit:
            page = visit.go("/studies")
            row = service.access.teams.tokens()[0]
            revoked = service.access.teams.revoke(row.id)
            assert revoked is not None
            service.access.changed(revoked)
            service.submit("parabola")
            expect(page.get_by_label("Your token")).to_be_visible(timeout=30_000)
            assert "next=%2Fstudies" in page.url
            visit.wrong = [each for each in visit.wrong if "401" not in each]
