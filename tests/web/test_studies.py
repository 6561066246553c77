"""The list of studies."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.support.real_api import Serving
from tests.web.conftest import Visitor


def test_the_list_follows_what_happens(visit: Visitor, service: Serving) -> None:
    """A study appears, runs and ends in a page that nobody loads again."""
    page = visit.go("/studies")
    expect(page.get_by_text("There is no study yet")).to_be_visible()
    study = service.submit("parabola", trials=3)
    expect(page.get_by_role("link", name="parabola")).to_be_visible()
    service.train(study, 3)
    expect(page.get_by_text("3 of 3")).to_be_visible()
    expect(page.locator(".state.done")).to_be_visible()
    visit.check()


def test_a_study_is_found_by_its_name(visit: Visitor, service: Serving) -> None:
    service.submit("one")
    service.submit("two")
    page = visit.go("/studies")
    page.get_by_label("Name or id").fill("two")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("link", name="two")).to_be_visible()
    expect(page.get_by_role("link", name="one", exact=True)).to_have_count(0)
