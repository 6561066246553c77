"""`caviar priority` and `caviar queue move` at the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from caviar.cli import main
from caviar.contract.views import StudyRow
from tests.support.answering_service import Service, answering_service
from tests.support.studies_made_up import digits_study


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with answering_service() as service:
        monkeypatch.setenv("CAVIAR_URL", service.url)
        study = digits_study()
        shown = study.model_dump(exclude={"best"})
        rows = [StudyRow(**shown, done=23, best=0.98611).model_dump(mode="json")]
        service.answers["GET /studies"] = (200, rows)
        service.answers[f"PATCH /studies/{study.id}"] = (200, study.model_dump(mode="json"))
        yield service


@pytest.mark.parametrize(
    ("command", "asked", "said"),
    [
        (["priority", "digits-mlp", "7"], {"priority": 7}, "has priority 7"),
        (["queue", "move", "digits-mlp", "--first"], {"place": "first"}, "before all other"),
        (["queue", "move", "digits-mlp", "--last"], {"place": "last"}, "after all other"),
        (["queue", "move", "digits-mlp", "--normal"], {"place": "normal"}, "share"),
    ],
)
def test_only_what_was_asked_is_changed(
    served: Service,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    asked: dict[str, object],
    said: str,
) -> None:
    assert main(command) == 0
    method, _, _, body = served.requests[-1]
    assert (method, body) == ("PATCH", asked)
    assert said in " ".join(capsys.readouterr().out.split())
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "digits-mlp"


@pytest.mark.parametrize(
    "command", [["priority", "digits-mlp", "10"], ["queue", "move", "digits-mlp"]]
)
def test_what_is_no_place_and_no_priority_is_refused(served: Service, command: list[str]) -> None:
    assert main(command) == 2
    assert served.requests == []
