"""The page of a study's champion: whether it still holds, since when, what called for checks, and who decides what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from caviar.adapters.sql import StudyRecord
from caviar.api.access import seen
from caviar.contract.numbers import count, number
from caviar.contract.recheck import ChampionView, CheckView, RecheckView
from caviar.contract.words import (
    CAUSES,
    FOLLOWS,
    calls_words,
    drift_words,
    scales_of,
    span_words,
    values_words,
    verdict_words,
)
from caviar.studies.life import ENDED
from caviar.studies.spec import Study, load_study
from caviar.teams import Caller
from caviar.web.links import run_address
from caviar.web.meanings import meaning_of
from caviar.web.people import PageRoute, Reader
from caviar.web.places import places
from caviar.web.rendering import page
from caviar.web.shared import Shared

Section = Literal["", "now", "proposed", "history", "champions", "ask", "policy"]
EVERY_S = (3600, 12 * 3600, 86_400, 7 * 86_400, 30 * 86_400)
"""What the form offers; another one that is in force is offered too."""


def champion_pages(shared: Shared) -> APIRouter:
    router = APIRouter(include_in_schema=False, route_class=PageRoute)

    @router.get("/studies/{study_id}/champion", name="champion.page")
    def champion(
        request: Request,
        reader: Reader,
        study_id: str,
        section: Annotated[Section, Query()] = "",
    ) -> HTMLResponse:
        record = seen(shared.store.study(study_id), reader, study_id)
        values = _values(shared, record, reader)
        return page(request, f"champion/{section or 'page'}.html", reader, values)

    return router


def _values(shared: Shared, record: StudyRecord, reader: Caller) -> Mapping[str, Any]:
    study = load_study(record.source, record.filename)
    found = shared.checks.view(record)
    current = next((each for each in found.champions if each.state == "champion"), None)
    proposed = [each for each in reversed(found.champions) if each.state == "proposed"]
    ended = [each for each in found.checks if each.state == "ended"]
    last = ended[-1] if ended else None
    retuned = None if last is None or last.retuned is None else shared.store.study(last.retuned)
    policy = found.policy
    every = policy.every_s if policy is not None else None
    offered = sorted({*map(float, EVERY_S), *(() if every is None else (every,))})
    return {
        "record": record,
        "study": study,
        "found": found,
        "base": f"/studies/{record.id}/champion",
        "api": f"/api/v1/studies/{record.id}",
        "over": record.state in ENDED,
        "searches": study.mode == "caviar",
        "changes": reader.may("submitter") and reader.belongs_to(record.team),
        "champion": current,
        "champion_run": None if current is None else _run(shared, current),
        "champion_places": None if current is None else _places(study, current, None),
        "proposed": proposed,
        "proposed_places": {each.number: _places(study, each, current) for each in proposed},
        "former": any(each.state == "former" for each in found.champions),
        "opened": [each for each in found.checks if each.state != "ended"],
        "last": last,
        "meaning": meaning_of(
            found,
            last,
            bool(proposed),
            retuned is not None and retuned.state not in ENDED,
            current is not None,
        ),
        "checks": [_check(found, study, each) for each in reversed(found.checks)],
        "champions": [_champion(study, each) for each in reversed(found.champions)],
        "words": _words(found),
        "drawn": any(
            each.verdict is not None and each.verdict.champion is not None for each in found.checks
        ),
        "calls": "when somebody asks" if policy is None else calls_words(policy),
        "follows": "" if policy is None else FOLLOWS[policy.when_moved].strip(),
        "policy": policy,
        "every": [(each, span_words(each)) for each in offered],
        "causes": CAUSES,
    }


def _places(study: Study, each: ChampionView, other: ChampionView | None) -> Any:
    return places(study.space, each.params, None if other is None else other.params)


def _run(shared: Shared, each: ChampionView) -> str:
    return run_address(shared, shared.store.study(each.study), each.run_id)


def _champion(study: Study, each: ChampionView) -> dict[str, Any]:
    return {
        "view": each,
        "values": values_words(each.params, scales_of(study.space.to_views())),
        "since": each.created if each.decided is None else each.decided,
    }


def _check(found: RecheckView, study: Study, each: CheckView) -> dict[str, Any]:
    checked = next((c for c in found.champions if c.number == each.champion), None)
    said = ""
    if each.state == "ended":
        scales = scales_of(study.space.to_views())
        said = verdict_words(each, checked, found.goal, scales)
    elif each.state == "due":
        said = f"It waits: {each.waits}" if each.waits else "It is due."
    word = each.state if each.verdict is None else each.verdict.word
    return {
        "view": each,
        "word": word,
        "said": said.removeprefix(f"{word}: "),
        "causes": ", ".join(CAUSES[cause] for cause in each.causes),
        "drifts": [] if each.verdict is None else [drift_words(d) for d in each.verdict.drifts],
    }


def _words(found: RecheckView) -> str:
    """What the picture over time shows, for who cannot see it."""
    said = [(each, each.verdict) for each in found.checks if each.verdict is not None]
    words = [verdict.word for _, verdict in said]
    told = ", ".join(
        f"{words.count(word)} {word}"
        for word in ("holds", "moved", "inconclusive")
        if word in words
    )
    means = [verdict.champion for _, verdict in said if verdict.champion is not None]
    along = ""
    if means:
        along = f" The champion's {found.metric} was {number(means[0])} in the first"
        along += f" and {number(means[-1])} in the last." if len(means) > 1 else "."
    held = [each for each in found.champions if each.state in ("champion", "former")]
    return f"{count(len(said), 'check')}: {told}.{along} {count(len(held), 'champion')} so far."
