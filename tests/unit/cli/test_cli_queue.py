"""``caviar queue``, ``caviar quote`` and ``caviar quota`` at the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from caviar.cli import main
from caviar.cli.views.queue import queue_view, quote_line, quote_view
from caviar.contract.queue import QueueRow, QueueView, QuotaUse, Quote, TeamShare
from tests.support.answering_service import Service

WHY = "All 2 slots of class cpu are taken, 2 by team speech. It is next."
MINE = QueueRow(
    study="b74b3175",
    name="digits-mlp",
    state="running",
    team="vision",
    priority=3,
    place="normal",
    resource_class="cpu",
    running=0,
    left=38,
    why=WHY,
    starts_s=40.0,
    ends_s=340.0,
)
OTHER = QueueRow(
    study=None,
    name="another team's study",
    state="running",
    team="speech",
    priority=None,
    place="normal",
    resource_class="cpu",
    running=2,
    left=None,
    why="",
)
QUEUE = QueueView(
    studies=[MINE, OTHER],
    teams=[
        TeamShare(team="speech", weight=1.0, running=2, share=0.9, due=0.5),
        TeamShare(team="vision", weight=1.0, running=0, share=0.1, due=0.5),
    ],
    slots={"cpu": 2},
    free={"cpu": 0},
)
QUOTE = Quote(
    learned_from=60,
    source="digits-mlp (b74b3175)",
    slot_hours=3.254,
    low=2.1,
    high=5.0,
    trials=40,
    starts_s=70.0,
    ends_s=7200.0,
    quota_share=0.12,
    notes=("No worker of class gpu has called.",),
)


def text_of(view: object, width: int = 200) -> str:
    console = Console(width=width, highlight=False, record=True, file=None)
    with console.capture() as captured:
        console.print(view)
    return captured.get()


@pytest.fixture
def served(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setenv("CAVIAR_URL", service.url)
    return service


@pytest.mark.parametrize("width", [80, 100, 200])
def test_the_queue_fits_the_terminal_and_says_each_reason_once(width: int) -> None:
    text = text_of(queue_view(QUEUE, width), width)
    assert all(len(line) <= width for line in text.splitlines())
    assert " ".join(text.split()).count("2 by team speech.") == 1
    assert "digits-mlp" in text
    assert "priority 3" in " ".join(text.split())
    assert "another team's study" in text
    assert "40 s" in text
    assert "5 min 40 s" in text
    assert "0 of 2 slots of class cpu free" in text


def test_teams_stand_below_with_what_they_had_and_their_due() -> None:
    lines = [line.split() for line in text_of(queue_view(QUEUE, 100)).splitlines()]
    assert ["speech", "1", "2", "90%", "50%"] in lines


def test_an_empty_queue_says_so() -> None:
    empty = QueueView(studies=[], teams=[], slots={}, free={})
    assert "No study is in the queue." in text_of(queue_view(empty, 80))


def test_queue_prints_json_for_programs(
    served: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    served.answers["GET /queue"] = (200, QUEUE.model_dump(mode="json"))
    assert main(["queue", "--json"]) == 0
    assert QueueView.model_validate_json(capsys.readouterr().out) == QUEUE
    assert main(["queue"]) == 0
    assert "digits-mlp" in capsys.readouterr().out


def test_a_quote_has_figures_where_they_come_from_and_what_holds_it_back() -> None:
    text = " ".join(text_of(quote_view(QUOTE)).split())
    assert "3.25 slot-hours (90%: 2.1 slot-hours … 5 slot-hours)" in text
    assert "12% of the team's slot-hours" in text
    assert "60 trials of digits-mlp (b74b3175)" in text
    assert "! No worker of class gpu has called." in text


def test_where_nothing_is_known_no_figure_is_made_up() -> None:
    unknown = Quote(learned_from=0, trials=40)
    assert "nothing is known" in text_of(quote_view(unknown))
    assert quote_line(unknown) == ""


def test_quote_sends_the_file_and_submits_nothing(
    served: Service,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "parabola.py").write_text("def train(**_): return 0.0\n")
    file = tmp_path / "study.yaml"
    file.write_text(
        "name: parabola\nmetric: {name: loss, goal: minimize}\n"
        'trainer: {function: "parabola:train"}\n'
        "space:\n  x: {type: float, low: 0.0, high: 1.0}\nbudget: {trials: 40}\n"
    )
    served.answers["POST /quote"] = (200, QUOTE.model_dump(mode="json"))
    assert main(["quote", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["slot_hours"] == 3.254
    assert [(method, path) for method, path, _, _ in served.requests] == [("POST", "/api/v1/quote")]
    assert served.requests[0][3]["text"] == file.read_text()


def test_quota_is_ones_own_teams_by_default(
    served: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    who = {"name": "ada", "role": "viewer", "team": "vision", "token": "t"}
    lines = [
        QuotaUse(name="slot_hours", used=8.25, limit=10.0),
        QuotaUse(name="storage", used=2.5e6),
    ]
    served.answers["GET /whoami"] = (200, who)
    dumped = [line.model_dump(mode="json") for line in lines]
    served.answers["GET /teams/vision/use"] = (200, dumped)
    assert main(["quota"]) == 0
    text = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["slot-hours", "this", "month", "8.25", "10", "82%"] in text
    assert ["code", "that", "is", "kept", "2.5", "MB", "–"] in text
    assert main(["quota", "vision", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == dumped


def test_a_teams_name_is_no_path(served: Service) -> None:
    assert main(["quota", "../studies"]) == 1
    assert served.requests[-1][1] == "/api/v1/teams/..%2Fstudies/use"
