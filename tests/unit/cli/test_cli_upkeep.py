"""`caviar doctor` and `caviar rebuild` at the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from caviar.cli import main
from caviar.embedded.record import stopped
from tests.support.answering_service import Service, answering_service

WRONG = {"kind": "orphan-run", "where": "study a1", "what": "2 runs \x1b[31m are", "runs": ["r"]}
MENDED = {"kind": "stuck-run", "where": "study a1", "what": "1 run is", "mended": True}
NOTE = {"kind": "unknown-studies", "where": "MLflow", "what": "1 study", "note": True}


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with answering_service() as service:
        monkeypatch.setenv("CAVIAR_URL", service.url)
        yield service


@pytest.mark.parametrize(
    ("findings", "code", "said"),
    [
        ([], 0, "Nothing is wrong."),
        ([NOTE], 0, "Nothing else is wrong."),
        ([MENDED, NOTE], 0, "mended"),
        ([WRONG, MENDED], 1, "wrong"),
    ],
)
def test_the_exit_code_says_whether_something_is_wrong(
    served: Service,
    capsys: pytest.CaptureFixture[str],
    findings: list[dict[str, object]],
    code: int,
    said: str,
) -> None:
    """What was mended and what is only worth knowing is not wrong."""
    served.answers["GET /doctor"] = (200, findings)
    assert main(["doctor"]) == code
    out = capsys.readouterr().out
    assert said in out
    assert "\x1b[31m" not in out
    assert main(["doctor", "--json"]) == code
    found = json.loads(capsys.readouterr().out)
    assert [each["kind"] for each in found] == [each["kind"] for each in findings]


def test_mending_is_asked_for(served: Service) -> None:
    """Without --mend nothing is changed."""
    served.answers["GET /doctor"] = served.answers["POST /doctor/mend"] = (200, [])
    main(["doctor"])
    main(["doctor", "--mend"])
    assert [(method, path) for method, path, _, _ in served.requests] == [
        ("GET", "/api/v1/doctor"),
        ("POST", "/api/v1/doctor/mend"),
    ]


def test_a_home_without_a_record_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is made there."""
    assert main(["rebuild", "--home", str(tmp_path / "empty")]) == 2
    assert "mlflow.db" in capsys.readouterr().err
    assert not (tmp_path / "empty").exists()


def test_a_service_that_runs_is_not_rebuilt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who holds the home's lock is the service, or another rebuild."""
    with stopped(tmp_path, "http://127.0.0.1:9", print):
        code = main(["rebuild", "--home", str(tmp_path), "--mlflow", "http://127.0.0.1:9"])
    assert code == 1
    assert "Stop it first" in capsys.readouterr().err


def test_a_team_s_service_that_answers_is_not_rebuilt(
    served: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its scheduler has the studies in memory."""
    settings = {
        "DATABASE_URL": "sqlite://",
        "BROKER_URL": "redis://nowhere",
        "MLFLOW_URI": "http://127.0.0.1:9",
        "TOKEN": "t" * 20,
        "WORKER_TOKEN": "w" * 20,
        "PORT": served.url.rpartition(":")[2],
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"CAVIAR_{name}", value)
    assert main(["rebuild"]) == 1
    assert "Stop it first" in capsys.readouterr().err
