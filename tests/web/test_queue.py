"""The queue's page: who has the slots, who waits and why, and what each may change."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from caviar.contract.access import Quota
from caviar.contract.messages import ClaimRequest, Heartbeat, Hello
from tests.support import wait_until
from tests.support.real_api import STUDY, Serving, serving
from tests.web.conftest import LOOKS, Visitor, visitor

GPUS = ("GPU-3f9c1e4f-aaaa", "GPU-8b1d02c7-bbbb")
HOST = "a100-01"


def submit(service: Serving, name: str, team: str, trials: int = 9) -> str:
    text = STUDY.format(name=name, trials=trials) + "resources: {class: gpu}\n"
    with service.client() as client:
        answer = client.post("/studies", json={"text": text, "team": team})
    answer.raise_for_status()
    return str(answer.json()["id"])


def hold(service: Serving, study: str, count: int, first: int = 0) -> None:
    """As a worker: train so many of the study's trials, on slots from ``first`` on."""
    for slot in range(first, first + count):

        def claim(slot: int = slot) -> bool:
            for ticket in [each for each in service.tickets if each.study == study]:
                service.tickets.remove(ticket)
                about = {"trial": ticket.trial, "attempt": ticket.attempt, "nonce": "n" * 8}
                place = {"host": HOST, "incarnation": "one", "slot": slot, "gpus": GPUS}
                if service.scheduler.claim(ClaimRequest(**about, **place)).granted:
                    return True
            return False

        wait_until(claim, why=f"a trial of {study} on slot {slot}")


@pytest.fixture
def town(service: Serving) -> dict[str, str]:
    """Two teams before a host with two slots, both of vision's; a drained host, and one that warns."""
    service.access.teams.add("vision", 2.0, Quota())
    service.access.teams.add("speech", 1.0, Quota())
    service.scheduler.teams_changed()
    service.scheduler.hello(
        Hello(host=HOST, incarnation="one", resource_class="gpu", slots=2, gpus=2)
    )
    studies = {"resnet": submit(service, "resnet", "vision")}
    hold(service, studies["resnet"], 2)
    studies["conformer"] = submit(service, "conformer", "speech")
    studies["vit"] = submit(service, "vit", "vision")
    return studies


def row(page: Page, name: str) -> Locator:
    return page.locator("#studies tr", has_text=name)


def test_it_says_who_uses_the_gpus(visit: Visitor, service: Serving, town: dict[str, str]) -> None:
    """By class and team, and slot by slot, with the trial that is on it."""
    page = visit.go("/queue")
    slots = page.get_by_role("region", name="Who has the slots")
    expect(slots).to_contain_text("2 trials train · 0 of 2 slots free · 2 of 2 GPUs in use")
    expect(slots.get_by_role("listitem").first).to_contain_text("vision 2")
    here = page.get_by_role("list", name=f"Slots of {HOST}")
    trial = here.get_by_role("link", name="resnet #0")
    expect(trial).to_have_attribute("href", f"/studies/{town['resnet']}/trials/0")
    expect(here).to_contain_text("GPU 3f9c1e4f")
    expect(row(page, "conformer")).to_contain_text("All 2 slots of class gpu are taken")


def test_it_follows_what_happens(visit: Visitor, service: Serving) -> None:
    """A host, a study, a slot that is taken and a warning appear in a page that nobody loads again."""
    page = visit.go("/queue")
    expect(page.get_by_text("No study is in the queue.")).to_be_visible()
    expect(page.get_by_role("link", name="New study", exact=True)).to_have_count(2)
    expect(page.get_by_text("caviar run examples/digits/study.yaml")).to_be_visible()
    service.scheduler.hello(Hello(host=HOST, incarnation="one", resource_class="gpu", slots=1))
    expect(page.get_by_role("heading", name=HOST)).to_be_visible()
    study = submit(service, "resnet", "default")
    expect(row(page, "resnet")).to_be_visible()
    hold(service, study, 1)
    expect(page.get_by_role("link", name="resnet #0")).to_be_visible()
    warned = Heartbeat(host=HOST, incarnation="one", free=0, warnings=("the disk is 93% full",))
    service.scheduler.heartbeat(warned)
    expect(page.get_by_text("the disk is 93% full")).to_be_visible()


def test_a_study_is_put_before_others_with_the_keyboard(
    visit: Visitor, service: Serving, town: dict[str, str]
) -> None:
    """Priority in its team, and an operator's place; the focus stays on the button that was pressed."""
    page = visit.go("/queue")
    up = page.get_by_role("button", name="Raise the priority of vit")
    up.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="Priority of vit")).to_contain_text("1")
    expect(up).to_be_focused()
    page.get_by_role("button", name="Put vit first").click()
    pressed = page.get_by_role("button", name="Put vit first", pressed=True)
    expect(pressed).to_be_visible()
    record = service.store.study(town["vit"])
    assert record is not None
    assert (record.priority, record.place) == (1, "first")


def test_a_study_is_paused_resumed_and_stopped(
    visit: Visitor, service: Serving, town: dict[str, str]
) -> None:
    """A stop is asked for twice."""
    page = visit.go("/queue")
    page.get_by_role("button", name="Pause vit").click()
    expect(row(page, "vit").locator(".state.paused")).to_be_visible()
    page.get_by_role("button", name="Resume vit").click()
    expect(row(page, "vit").locator(".state.paused")).to_have_count(0)
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Stop vit").click()
    expect(row(page, "vit")).to_be_visible()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Stop vit").click()
    expect(row(page, "vit")).to_have_count(0)
    found = service.store.study(town["vit"])
    assert found is not None
    assert found.state == "stopped"


def test_an_operator_drains_a_host_and_gives_it_work_again(
    visit: Visitor, service: Serving, town: dict[str, str]
) -> None:
    page = visit.go("/queue")
    page.get_by_role("button", name=f"Drain {HOST}", exact=True).click()
    expect(page.get_by_text("2 trials left")).to_be_visible()
    page.get_by_role("button", name=f"Resume {HOST}").click()
    expect(page.locator(".state.drained")).to_have_count(0)
    expect(page.get_by_role("button", name=f"Drain {HOST}", exact=True)).to_be_visible()
    assert service.scheduler.drained(HOST) is None


def test_an_operator_trusts_a_host_that_was_set_aside(visit: Visitor, service: Serving) -> None:
    service.scheduler.hello(Hello(host=HOST, incarnation="one", slots=1))
    aside = service.store.set_aside(HOST, "its last 5 trials failed in a row")
    service.scheduler._hosts.aside[HOST] = aside
    page = visit.go("/queue")
    expect(page.get_by_text("its last 5 trials failed in a row")).to_be_visible()
    page.get_by_role("button", name=f"Trust {HOST} again").click()
    expect(page.get_by_text("its last 5 trials failed in a row")).to_have_count(0)
    assert service.scheduler.aside(HOST) is None


def test_another_teams_studies_are_anonymous_and_a_viewer_changes_nothing(
    browser: Browser, service: Serving, town: dict[str, str]
) -> None:
    """How many slots they hold is everybody's to see: nothing else is."""
    with visitor(browser, service.url, service.token("viewer", "speech")) as visit:
        page = visit.go("/queue")
        expect(row(page, "conformer")).to_be_visible()
        expect(page.get_by_text("another team's study")).to_have_count(2)
        here = page.get_by_role("list", name=f"Slots of {HOST}")
        expect(here.get_by_role("listitem").first).to_contain_text("another team's")
        for name in ("resnet", "vit", town["resnet"], town["vit"]):
            assert name not in page.content()
        expect(page.get_by_role("main").get_by_role("button")).to_have_count(0)


def test_a_member_changes_the_own_teams_studies_alone(
    browser: Browser, service: Serving, town: dict[str, str]
) -> None:
    """A place before all teams, and hosts, are an operator's."""
    with visitor(browser, service.url, service.token("submitter", "vision")) as visit:
        page = visit.go("/queue")
        expect(page.get_by_role("button", name="Pause vit")).to_be_visible()
        expect(page.get_by_role("button", name="Put vit first")).to_have_count(0)
        expect(page.get_by_role("button", name=f"Drain {HOST}")).to_have_count(0)
        expect(row(page, "another team").get_by_role("button")).to_have_count(0)


def test_what_hosts_say_of_themselves_is_text(visit: Visitor, service: Serving) -> None:
    """Names of hosts, warnings and reasons come from elsewhere."""
    name = "<img src=x onerror=alert(1)>"
    service.scheduler.hello(Hello(host=name, incarnation="one", slots=1))
    evil = Heartbeat(host=name, incarnation="one", free=1, warnings=("<script>alert(2)</script>",))
    service.scheduler.heartbeat(evil)
    page = visit.go("/queue")
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.get_by_text("<script>alert(2)</script>")).to_be_visible()
    page.get_by_role("button", name=f"Drain {name}", exact=True).click()
    expect(page.get_by_text("0 trials left")).to_be_visible()


def test_a_long_queue_is_shown_page_by_page(visit: Visitor, service: Serving) -> None:
    for number in range(52):
        service.submit(f"study-{number:02d}")
    page = visit.go("/queue")
    expect(page.get_by_text("1 to 50 of 52 studies")).to_be_visible()
    page.get_by_role("link", name="The next ones").click()
    expect(page.get_by_text("51 to 52 of 52 studies")).to_be_visible()


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
@pytest.mark.parametrize("look", LOOKS)
def test_it_can_be_read_by_everybody_everywhere(
    browser: Browser, tmp_path: Path, look: str, phone: bool
) -> None:
    with (
        serving(tmp_path) as service,
        visitor(browser, service.url, look=look, phone=phone) as visit,
    ):
        service.scheduler.hello(
            Hello(host=HOST, incarnation="one", resource_class="gpu", slots=3, gpus=2)
        )
        hold(service, submit(service, "a-study-with-a-rather-long-name-that-goes-on", "default"), 2)
        visit.go("/queue")
        visit.fits()
        visit.check()
