"""From nothing to a team's first study, within the bounds that a small machine has."""

from __future__ import annotations

import json

import httpx2

from tests.compose.conftest import Built
from tests.support.stack import (
    PARTS,
    Stack,
    check_study,
    docker,
    image_mb,
    leaked_keys,
    memory,
)


def test_images_are_small(built: Built) -> None:
    """With Python's own image, which is 125 MB from its makers, within 500 and 525 MB. A team adds its frameworks."""
    base = image_mb("python:3.12-slim")
    assert image_mb("caviar-service") - base < 375
    assert image_mb("caviar-worker") - base < 400


def test_it_is_up_within_a_minute_and_takes_little(built: Built) -> None:
    """All of it healthy, with images built; 1.5 GB while nothing trains."""
    assert built.healthy_s < 60
    assert sum(memory(built.stack).values()) < 1500


def test_a_team_s_first_study_is_recorded_once(
    built: Built, teams: dict[str, dict[str, str]]
) -> None:
    """Submitted with its code by a member; the books agree in PostgreSQL and, through the gateway, in MLflow."""
    stack, token = built.stack, teams["alpha"]["submitter"]
    assert check_study(stack, token, built.study, created=8, steps=5) == {"done": 8}
    assert leaked_keys(stack) == []
    with stack.operator() as operator:
        assert [f for f in operator.doctor(mend=False) if not f.note] == []


def test_a_browser_logs_in_once_for_pages_and_mlflow(
    built: Built, teams: dict[str, dict[str, str]]
) -> None:
    """Without a session it is sent to the login, and from there to where it wanted to go."""
    html = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
    with httpx2.Client(base_url=built.stack.url, headers=html, trust_env=False) as browser:
        sent = browser.get("/mlflow/")
        assert sent.status_code == 302
        assert sent.headers["location"].startswith("/login?next=/mlflow/")
        page = browser.get(sent.headers["location"])
        assert page.status_code == 200
        assert "<form" in page.text
        form = {"token": teams["alpha"]["viewer"], "next": "/mlflow/"}
        origin = {"Origin": built.stack.url, "Sec-Fetch-Site": "same-origin"}
        entered = browser.post("/login", data=form, headers=origin)
        assert entered.status_code == 303
        assert entered.headers["location"] == "/mlflow/"
        assert "caviar_session" in browser.cookies
        ui = browser.get("/mlflow/")
        assert ui.status_code == 200
        assert "static-files" in ui.text
        told = browser.get("/mlflow/ajax-api/2.0/mlflow/experiments/search?max_results=100")
        assert "alpha/" in told.text
        assert browser.get("/api/v1/studies").status_code == 200


def test_the_containers_are_what_the_files_say(built: Built) -> None:
    """The engine's own word: no root, nothing to write into, no capability, and no secret in what it shows of them."""
    stack = built.stack
    folder = stack.folder / "deploy" / "secrets"
    secrets = [
        line for path in folder.iterdir() for line in path.read_text().split() if len(line) > 40
    ]
    secrets = [word.rpartition(":")[2].partition("@")[0] for word in secrets]
    abouts = stack.about(*PARTS, "migrate", stopped=True)
    shown = json.dumps(abouts) + docker("ps", "--all", "--no-trunc").stdout
    assert len(abouts) == len(PARTS) + 1
    for about in abouts:
        host, name = about["HostConfig"], about["Name"]
        assert host["ReadonlyRootfs"], name
        assert host["CapDrop"] == ["ALL"], name
        assert not host["CapAdd"], name
        assert not host["Privileged"], name
        assert "no-new-privileges:true" in host["SecurityOpt"], name
        assert host["Memory"] > 0, name
        assert host["LogConfig"]["Config"]["max-size"] == "10m", name
    for container in stack.containers(*PARTS):
        table = docker("top", container, "-eo", "pid,uid,args").stdout
        users = {line.split()[1] for line in table.splitlines()[1:]}
        assert "0" not in users, table
        shown += table
    assert not [secret for secret in secrets if secret in shown]


def test_it_is_not_written_into_and_cannot_get_out(stack: Stack) -> None:
    """A file beside the code is refused; from the inner network there is no way to the world, nor to this machine."""
    write = "open('/opt/caviar/x', 'w')"
    done = stack.compose("exec", "-T", "scheduler", "python", "-c", write, check=False)
    assert "Read-only file system" in done.stderr or "Permission denied" in done.stderr
    out = "import socket; socket.create_connection(('1.1.1.1', 443), 3)"
    for part in ("scheduler", "mlflow"):
        done = stack.compose("exec", "-T", part, "python", "-c", out, check=False)
        assert done.returncode != 0, f"{part} reaches the world"
    for host, port in (("postgres", 5432), ("redis", 6379), ("scheduler", 8642), ("mlflow", 5000)):
        reach = f"import socket; socket.create_connection(('{host}', {port}), 3)"
        done = stack.compose("exec", "-T", "worker", "python", "-c", reach, check=False)
        assert done.returncode != 0, f"a worker reaches {host}"


def test_a_trial_cannot_read_the_worker_s_token(
    built: Built, teams: dict[str, dict[str, str]], tmp_path: object
) -> None:
    """Though it is the same user in the same container, and the file lies there."""
    from pathlib import Path

    from tests.support.stack import rows, study_text, submit, wait_until_complete

    code = Path(str(tmp_path)) / "code"
    code.mkdir()
    (code / "thief.py").write_text(
        "def train(trial):\n"
        "    try:\n"
        "        print('it says', open('/run/secrets/worker_token').read())\n"
        "    except OSError as error:\n"
        "        print('refused:', error.strerror)\n"
        "    trial.report(0, score=1.0)\n"
    )
    stack, token = built.stack, teams["alpha"]["submitter"]
    study = submit(stack, token, study_text("thief", "thief:train", 1), code)
    wait_until_complete(stack, token, study)
    (trial,) = rows(stack, "caviar", f"select output from trials where study_id = '{study}'")
    assert "refused: Permission denied" in trial["output"]
