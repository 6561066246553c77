"""The page of a study: each of its sections and each action, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from caviar.contract.access import Quota
from tests.support.real_api import Serving
from tests.support.zoomed import Zoomed
from tests.web.conftest import LOOKS, Visitor, visitor

SOON_MS = 20_000
EVIL = "<script>document.title=1</script>"


def drawn(page: Page, name: str) -> Locator:
    """The picture, once it is drawn: it is when it comes into sight."""
    picture = page.locator(f"#chart-{name}")
    picture.scroll_into_view_if_needed()
    expect(picture).to_have_attribute("data-drawn", re.compile("[1-9]"), timeout=SOON_MS)
    return picture


def rows(page: Page) -> Locator:
    return page.locator("#trials tbody tr")


@pytest.fixture
def zoomed(service: Serving) -> Zoomed:
    return Zoomed(service, fails=13, stops=5)


@pytest.fixture
def ended(zoomed: Zoomed) -> str:
    """A study of 60 trials with 14 rounds, confirmed."""
    study = zoomed.submit(trials=60, confirm=2)
    zoomed.train(study, 60)
    zoomed.close(study)
    return study


@pytest.mark.parametrize("phone", [False, True])
@pytest.mark.parametrize("look", LOOKS)
def test_everybody_can_read_it(
    browser: Browser, service: Serving, ended: str, look: str, phone: bool
) -> None:
    """Light and dark, at a desk and on a phone: all pictures are drawn, nothing is too wide, axe finds nothing."""
    with visitor(browser, service.url, look=look, phone=phone) as visit:
        page = visit.go(f"/studies/{ended}")
        for name in ("zoom", "progress", "curves", "importance", "confirmation", "parallel"):
            drawn(page, name)
        page.locator("#more summary").click()
        page.locator("#rounds summary").first.click()
        expect(page.locator("#now")).to_contain_text(f"caviar export {ended}")
        expect(page.locator("#head")).to_contain_text("new seeds")
        visit.check()
        visit.fits()


def test_the_slider_and_the_button_go_through_the_rounds(visit: Visitor, ended: str) -> None:
    """The reason of the round is beneath and read aloud; arrow keys work; the button goes on to the newest round."""
    page = visit.go(f"/studies/{ended}")
    zoom = drawn(page, "zoom")
    slider = page.get_by_label("Round", exact=True).first
    newest = int(slider.get_attribute("max") or 0)
    assert newest > 3
    expect(zoom).to_have_attribute("data-round", str(newest))
    slider.press("Home")
    expect(zoom).to_have_attribute("data-round", "0")
    expect(zoom.locator("[data-reason]")).to_contain_text("spread evenly over the whole space")
    slider.press("ArrowRight")
    expect(zoom).to_have_attribute("data-round", "1")
    expect(slider).to_have_attribute(
        "aria-valuetext", re.compile(f"Round 1 of {newest}, shrink: Of the first 6 trials")
    )
    for _ in range(newest - 3):
        slider.press("ArrowRight")
    page.get_by_role("button", name="Play").click()
    expect(zoom).to_have_attribute("data-round", str(newest), timeout=SOON_MS)
    expect(page.get_by_role("button", name="Play")).to_be_visible(timeout=SOON_MS)


def test_the_zoom_follows_the_newest_round_unless_one_was_chosen(
    visit: Visitor, zoomed: Zoomed
) -> None:
    """A page that nobody loads again draws new rounds; a reader who went back to one stays there."""
    study = zoomed.submit()
    zoomed.train(study, 12)
    page = visit.go(f"/studies/{study}")
    zoom = drawn(page, "zoom")
    slider = page.get_by_label("Round", exact=True).first
    first = int(slider.get_attribute("max") or 0)
    zoomed.train(study, 12)
    expect(page.locator("#head")).to_contain_text("24 of 60 trials ended", timeout=SOON_MS)
    expect(zoom).not_to_have_attribute("data-round", str(first), timeout=SOON_MS)
    slider.press("Home")
    seen = int(slider.get_attribute("max") or 0)
    zoomed.train(study, 12)
    expect(slider).not_to_have_attribute("max", str(seen), timeout=SOON_MS)
    expect(zoom).to_have_attribute("data-round", "0")


def test_the_end_is_followed_to_what_mattered(visit: Visitor, zoomed: Zoomed) -> None:
    """It is worked out after the study has ended and told all; the page gets it without being loaded again."""
    study = zoomed.submit(trials=15)
    zoomed.train(study, 14)
    page = visit.go(f"/studies/{study}")
    zoomed.train(study, 1)
    expect(page.locator("#head .state.done")).to_be_visible(timeout=SOON_MS)
    expect(page.locator("#now")).to_contain_text(f"caviar recheck {study}")
    zoomed.close(study)
    expect(page.get_by_role("heading", name="What mattered")).to_be_visible(timeout=SOON_MS)


def test_progress_is_shown_over_trials_time_and_cost(visit: Visitor, ended: str) -> None:
    """One picture with a switch, which the keyboard reaches."""
    page = visit.go(f"/studies/{ended}")
    progress = drawn(page, "progress")
    progress.get_by_label("over trials").press("ArrowRight")
    expect(progress.get_by_label("over time")).to_be_checked()
    expect(progress).to_have_attribute("data-shown", "seconds")
    progress.get_by_label("over cost").check()
    expect(progress).to_have_attribute("data-shown", "slot_hours")


def test_a_study_is_paused_resumed_and_stopped(visit: Visitor, zoomed: Zoomed) -> None:
    """What is done is said, the page follows by itself, and to stop it one is asked first."""
    study = zoomed.submit()
    zoomed.train(study, 2)
    page = visit.go(f"/studies/{study}")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused: what runs goes on")).to_be_visible()
    expect(page.locator("#now")).to_contain_text("no trial begins until you resume it")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#head .state.running")).to_be_visible()
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator("#head").get_by_role("button", name="Stop").click()
    expect(page.locator("#head .state.stopped")).to_be_visible()
    expect(page.locator("[data-over]")).to_have_count(1, timeout=SOON_MS)
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)


def test_a_study_is_shared_and_its_priority_set(visit: Visitor, zoomed: Zoomed) -> None:
    """Under "About this study", which stays open meanwhile."""
    study = zoomed.submit()
    page = visit.go(f"/studies/{study}")
    page.locator("#more summary").click()
    page.get_by_label("Priority in its team").fill("7")
    page.get_by_role("button", name="Set").click()
    expect(page.locator("#head")).to_contain_text("priority 7")
    page.get_by_role("button", name="Share with every team").click()
    expect(page.get_by_role("button", name="Unshare")).to_be_visible()
    expect(page.locator("#head")).to_contain_text("team default, shared")


def test_a_round_is_undone_and_branched(visit: Visitor, zoomed: Zoomed) -> None:
    """What is taken back is struck through and says so; a branch is a study of its own, whose page opens."""
    study = zoomed.submit()
    zoomed.train(study, 12)
    page = visit.go(f"/studies/{study}")
    page.on("dialog", lambda dialog: dialog.accept())
    round_ = page.locator("#round-1")
    round_.get_by_text("Its box").click()
    expect(round_).to_contain_text("learning_rate")
    round_.get_by_role("button", name="Undo from here").click()
    expect(round_).to_contain_text("taken back")
    expect(round_.get_by_role("button", name="Undo from here")).to_have_count(0)
    expect(round_.locator(".why")).to_have_css("text-decoration-line", "line-through")
    round_.get_by_role("button", name="Branch a new study").click()
    page.wait_for_url(lambda url: "/studies/" in url and study not in url)
    page.locator("#more summary").click()
    expect(page.get_by_role("link", name=study)).to_be_visible()


def test_the_table_is_sorted_filtered_and_paged(visit: Visitor, ended: str) -> None:
    """By the database; what is shown is in the address, so that it is the same when the page is loaded again."""
    page = visit.go(f"/studies/{ended}")
    expect(page.locator("#trials caption")).to_have_text("1 to 50 of 60 trials")
    page.get_by_role("link", name="Next page").click()
    expect(page.locator("#trials caption")).to_have_text("51 to 60 of 60 trials")
    header = page.get_by_role("columnheader", name="learning_rate")
    header.get_by_role("link").click()
    expect(header).to_have_attribute("aria-sort", "ascending")
    header.get_by_role("link").click()
    expect(header).to_have_attribute("aria-sort", "descending")
    rates = [
        float(each) for each in page.locator("#trials tbody td:nth-child(4)").all_inner_texts()
    ]
    assert rates == sorted(rates, reverse=True)
    page.locator("#trials").get_by_label("State").select_option("failed")
    expect(page.locator("#trials caption")).to_have_text("4 trials")
    expect(rows(page).first).to_contain_text("ValueError: the loss is <not> finite")
    expect(page).to_have_url(re.compile("state=failed"))
    page.reload()
    expect(page.locator("#trials caption")).to_have_text("4 trials")
    page.get_by_label("With the text").fill("no such thing")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#trials")).to_contain_text("No trial is so.")
    page.get_by_role("link", name="Show all").click()
    expect(rows(page)).to_have_count(50)


def test_the_table_stays_as_it_was_asked_for_while_the_study_goes_on(
    visit: Visitor, zoomed: Zoomed
) -> None:
    """News asks for the same filter and order again."""
    study = zoomed.submit()
    zoomed.train(study, 5)
    page = visit.go(f"/studies/{study}")
    page.locator("#trials").get_by_label("State").select_option("done")
    expect(rows(page)).to_have_count(4)
    zoomed.train(study, 3)
    expect(rows(page)).to_have_count(7, timeout=SOON_MS)


def test_a_running_trial_is_seen_and_stopped(visit: Visitor, zoomed: Zoomed) -> None:
    """With its last step and value; only it is asked to stop."""
    study = zoomed.submit()
    zoomed.train(study, 1)
    ticket = zoomed.begin(study)
    number = int(ticket.trial.rpartition("-")[2])
    page = visit.go(f"/studies/{study}")
    page.on("dialog", lambda dialog: dialog.accept())
    row = page.locator(f"#trial-{number}")
    expect(row).to_contain_text("0.51 at step 1")
    row.get_by_role("button", name="Stop").click()
    expect(row).to_contain_text("asked to stop")


def test_a_trial_is_added_by_hand(visit: Visitor, zoomed: Zoomed) -> None:
    """A wrong value is refused beside the form; a right one is the next trial."""
    study = zoomed.submit()
    page = visit.go(f"/studies/{study}")
    page.get_by_text("Add a trial by hand").click()
    form = page.locator("#add form")
    form.get_by_label("learning_rate").fill("5000")
    form.get_by_label("hidden_units").fill("64")
    form.get_by_label("batch_size").select_option("32")
    form.get_by_role("combobox", name="solver").select_option("adam")
    form.get_by_label("layers").fill("2")
    form.get_by_label("lr_decay").fill("0.001")
    form.get_by_role("button", name="Add").click()
    expect(form.get_by_role("alert")).to_contain_text("learning_rate")
    visit.wrong = [each for each in visit.wrong if "422" not in each]
    form.get_by_label("learning_rate").fill("0.005")
    form.get_by_role("button", name="Add").click()
    expect(page.locator("#trials")).to_contain_text("added by hand", timeout=SOON_MS)


def test_what_people_wrote_is_text(visit: Visitor, zoomed: Zoomed) -> None:
    """A category, an error: a script in it is shown and never run, in tables, pictures and forms."""
    study = zoomed.submit(trials=20, adam=f'"{EVIL}"')
    zoomed.train(study, 14)
    page = visit.go(f"/studies/{study}")
    for name in ("zoom", "progress", "curves", "parallel"):
        drawn(page, name)
    page.locator("#rounds summary").first.click()
    expect(page.locator("#rounds")).to_contain_text(EVIL)
    expect(page.locator("#trials")).to_contain_text(EVIL)
    expect(page).to_have_title("digits-mlp · Caviar")


def test_a_viewer_sees_all_and_can_change_nothing(
    browser: Browser, service: Serving, zoomed: Zoomed
) -> None:
    """No button is there that would be refused; another team's study is not there at all."""
    study = zoomed.submit()
    zoomed.train(study, 8)
    with visitor(browser, service.url, service.token("viewer")) as visit:
        page = visit.go(f"/studies/{study}")
        drawn(page, "zoom")
        page.locator("#rounds summary").first.click()
        expect(page.get_by_role("button", name="Pause")).to_have_count(0)
        expect(page.get_by_role("button", name="Branch")).to_have_count(0)
        expect(page.get_by_text("Add a trial by hand")).to_have_count(0)
    service.access.teams.add("others", 1.0, Quota())
    with visitor(browser, service.url, service.token("submitter", "others")) as visit:
        answer = visit.page.goto(f"{service.url}/studies/{study}")
        assert answer is not None
        assert answer.status == 404
        visit.wrong.clear()


def test_a_dot_leads_to_its_trial(visit: Visitor, ended: str) -> None:
    """A click on a dot of the progress opens the page of that trial."""
    page = visit.go(f"/studies/{ended}")
    drawn(page, "progress")
    place = page.evaluate(
        """() => {
          const canvas = document.querySelector('#chart-progress .canvas');
          const chart = window.echarts.getInstanceByDom(canvas);
          const dot = chart.getOption().series[0].data[0];
          const [x, y] = chart.convertToPixel({ seriesIndex: 0 }, dot.value);
          const box = canvas.getBoundingClientRect();
          return [box.x + x, box.y + y, dot.trial];
        }"""
    )
    with page.expect_navigation(url=f"**/studies/{ended}/trials/{place[2]}"):
        page.mouse.click(place[0], place[1])
    visit.wrong.clear()  # the trial's page is another's
