"""The team's page: what it has and spent, who is in it, whom it tells, and what was done."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from caviar.contract.access import Quota
from tests.support.real_api import STUDY, Serving, serving
from tests.web.conftest import LOOKS, Visitor, visitor

HOOK = "https://93.184.216.34/hooks/caviar"


@pytest.fixture
def vision(service: Serving) -> str:
    service.access.teams.add("vision", 2.0, Quota(slots=4, studies=2))
    service.scheduler.teams_changed()
    return "vision"


def stored(page: Page) -> str:
    """What the browser keeps, and its address."""
    return str(
        page.evaluate(
            "JSON.stringify([localStorage, sessionStorage, location.href, history.state])"
        )
    )


def test_a_team_sees_its_quota_and_what_it_spent(
    browser: Browser, service: Serving, vision: str
) -> None:
    """A viewer too, with nothing to press."""
    study = service.submit("parabola", 2)
    service.train(study, 2)
    with visitor(browser, service.url, service.token("viewer")) as visit:
        page = visit.go("/team")
        expect(page.get_by_role("heading", name="Team default")).to_be_visible()
        months = page.get_by_role("region", name="Spent by month")
        expect(months.get_by_role("row")).to_have_count(13)
        expect(page.get_by_text("An admin of the team keeps its tokens")).to_be_visible()
        expect(page.get_by_role("main").get_by_role("button")).to_have_count(0)
        assert page.goto(f"{service.url}/team?team={vision}").status == 404  # type: ignore[union-attr]
        assert page.goto(f"{service.url}/team?section=members").status == 404  # type: ignore[union-attr]
        visit.wrong = [each for each in visit.wrong if "404" not in each]


def test_quota_follows_what_happens(visit: Visitor, service: Serving, vision: str) -> None:
    page = visit.go(f"/team?team={vision}")
    studies = page.get_by_role("row", name="Studies that go on")
    expect(studies).to_contain_text("0%")
    text = {"text": STUDY.format(name="one", trials=3), "team": vision}
    with service.client() as client:
        client.post("/studies", json=text).raise_for_status()
    expect(studies).to_contain_text("50%")


def test_a_token_is_made_shown_once_and_revoked(
    browser: Browser, service: Serving, vision: str
) -> None:
    """Its secret is on this page alone: in no storage, in no address, and gone with the page."""
    with visitor(browser, service.url, service.token("admin", vision)) as visit:
        page = visit.go("/team")
        page.get_by_label("A person or a pipeline").fill("<b>bob</b>")
        page.get_by_label("Role").select_option("viewer")
        page.get_by_label("Counts for").select_option("good")
        page.get_by_role("button", name="Create a token").click()
        field = page.get_by_label("The new token")
        expect(field).to_be_focused()
        secret = field.input_value()
        assert secret.startswith("cav_")
        assert secret not in stored(page)
        (made,) = [row for row in service.access.teams.tokens() if row.name == "<b>bob</b>"]
        assert (made.role, made.team, made.expires) == ("viewer", vision, None)
        mine = page.locator(f"#token-{made.id}")
        expect(mine).to_contain_text("for good")
        page.get_by_role("button", name="I have it").click()
        expect(field).to_have_count(0)
        page.once("dialog", lambda dialog: dialog.accept())
        mine.get_by_role("button").click()
        expect(mine).to_contain_text("revoked")
        assert secret not in visit.go("/team").content()


def test_a_webhook_is_added_tested_and_removed(
    browser: Browser, service: Serving, vision: str
) -> None:
    """Its secret is shown once; what it is told is chosen by boxes."""
    with visitor(browser, service.url, service.token("admin", vision)) as visit:
        page = visit.go("/team")
        page.get_by_label("Address").fill(HOOK)
        page.get_by_label("study.finished").check()
        page.get_by_label("quota.near").check()
        page.get_by_role("button", name="Add a webhook").click()
        expect(page.get_by_label("The webhook's secret")).to_have_value(re.compile("^whsec_"))
        hooks = page.get_by_role("region", name="Webhooks of the team")
        mine = hooks.get_by_role("row", name=HOOK)
        expect(mine).to_contain_text("study.finished, quota.near")
        page.get_by_role("button", name=f"Send a test to {HOOK}").click()
        expect(mine).to_contain_text("1 delivery to be sent")
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name=f"Remove the webhook {HOOK}").click()
        expect(page.get_by_text("Nobody is told.")).to_be_visible()


def test_a_refusal_is_told_in_its_form(browser: Browser, service: Serving, vision: str) -> None:
    """And nothing that was typed is lost."""
    with visitor(browser, service.url, service.token("admin", vision)) as visit:
        page = visit.go("/team")
        page.get_by_label("Address").fill("https://127.0.0.1/hook")
        page.get_by_role("button", name="Add a webhook").click()
        form = page.locator("form", has=page.get_by_label("Address"))
        expect(form.get_by_role("alert")).to_be_visible()
        expect(page.get_by_label("Address")).to_have_value("https://127.0.0.1/hook")
        visit.wrong = [each for each in visit.wrong if "422" not in each]


def test_the_audit_log_is_read_page_by_page(
    browser: Browser, service: Serving, vision: str
) -> None:
    """The newest first; a new line comes by itself."""
    with service.client() as client:
        for number in range(32):
            client.patch(f"/teams/{vision}", json={"weight": number + 1}).raise_for_status()
    with visitor(browser, service.url, service.token("admin", vision)) as visit:
        page = visit.go("/team")
        log = page.get_by_role("region", name="Audit log of the team")
        expect(log.get_by_role("row").nth(2)).to_contain_text("weight 31.0 → 32.0")
        page.get_by_label("A person or a pipeline").fill("bob")
        page.get_by_role("button", name="Create a token").click()
        expect(log.get_by_role("row").nth(1)).to_contain_text("token.create")
        page.get_by_role("link", name="Older lines").click()
        expect(log.get_by_role("row").last).to_contain_text("weight 2.0 → 1.0")
        page.get_by_role("link", name="The newest").click()
        expect(log.get_by_role("row").nth(1)).to_contain_text("token.create")


def test_an_operator_keeps_teams(visit: Visitor, service: Serving, vision: str) -> None:
    """Chooses one, sets its weight and quota, makes another; what is left empty is not limited."""
    page = visit.go("/team")
    page.get_by_role("navigation", name="Teams").get_by_role("link", name=vision).click()
    settings = page.get_by_role("region", name=f"Weight and quota of {vision}")
    settings.get_by_label("Weight").fill("3.5")
    settings.get_by_label("Slots at once").fill("")
    settings.get_by_label("Slot-hours a month").fill("120")
    settings.get_by_role("button", name="Set").click()
    expect(page.get_by_text("weight 3.5")).to_be_visible()
    found = service.access.teams.all()[vision]
    assert (found.weight, found.quota) == (3.5, Quota(slot_hours=120, studies=2))
    new = page.get_by_role("region", name="New team")
    new.get_by_label("Name").fill("speech")
    new.get_by_role("button", name="Create the team").click()
    expect(page.get_by_role("heading", name="Team speech")).to_be_visible()


def test_an_operator_makes_a_machines_token(visit: Visitor, service: Serving) -> None:
    """Without a team."""
    page = visit.go("/team")
    alone = page.get_by_role("region", name="Operators and machines", exact=True)
    alone.get_by_label("A machine or a person").fill("host-7")
    alone.get_by_role("button", name="Create a token").click()
    expect(alone.get_by_label("The new token")).to_be_visible()
    expect(alone.get_by_role("row", name="host-7")).to_contain_text("worker")
    (row,) = service.access.teams.tokens()
    assert (row.role, row.team) == ("worker", None)


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
@pytest.mark.parametrize("look", LOOKS)
def test_it_can_be_read_by_everybody_everywhere(
    browser: Browser, tmp_path: Path, look: str, phone: bool
) -> None:
    with (
        serving(tmp_path) as service,
        visitor(browser, service.url, look=look, phone=phone) as visit,
    ):
        quota = Quota(slots=1, slot_hours=1000.0, studies=3, trials=2000, storage=50_000_000)
        service.access.teams.edit("default", None, quota)
        service.scheduler.teams_changed()
        service.token("viewer", name="a rather long name of a person or of a pipeline at night")
        with service.client() as client:
            client.post("/webhooks", json={"url": HOOK + "/" + "long" * 30}).raise_for_status()
        page = visit.go("/team")
        page.get_by_label("A person or a pipeline").fill("bob")
        page.get_by_role("button", name="Create a token").first.click()
        expect(page.get_by_label("The new token")).to_be_visible()
        visit.fits()
        visit.check()
