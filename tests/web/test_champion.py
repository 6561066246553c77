"""The page of a champion: whether it holds, what that means, and every decision that somebody makes there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from caviar.contract.recheck import RecheckView
from tests.support import wait_until
from tests.support.real_api import Serving
from tests.web.conftest import LOOKS, Visitor, visitor

HOSTILE = "<script>alert(1)</script>"
MOVED = {
    "word": "moved",
    "effect": 0.2,
    "low": 0.15,
    "high": 0.25,
    "challenger": {"x": 0.1},
    "drifts": [{"parameter": "x", "scale": "linear", "before": 0.3, "after": 0.1, "distance": 0.4}],
    "champion": 0.35,
    "trainings": 6,
}
HOLDS = MOVED | {"word": "holds", "effect": -0.01, "low": -0.05, "high": 0.02, "drifts": []}


@pytest.fixture
def study(service: Serving) -> str:
    """One that is over, with a champion."""
    study = service.submit("churn", trials=2)
    service.train(study, 2)
    wait_until(lambda: service.store.study(study).state == "done", why="it is over")  # type: ignore[union-attr]
    crown(service, study, 0.3, "champion")
    return study


def crown(
    service: Serving, study: str, x: float, state: Literal["champion", "proposed"], **more: Any
) -> int:
    made = service.store.rechecks.propose(
        study,
        {"x": x},
        study,
        more.get("trial", 0),
        run_id=None,
        value=x,
        low=x - 0.02,
        high=x + 0.02,
        runs=3,
        data_version=more.get("data", "2026-11"),
        code_version=None,
        why=f"the best {HOSTILE}",
        by="caviar",
        check_number=more.get("check"),
        state=state,
    )
    assert made is not None
    return made.number


def check(service: Serving, study: str, verdict: dict[str, Any], data: str) -> int:
    """One that has ended."""
    asked = service.store.rechecks.ask(
        study, "data", why=f"The data changed. {HOSTILE}", data_version=data, again=True
    )
    assert asked is not None
    service.store.rechecks.end(study, asked[0].number, verdict, None)
    return asked[0].number


@pytest.fixture
def seen(service: Serving, study: str) -> Callable[[], RecheckView]:
    record = service.store.study(study)
    assert record is not None
    return lambda: service.app.state.checks.view(record)  # type: ignore[no-any-return]


def champion_page(visit: Visitor, study: str) -> Page:
    page = visit.go(f"/studies/{study}/champion")
    page.on("dialog", lambda dialog: dialog.accept())
    return page


def test_a_check_is_asked_for_and_its_verdict_appears(
    visit: Visitor, service: Serving, study: str
) -> None:
    """The page says what it waits for; once there is a verdict it says what that means, and what to do next."""
    page = champion_page(visit, study)
    now = page.locator("#now")
    expect(now).to_contain_text("not checked")
    ask = page.get_by_role("form", name="Check it now")
    ask.get_by_label("Version of the data").fill("2026-12")
    ask.get_by_label("Why").fill("the new year's data")
    ask.get_by_role("button").click()
    expect(now).to_contain_text("Check 1 is due")
    service.store.rechecks.end(study, 1, MOVED, None)
    expect(now).to_contain_text("the optimum lies elsewhere")
    expect(now).to_contain_text("0.35 -> about 0.15 with x 0.1 instead of 0.3")
    expect(now).to_contain_text("Tune again")
    checks = page.get_by_role("region", name="Table of the checks")
    expect(checks).to_contain_text("operator: the new year's data")
    expect(checks).to_contain_text("x 0.3 -> 0.1: 0.4 widths of the last box")
    page.locator("#chart-champions").scroll_into_view_if_needed()
    visit.shows()
    expect(page.locator("#said-champions")).to_contain_text(
        "1 check: 1 moved. The champion's loss was 0.35 in the first. 1 champion so far.",
    )


def test_a_proposed_champion_is_promoted_taken_back_and_promoted_again(
    visit: Visitor, service: Serving, study: str, seen: Callable[[], RecheckView]
) -> None:
    """Each decision with its reason, and each shows at once."""
    number = crown(
        service, study, 0.1, "proposed", trial=1, check=check(service, study, MOVED, "2026-12")
    )
    page = champion_page(visit, study)
    expect(page.locator("#now")).to_contain_text("Promote it, or reject it.")
    promote = page.get_by_role("form", name=f"Promote champion {number}")
    promote.get_by_label("Why").fill("held in the shadow run")
    promote.get_by_role("button").click()
    expect(page.locator("#now")).to_contain_text(f"Champion {number}")
    expect(page.locator("#proposed")).to_be_hidden()
    assert seen().champions[-1].why == "held in the shadow run"
    back = page.get_by_role("form", name="Take it back")
    back.get_by_label("Why").fill("slower in production")
    back.get_by_role("button").click()
    expect(page.locator("#now")).to_contain_text("Champion 1")
    page.locator("#champions").get_by_role("button", name="Promote").click()
    expect(page.locator("#now")).to_contain_text(f"Champion {number}")


def test_a_proposed_champion_is_rejected(
    visit: Visitor, service: Serving, study: str, seen: Callable[[], RecheckView]
) -> None:
    """It appears while one looks, and goes."""
    page = champion_page(visit, study)
    expect(page.locator("#proposed")).to_be_hidden()
    number = crown(service, study, 0.1, "proposed", trial=1)
    service.submit("another")  # something happens in the team
    reject = page.get_by_role("form", name=f"Reject champion {number}")
    reject.get_by_label("Why").fill("too slow")
    reject.get_by_role("button").click()
    expect(page.locator("#proposed")).to_be_hidden()
    assert [each.state for each in seen().champions] == ["champion", "rejected"]


def test_a_policy_is_set_refused_and_switched_off(
    visit: Visitor, study: str, seen: Callable[[], RecheckView]
) -> None:
    """What no study file may say is refused in the form; the rest is in force, with the next check's time."""
    page = champion_page(visit, study)
    policy = page.get_by_role("form", name="When it is checked by itself")
    policy.get_by_label("Time").select_option(label="every 7 days")
    policy.get_by_label("or as cron").fill("0 6 * * MON")
    policy.get_by_role("button").click()
    expect(policy.get_by_role("alert")).to_contain_text("`every` says already when")
    visit.was_refused(422)
    policy.get_by_label("or as cron").fill("")
    policy.get_by_label("Tolerance").fill("0.002")
    policy.get_by_label("Then").select_option(label="tune again and propose the result")
    policy.get_by_label("A new version of the code").check()
    policy.get_by_role("button").click()
    expect(page.locator("#ask")).to_contain_text("every 7 days and when the code changes, next")
    made = seen().policy
    assert made is not None
    assert (made.every_s, made.code, made.tolerance) == (604_800.0, True, 0.002)
    assert made.when_moved == "propose"
    page.get_by_role("button", name="Switch it off").click()
    expect(page.locator("#policy")).to_contain_text("off: only when somebody asks")
    assert seen().policy is None


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_a_long_history_looks_right(
    browser: Browser, service: Serving, study: str, look: str, phone: bool
) -> None:
    """In both looks and on a phone; what people and programs wrote is text."""
    check(service, study, HOLDS, "2026-11-b")
    check(service, study, MOVED | {"word": "inconclusive", "reason": HOSTILE}, "2026-11-c")
    number = check(service, study, MOVED, "2026-12" + "0" * 150)
    crown(service, study, 0.1, "proposed", trial=1, check=number, data="2026-12" + "0" * 150)
    with visitor(browser, service.url, look=look, phone=phone) as visit:
        page = champion_page(visit, study)
        page.locator("#chart-champions").scroll_into_view_if_needed()
        visit.shows()
        expect(page.locator("#now")).to_contain_text(HOSTILE)
        assert page.locator("main script").count() == 0
        visit.check()
        visit.fits()


def test_a_model_by_hand_has_no_champion(visit: Visitor, service: Serving) -> None:
    """The page says so, and offers nothing."""
    text = """
name: by-hand
mode: panda
metric: {name: loss, goal: minimize}
trainer: {function: "walk:train"}
space: {x: {type: float, low: 0.0, high: 1.0}}
"""
    with service.client() as client:
        study = client.post("/studies", json={"text": text}).raise_for_status().json()["id"]
    page = visit.go(f"/studies/{study}/champion")
    expect(page.locator("main")).to_contain_text("Only the result of a search is kept")
    assert page.locator("main form").count() == 0
