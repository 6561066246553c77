"""What goes wrong around a page while somebody looks at it, and what the page makes of that."""

from __future__ import annotations

from playwright.sync_api import Page, Route, expect

from caviar.api.feed import Feed
from caviar.contract.messages import ClaimRequest, Finish, Hello
from tests.support import wait_until
from tests.support.real_api import STUDY, Serving
from tests.web.conftest import Visitor

NEWS = "document.body.dispatchEvent(new CustomEvent('caviar:news'))"


def begin(service: Serving, study: str) -> Finish:
    """A worker takes the next trial of the study; how it would end well."""
    service.scheduler.hello(Hello(host="host", incarnation="one", slots=1))
    ticket = wait_until(lambda: service._ticket_of(study), why="a ticket")
    told = {"trial": ticket.trial, "attempt": ticket.attempt, "nonce": "n" * 8}
    claim = ClaimRequest(**told, host="host", incarnation="one", slot=0)
    assert service.scheduler.claim(claim).granted
    return Finish(**told, outcome="done", value=0.25, seconds=0.1)


def test_a_section_that_was_refused_once_stays_and_comes_back(
    service: Serving, visit: Visitor
) -> None:
    """The answer of a service that is short of something is no section: what was there is not lost for it."""
    study = service.submit("sturdy")
    page = visit.go(f"/studies/{study}")
    refused: list[str] = []

    def refuse_once(route: Route) -> None:
        if refused:
            route.continue_()
        else:
            refused.append(route.request.url)
            route.fulfill(status=503, content_type="application/json", body='{"detail": "full"}')

    page.route("**/sections/head", refuse_once)
    service.train(study, 1)
    wait_until(lambda: _told(page, refused), why="the head was asked for and refused")
    expect(page.get_by_role("heading", name="sturdy")).to_be_visible()
    expect(page.locator("#head")).to_contain_text("1 of 3 trials ended")
    visit.was_refused(503)


def test_a_filter_that_is_refused_says_why_and_leaves_the_table(
    service: Serving, visit: Visitor
) -> None:
    """The table is still there to be filtered otherwise."""
    study = service.submit("sturdy")
    service.train(study, 1)
    page = visit.go(f"/studies/{study}")
    # In one go: news from the service would put the form back as it came.
    page.locator("#trials form").evaluate(
        "form => { form.noValidate = true; form.elements.round.value = '-1'; form.requestSubmit(); }"
    )
    expect(page.locator("#told")).to_contain_text("round")
    expect(page.get_by_role("region", name="Table of trials")).to_be_visible()
    visit.was_refused(422)


def test_a_tab_in_the_background_holds_no_connection(service: Serving, visit: Visitor) -> None:
    """A browser opens six to one service: with as many tabs, the next page would wait for ever."""
    study = service.submit("sturdy")
    feed: Feed = service.app.state.feed
    page = visit.page
    page.add_init_script(
        "Object.defineProperty(document, 'hidden', {get: () => window.away === true})"
    )
    visit.go(f"/studies/{study}")
    wait_until(lambda: _told(page, feed._bells), why="the page listens")
    _look(page, away=True)
    wait_until(lambda: not _told(page, feed._bells), why="the page has let go")
    service.train(study, 1)
    _look(page, away=False)
    expect(page.locator("#head")).to_contain_text("1 of 3 trials ended")
    wait_until(lambda: _told(page, feed._bells), why="the page listens again")
    service.train(study, 1)
    expect(page.locator("#head")).to_contain_text("2 of 3 trials ended")


def test_pictures_come_once_their_library_can_be_loaded(service: Serving, visit: Visitor) -> None:
    """One failure to load it is not for good."""
    study = service.submit("sturdy")
    service.train(study, 1)
    page = visit.page
    page.route("**/echarts.min.js", lambda route: route.abort())
    visit.go(f"/studies/{study}")
    expect(page.locator("#progress [role=alert]")).to_contain_text("cannot be drawn now")
    expect(page.locator("#progress [role=alert]")).not_to_contain_text("undefined")
    page.unroute("**/echarts.min.js")
    page.evaluate(NEWS)
    visit.shows()
    expect(page.locator("#progress [role=alert]")).to_be_hidden()
    visit.wrong = [each for each in visit.wrong if "ERR_FAILED" not in each]


def test_a_trial_s_page_says_where_it_is_until_its_end(service: Serving, visit: Visitor) -> None:
    """Before its first report, and when it ends before somebody's eyes though its study was stopped already."""
    study = service.submit("sturdy")
    ending = begin(service, study)
    page = visit.go(f"/studies/{study}/trials/0")
    visit.shows()
    expect(page.locator("#head")).to_contain_text("no report yet")
    service.scheduler.stop(study)
    page = visit.go(f"/studies/{study}/trials/0")
    expect(page.locator("#head")).to_contain_text("no report yet")
    service.scheduler.finish(ending)
    expect(page.locator("#head")).to_contain_text("0.25")
    expect(page.locator("#head")).not_to_contain_text("no report yet")


def test_what_is_no_number_is_refused_and_not_left_out(service: Serving, visit: Visitor) -> None:
    """A known value with a slip in it does not become a trial that trains."""
    study = service.submit("sturdy")
    page = visit.go(f"/studies/{study}")
    page.locator("#add summary").click()
    page.locator("#add [name=value]").fill("0,5")
    page.locator("#add").get_by_role("button", name="Add").click()
    expect(page.locator("#add [role=alert]")).to_contain_text("number")
    visit.was_refused(422)


def test_a_choice_is_sent_with_all_its_digits(service: Serving, visit: Visitor) -> None:
    """What is shown of it is shorter."""
    wide = "{type: categorical, choices: [0.000123456, 7654321.5]}"
    text = STUDY.format(name="sturdy", trials=3).replace("{type: float, low: 0.0, high: 1.0}", wide)
    with service.client() as client:
        study = client.post("/studies", json={"text": text}).json()["id"]
    page = visit.go(f"/studies/{study}")
    page.locator("#add summary").click()
    page.locator("#add select").select_option(index=1)
    page.locator("#add").get_by_role("button", name="Add").click()
    expect(page.locator("#told")).to_contain_text("Added")
    added = wait_until(lambda: service.store.trials(study, kind="added"), why="the trial is there")
    assert added[0].params == {"x": 0.000123456}


def test_the_star_is_at_the_best_whichever_comes_first(service: Serving, visit: Visitor) -> None:
    """The picture may be drawn anew before the section around it tells which trial is the best now."""
    study = service.submit("sturdy")
    service.train(study, 1, value=0.5)
    page = visit.go(f"/studies/{study}")
    visit.shows()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/sections/pictures", hold)
    before = page.locator("#chart-zoom").get_attribute("data-drawn")
    service.train(study, 1, value=0.1)
    expect(page.locator("#chart-zoom")).not_to_have_attribute("data-drawn", before or "")
    wait_until(lambda: _told(page, held), why="the section was asked for")
    page.route("**/sections/pictures", lambda route: route.continue_())
    for route in held:
        route.continue_()
    expect(page.locator("#zoom")).to_have_attribute("data-best", "1")
    starred = (
        "echarts.getInstanceByDom(document.querySelector('#zoom .canvas')).getOption()"
        ".series.flatMap(each => each.data).filter(each => each.symbolSize === 16)"
        ".map(each => each.trial)"
    )
    wait_until(lambda: page.evaluate(starred) == [1], why="the star is at trial 1")


def _told(page: Page, found: object) -> bool:
    """What a page asks is answered only while Playwright is asked something."""
    page.evaluate("1")
    return bool(found)


def _look(page: Page, *, away: bool) -> None:
    there = "true" if away else "false"
    page.evaluate(f"window.away = {there}; document.dispatchEvent(new Event('visibilitychange'))")


def test_what_was_done_is_said_though_the_button_is_another_by_then(
    service: Serving, visit: Visitor
) -> None:
    """The event may come before the answer: "Pause" has become "Resume" when the pause is answered."""
    study = service.submit("sturdy")
    page = visit.go(f"/studies/{study}")

    def answer_late(route: Route) -> None:
        answer = route.fetch()
        page.locator("#head .state.paused").wait_for()
        route.fulfill(response=answer)

    page.route("**/pause", answer_late)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#told")).to_contain_text("Paused: what runs goes on")
