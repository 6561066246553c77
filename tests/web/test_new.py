"""The page of a new study: checked as it is written, and submitted from there."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from caviar.contract.bundle import File, pack
from caviar.contract.messages import Hello, Offers
from tests.support.real_api import STUDY, Serving, serving
from tests.web.conftest import LOOKS, Visitor, visitor

SPACE = """\
name: digits
metric: {name: loss, goal: minimize}
trainer: {function: "digits:train"}
space:
  learning_rate: {type: float, low: 1.0e-4, high: 1.0, scale: log, tier: 1}
  momentum: {type: float, low: 0.9, high: 0.999, scale: reverse_log, when: {solver: [sgd]}}
  solver: {type: categorical, choices: [sgd, "<b>adam</b>"]}
budget: {trials: 9}
"""
WRONG = """\
name: digits
metric: {name: loss, goal: minimize}
trainer: {function: "digits:train"}
space:
  learning_rate: {type: float, low: 1.0e-4, high: 1.0, scale: lg}
  <img src=x onerror=alert(1)>: 3
budget: {trials: 9}
"""


def write(page: Page, text: str) -> None:
    page.get_by_label("The study file").fill(text)


def sound(page: Page) -> None:
    expect(page.get_by_text("The file is sound.")).to_be_visible()


def test_what_is_wrong_is_told_with_its_line(visit: Visitor) -> None:
    """Place, reason and way out; the line is marked, and found from the message. Hostile names are text."""
    page = visit.go("/new")
    write(page, WRONG)
    found = page.locator("#check")
    expect(found).to_contain_text("space.learning_rate.scale")
    expect(found).to_contain_text("log?")
    expect(found).to_contain_text("<img src=x onerror=alert(1)>")
    expect(page.locator(".numbers .wrong")).to_have_text(["5", "6"])
    page.get_by_role("button", name="Line 5").click()
    assert "learning_rate" in page.evaluate("getSelection().toString()")
    write(page, WRONG.replace("lg", "log").replace("  <img src=x onerror=alert(1)>: 3\n", ""))
    sound(page)
    expect(page.locator(".numbers .wrong")).to_have_count(0)


def test_the_space_is_drawn_on_its_scales(visit: Visitor) -> None:
    """A log scale has its decades at equal distances."""
    page = visit.go("/new")
    write(page, SPACE)
    sound(page)
    axis = page.locator(".axis", has_text="learning_rate")
    expect(axis).to_contain_text("float, log, tier 1")
    places = axis.locator(".strip > span").evaluate_all(
        "all => all.map(e => [e.textContent, e.style.left])"
    )
    assert places == [
        ["0.0001", "0%"],
        ["0.001", "25%"],
        ["0.01", "50%"],
        ["0.1", "75%"],
        ["1", "100%"],
    ]
    expect(page.locator(".axis", has_text="momentum")).to_contain_text("only with solver sgd")
    expect(page.locator(".axis .choices li")).to_have_text(["sgd", "<b>adam</b>"])


def test_what_it_would_cost_is_told_before_it_is_submitted(
    visit: Visitor, service: Serving
) -> None:
    """From trials of the same trainer, as `caviar quote` does."""
    service.train(service.submit("before", trials=6), 6)
    page = visit.go("/new")
    write(page, STUDY.format(name="another", trials=20))
    found = page.locator("#check")
    expect(found).to_contain_text("6 trials of before")
    expect(found).to_contain_text("of slots (90%:")
    assert [record.name for record in service.store.studies()] == ["before"]


def test_it_is_submitted_and_shown(visit: Visitor, service: Serving) -> None:
    """Then nothing of it is kept in the browser."""
    page = visit.go("/new")
    write(page, SPACE)
    sound(page)
    with page.expect_navigation(url="**/studies/*"):
        page.get_by_role("button", name="Submit the study").click()
    (record,) = service.store.studies()
    assert page.url.endswith(f"/studies/{record.id}")
    assert record.source == SPACE
    assert page.evaluate("sessionStorage.length") == 0
    visit.wrong = [each for each in visit.wrong if "404" not in each]


def test_a_refused_study_is_not_lost_nor_is_one_that_is_loaded_again(visit: Visitor) -> None:
    page = visit.go("/new")
    write(page, WRONG)
    expect(page.get_by_role("button", name="Line 5")).to_be_visible()
    page.get_by_role("button", name="Submit the study").click()
    expect(page.locator("#study").get_by_role("alert")).to_contain_text("line 5")
    expect(page.get_by_label("The study file")).to_have_value(WRONG)
    page.reload()
    expect(page.get_by_label("The study file")).to_have_value(WRONG)
    expect(page.get_by_role("button", name="Line 5")).to_be_visible()
    visit.wrong = [each for each in visit.wrong if "422" not in each]


def test_a_file_is_opened_or_dropped(visit: Visitor, tmp_path: Path) -> None:
    """Only after a question where something is written already. One that no study needs is refused."""
    page = visit.go("/new")
    file = tmp_path / "mine.yaml"
    file.write_text(SPACE)
    page.get_by_label("Open a file").set_input_files(file)
    sound(page)
    page.once("dialog", lambda dialog: dialog.accept())
    drop = """(text) => {
      const given = new DataTransfer();
      given.items.add(new File([text], "theirs.yaml"));
      document.querySelector(".editor").dispatchEvent(new DragEvent("drop", { dataTransfer: given, cancelable: true }));
    }"""
    page.evaluate(drop, STUDY.format(name="theirs", trials=3))
    expect(page.get_by_label("The study file")).to_have_value(STUDY.format(name="theirs", trials=3))
    sound(page)
    file.write_text("#" * 300_000)
    page.get_by_label("Open a file").set_input_files(file)
    expect(page.get_by_text("a study file has at most 256")).to_be_visible()


def test_the_example_is_a_sound_study(visit: Visitor) -> None:
    page = visit.go("/new")
    page.get_by_role("button", name="Start from an example").click()
    sound(page)
    expect(page.get_by_text("is looked for among what is installed on the workers")).to_be_visible()


def test_code_that_an_earlier_study_brought_is_used_again(visit: Visitor, service: Serving) -> None:
    """A browser brings none. Where the workers would not run it, that is said before."""
    digest, data = pack([File("digits.py", b"def train(trial): return 0.0")])
    service.store.bundles.add("default", digest, data)
    text = {"text": STUDY.format(name="brought", trials=3), "bundle": digest}
    with service.client() as client:
        client.post("/studies", json=text).raise_for_status()
    hello = Hello(host="host", incarnation="one", slots=1, offers=Offers(bundles=True))
    service.scheduler.hello(hello)
    page = visit.go("/new")
    write(page, SPACE)
    sound(page)
    expect(page.get_by_text("No worker runs it now")).to_be_visible()
    page.get_by_label("Comes from").select_option(digest)
    expect(page.get_by_text("No worker runs it now")).to_have_count(0)
    with page.expect_navigation(url="**/studies/*"):
        page.get_by_role("button", name="Submit the study").click()
    assert [record.bundle for record in service.store.studies()] == [digest, digest]
    visit.wrong = [each for each in visit.wrong if "404" not in each]


def test_a_check_changes_nothing(visit: Visitor, service: Serving) -> None:
    """No study, no line in the audit log."""
    page = visit.go("/new")
    before = len(service.access.teams.audit(limit=1000))
    write(page, SPACE)
    sound(page)
    assert not service.store.studies()
    assert len(service.access.teams.audit(limit=1000)) == before


def test_who_only_looks_is_told_so(browser: Browser, service: Serving) -> None:
    with visitor(browser, service.url, service.token("viewer")) as visit:
        page = visit.go("/new")
        expect(page.get_by_text("has at least the role submitter")).to_be_visible()
        expect(page.get_by_role("main").get_by_role("button")).to_have_count(0)


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
@pytest.mark.parametrize("look", LOOKS)
def test_it_can_be_read_by_everybody_everywhere(
    browser: Browser, tmp_path: Path, look: str, phone: bool
) -> None:
    """With a sound file, and with one that is not."""
    with (
        serving(tmp_path) as service,
        visitor(browser, service.url, look=look, phone=phone) as visit,
    ):
        page = visit.go("/new")
        write(page, SPACE)
        sound(page)
        visit.fits()
        visit.check()
        write(page, WRONG)
        expect(page.get_by_role("button", name="Line 5")).to_be_visible()
        visit.fits()
        visit.check()
