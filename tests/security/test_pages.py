"""The pages: who may see one, what a browser may do in it, and what another team's ids come to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.routing import Route

from tests.support.two_teams import House, pages_of

OWN = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}
OPEN = {"/login", "/logout", "/favicon.ico", "/static/{hash_}/{name:path}"}
"""They say nothing of anybody's."""


def log_in(house: House, who: str) -> None:
    house.client.cookies.clear()
    house.client.post("/login", data={"token": house.tokens[who]}, headers=OWN)


def filled(route: Route, ids: dict[str, str]) -> str:
    return re.sub(r"{(\w+)(?::\w+)?}", lambda found: ids.get(found[1], "1"), route.path)


def pages(house: House) -> list[tuple[str, Route]]:
    return [(method, route) for method, route in pages_of(house.app) if route.path not in OPEN]


@pytest.fixture
def ids(house: House) -> dict[str, str]:
    study = house.submit("alpha/submitter", name="hushed")
    house.run_one()
    return {"study_id": study, "number": "0", "section": "head", "name": "head"}


def test_who_is_not_logged_in_is_sent_to_the_login_and_comes_back(
    house: House, ids: dict[str, str]
) -> None:
    """From each page; a section of an open page has the whole page loaded again."""
    for method, route in pages(house):
        if route.path == "/":
            continue  # it only leads on
        path = filled(route, ids)
        house.client.cookies.clear()
        answer = house.client.request(method, path, headers=OWN, follow_redirects=False)
        assert answer.status_code == 303, f"{method} {path}: {answer.status_code}"
        assert answer.headers["location"].startswith("/login?next=%2F")
        section = {**OWN, "HX-Request": "true"}
        answer = house.client.request(method, path, headers=section, follow_redirects=False)
        assert (answer.status_code, answer.headers["hx-refresh"]) == (401, "true")


def test_no_page_tells_anything_of_another_team(house: House, ids: dict[str, str]) -> None:
    """With alpha's ids, before beta's admin: it does not exist. Without ids: nothing of alpha's is in it."""
    log_in(house, "beta/admin")
    walked = 0
    for method, route in pages(house):
        path = filled(route, ids)
        answer = house.client.request(method, path, headers=OWN)
        if "{study_id}" in route.path:
            assert answer.status_code == 404, f"{method} {path}: {answer.status_code}"
            walked += 1
        assert "hushed" not in answer.text, path
        if "{study_id}" not in route.path:
            assert ids["study_id"] not in answer.text, path
    assert walked >= 3


def test_every_page_is_closed_to_scripts_and_addresses_of_others(
    house: House, ids: dict[str, str]
) -> None:
    """Its policy allows the service's own files alone; no inline script, no handler, no frame around it; not kept."""
    log_in(house, "alpha/admin")
    for method, route in pages(house):
        if method != "GET" or route.path == "/":
            continue
        path = filled(route, ids)
        answer = house.client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy, path
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store", path
        assert not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=|javascript:|<style", answer.text), (
            path
        )
        foreign = re.findall(r"(?:src|href|action)=\"(?:https?:)?//[^\"]*", answer.text)
        assert not [each for each in foreign if "mlflow" not in each], f"{path}: {foreign}"


def test_what_a_page_wants_to_change_goes_through_the_api(house: House) -> None:
    """Of the pages' own routes those that are no GET only ask; the audit log and the roles are the API's."""
    for method, route in pages(house):
        if method != "GET":
            assert getattr(route.endpoint, "changes_nothing", False), route.path


def test_errors_are_pages_that_say_what_to_do(house: House) -> None:
    log_in(house, "alpha/viewer")
    answer = house.client.get("/studies/nowhere")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "There is no study nowhere" in answer.text
    assert "To all studies" in answer.text
    assert "<script>" not in house.client.get("/studies/%3Cscript%3E").text


def test_static_files_are_those_of_the_package_alone(house: House) -> None:
    """Not its Python files, not what lies above."""
    from caviar.web import static

    answer = house.client.get(static.address("caviar.css"))
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert house.client.get("/static/old/caviar.css").headers["cache-control"] == "no-store"
    for name in ("../app.py", "..%2fapp.py", "vendor/README.md", "nothing.js", "/etc/passwd"):
        assert house.client.get(f"/static/x/{name}").status_code in (404, 422), name


def test_other_projects_files_are_those_that_were_published() -> None:
    """The table beside them names their hashes."""
    import hashlib

    from caviar.web import static

    folder = static.FOLDER / "vendor"
    table = (folder / "README.md").read_text()
    scripts = [path for path in Path(folder).iterdir() if path.suffix == ".js"]
    assert scripts
    for path in scripts:
        assert hashlib.sha256(path.read_bytes()).hexdigest() in table, path.name


def test_an_error_of_blanks_alone_breaks_no_page(house: House) -> None:
    """A worker tells what it likes: the last line of nothing is nothing."""
    study = house.submit("alpha/submitter")
    ticket, nonce = house.run_one()
    told = {"trial": ticket.trial, "attempt": ticket.attempt, "nonce": nonce, "seconds": 1.0}
    house.worker("finish", told | {"outcome": "failed", "error": " \n\x85"})
    log_in(house, "alpha/viewer")
    for path in (f"/studies/{study}/trials/0", f"/studies/{study}"):
        assert house.client.get(path).status_code == 200
