"""A new study: its text is checked as it is written, and what it would cost is told before it is submitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from caviar.api.audit import changes_nothing
from caviar.api.studies import team_of
from caviar.contract.views import Submission
from caviar.errors import InputError, Problem
from caviar.figures.axes import axes
from caviar.scheduler.starting import start_of
from caviar.studies.source import MAX_BYTES
from caviar.studies.spec import Study, load_study, refuse_missing
from caviar.web.people import PageRoute, Reader
from caviar.web.rendering import page
from caviar.web.shared import Shared

CODES: Final = 20
"""Earlier studies whose code is offered."""
FIELDS: Final = 8
EXAMPLE: Final = """\
name: my-study
metric: {name: val_loss, goal: minimize}
trainer: {function: "my_package.train:main"}   # installed on the workers

space:
  learning_rate: {type: float, low: 1.0e-5, high: 0.1, scale: log, tier: 1}
  momentum:      {type: float, low: 0.8, high: 0.999, scale: reverse_log}
  hidden_units:  {type: int, low: 16, high: 256}
  solver:        {type: categorical, choices: [sgd, adam], tier: 2}

search: {strategy: zoom, seed: 0}
budget: {trials: 40}
resources: {class: cpu}
"""


def new_pages(shared: Shared) -> APIRouter:
    router = APIRouter(include_in_schema=False, route_class=PageRoute)

    @router.get("/new", name="new.page")
    def new(
        request: Request, reader: Reader, team: Annotated[str, Query(max_length=32)] = ""
    ) -> HTMLResponse:
        if not reader.may("submitter"):
            return page(request, "new/looker.html", reader, {})
        own = team_of(shared.access, reader, team or None)
        values = {
            "team": own,
            "teams": list(shared.access.teams.all()) if reader.team is None else [own],
            "codes": shared.store.bundles.kept(own, CODES),
            "example": EXAMPLE,
            "most": MAX_BYTES,
        }
        return page(request, "new/page.html", reader, values)

    @router.post("/new/check", name="new.check")
    @changes_nothing
    async def check(request: Request, reader: Reader) -> HTMLResponse:
        """A section: what is wrong with the form's study, else what it would be."""
        if not reader.may("submitter"):
            raise HTTPException(403, "Who submits studies has at least the role submitter.")
        given = _fields(await request.body())
        team = team_of(shared.access, reader, given.get("team") or None)

        def shown() -> HTMLResponse:
            return page(request, "new/check.html", reader, _checked(shared, given, team))

        return await run_in_threadpool(shown)

    return router


def _fields(body: bytes) -> dict[str, str]:
    """Of a form. Raises InputError."""
    try:
        found = parse_qs(body.decode(), True, errors="strict", max_num_fields=FIELDS)
    except ValueError:
        raise InputError("This is not a form in UTF-8.") from None
    return {name: values[0].replace("\r\n", "\n") for name, values in found.items()}


def _checked(shared: Shared, given: dict[str, str], team: str) -> dict[str, Any]:
    text, bundle = given.get("text", ""), given.get("bundle") or None
    if not text.strip():
        return {"empty": True}
    filename = given.get("filename") or "study.yaml"
    try:
        study = load_study(text, filename)
        refuse_missing(study, text)
        start_of(shared.store, study, text, team)
        if bundle is not None and not shared.store.bundles.has(team, bundle):
            raise InputError(
                Problem(("bundle",), "this code is no longer kept", "Choose another, or none.")
            )
        quote = shared.presenter.outlook.quote(
            Submission(text=text, filename=filename, bundle=bundle), team
        )
    except InputError as wrong:
        return {"empty": False, "study": None, "problems": wrong.problems}
    return {
        "empty": False,
        "study": study,
        "problems": (),
        "space": list(zip(study.space.to_views(), axes(study.space), strict=True)),
        "quote": quote,
        "warnings": _warnings(shared, study, bundle),
        "looked_for": study.trainer.function if bundle is None else None,
    }


def _warnings(shared: Shared, study: Study, bundle: str | None) -> Sequence[str]:
    refusal = shared.scheduler.refusal(study, bundle)
    return [*study.warnings, *([f"No worker runs it now: {refusal}"] if refusal else [])]
