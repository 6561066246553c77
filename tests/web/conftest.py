"""A real Chromium before a real service. Whatever a test does, its page may complain of nothing and ask nobody else."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.support import wait_until
from tests.support.real_api import TOKEN, Serving, serving

SERIOUS = ("serious", "critical")
LOOKS = ("light", "dark")
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
PATIENCE_MS = 30_000
"""What is waited for comes sooner; a machine that is busy is no reason to fail."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.web)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for path in map(shutil.which, names) if path), None)
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Serving]:
    """A service of the test's own; trials are trained by ``service.train``."""
    with serving(tmp_path) as service:
        yield service


@dataclass
class Visitor:
    """A person at a browser. ``wrong``: what a page had to complain of, and whom else it asked."""

    page: Page
    url: str
    wrong: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        answer = self.page.goto(self.url + path)
        assert answer is not None
        assert answer.status == 200, f"{path}: {answer.status}\n{answer.text()[:2000]}"
        return self.page

    def shows(self) -> None:
        """No picture that is in sight is still to be drawn."""
        # Playwright's own waiting for a function needs `eval` in the page, which its policy forbids.
        away = "(at => at.top > innerHeight || at.bottom < 0)(f.getBoundingClientRect())"
        every = f"[...document.querySelectorAll('.chart')].every(f => f.dataset.drawn || {away})"
        wait_until(lambda: self.page.evaluate(every), why="the pictures in sight are drawn")

    def was_refused(self, status: int) -> None:
        """The API refused something, as it should: the browser complains of that by itself, the page does not."""
        told = [
            each for each in self.wrong if f"the server responded with a status of {status}" in each
        ]
        assert told, f"nothing was refused with {status}"
        self.wrong = [each for each in self.wrong if each not in told]

    def check(self) -> None:
        """Raises AssertionError where axe finds something serious."""
        found = [
            f"{each['id']} ({each['impact']}): {each['help']}: "
            + "; ".join(node["html"][:200] for node in each["nodes"][:4])
            for each in Axe().run(self.page).response["violations"]
            if each["impact"] in SERIOUS
        ]
        assert not found, "\n".join(found)

    def fits(self) -> None:
        """Nothing makes the page wider than the screen."""
        wide = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, f"{self.page.url} is {wide} px wider than the screen"

    def snap(self, name: str, height_shown: int | None = None) -> None:
        """The page, or its first so many pixels, into the folder that CAVIAR_SCREENSHOTS names; with few colours."""
        folder = os.environ.get("CAVIAR_SCREENSHOTS")
        if folder is None:
            return
        height = self.page.evaluate("document.documentElement.scrollHeight")
        width = self.page.evaluate("document.documentElement.clientWidth")
        self.page.set_viewport_size({"width": width, "height": height})
        self.shows()
        whole = Image.open(io.BytesIO(self.page.screenshot(full_page=True)))
        seen = whole.crop((0, 0, whole.width, min(whole.height, height_shown or whole.height)))
        small = seen.convert("RGB").quantize(
            256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
        Path(folder).mkdir(parents=True, exist_ok=True)
        small.save(Path(folder) / f"{name}.png", optimize=True)


@contextmanager
def visitor(
    browser: Browser, url: str, token: str = TOKEN, look: str = "light", phone: bool = False
) -> Iterator[Visitor]:
    """Somebody who has logged in with ``token`` at the service at ``url``."""
    context = browser.new_context(
        color_scheme="dark" if look == "dark" else "light",
        viewport=PHONE if phone else DESK,  # type: ignore[arg-type]
        has_touch=phone,
        reduced_motion="reduce",
        timezone_id="UTC",
        locale="en-GB",
    )
    page = context.new_page()
    found = Visitor(page, url)
    own = urlsplit(url).netloc

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            found.wrong.append(f"console {message.type}: {message.text} at {page.url}")

    def on_request(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.netloc != own:
            found.wrong.append(f"asked {request.url}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: found.wrong.append(f"script: {error}"))
    page.on("request", on_request)
    page.goto(f"{url}/login?next=/studies")
    page.get_by_label("Your token").fill(token)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/studies")
    yield found
    context.close()
    assert not found.wrong, "\n".join(found.wrong)


@pytest.fixture
def visit(browser: Browser, service: Serving) -> Iterator[Visitor]:
    """An operator before the service of this test."""
    with visitor(browser, service.url) as found:
        yield found
