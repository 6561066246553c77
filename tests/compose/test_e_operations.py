"""What an operator does at night: backup and restore, other secrets, another version and back, an emptied host."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from caviar.errors import CaviarError
from tests.compose.conftest import Built, Figure
from tests.support import wait_until
from tests.support.bad_trainers import function
from tests.support.stack import (
    PARTS,
    Stack,
    check_study,
    docker,
    read_books,
    rows,
    script,
    study_text,
    submit,
    wait_until_complete,
    wait_until_done,
)

STEPS = 15
"""Of the trainer `slow`: three seconds a trial."""
SECRETS = (
    "token",
    "worker_token",
    "metrics_token",
    "gate_secret",
    "mlflow_secret",
    "caviar_pgpass",
    "mlflow_pgpass",
    "broker_url",
)
GROWING = {
    *("audit", "experiments", "users", "roles", "role_permissions", "user_role_assignments"),
}
"""Tables to which the time between the look and the backup may add rows."""
Dump = dict[str, list[dict[str, Any]]]


def dump(stack: Stack, study: str) -> Dump:
    """All rows of what is over, and of what is nobody's study, in Caviar's and MLflow's databases."""
    of_study = f"study_id = '{study}'"
    found = {
        "studies": rows(stack, "caviar", f"select * from studies where id = '{study}'"),
        "attempts": rows(
            stack,
            "caviar",
            f"select * from attempts where trial_id like '{study}-%' order by trial_id, attempt",
        ),
        "audit": rows(stack, "caviar", "select * from audit order by id"),
        "teams": rows(stack, "caviar", "select * from teams order by name"),
        "tokens": rows(
            stack,
            "caviar",
            "select id, name, role, team, digest, expires, revoked from tokens order by id",
        ),
        "bundles": rows(
            stack, "caviar", "select team, digest, size from bundles order by team, digest"
        ),
    }
    for table in ("trials", "rounds"):
        by = "number" if table == "trials" else "index"
        query = f'select * from {table} where {of_study} order by "{by}"'
        found[table] = rows(stack, "caviar", query)
    mine = f"select run_uuid from tags where key = 'caviar.study' and value = '{study}'"
    found["runs"] = rows(
        stack, "mlflow", f"select * from runs where run_uuid in ({mine}) order by run_uuid"
    )
    for table, order in (("metrics", "key, step, timestamp"), ("params", "key"), ("tags", "key")):
        query = f"select * from {table} where run_uuid in ({mine}) order by run_uuid, {order}"
        found[table] = rows(stack, "mlflow", query)
    of_all = {
        "experiments": "experiment_id, name, artifact_location, lifecycle_stage",
        "users": "id, username, is_admin",
        "roles": "*",
        "role_permissions": "*",
        "user_role_assignments": "*",
    }
    for table, columns in of_all.items():
        found[table] = rows(stack, "mlflow", f"select {columns} from {table} order by 1")
    return found


def artifacts(stack: Stack) -> list[str]:
    """Every file with its digest."""
    words = "cd /var/lib/caviar && find . -type f -exec sha256sum {} + | sort"
    return stack.compose("exec", "-T", "mlflow", "sh", "-c", words).stdout.splitlines()


def test_a_backup_of_a_running_service_is_restored_on_an_empty_machine(
    built: Built,
    stack: Stack,
    teams: dict[str, dict[str, str]],
    code: Path,
    tmp_path: Path,
    figure: Figure,
) -> None:
    """All volumes, secrets and settings are gone; what was over is the same row by row, what ran goes on to its end."""
    token = teams["alpha"]["submitter"]
    trials = 24
    study = submit(stack, token, study_text("backed-up", function("slow"), trials), code)
    wait_until_done(stack, token, study, 3)
    before = dump(stack, built.study)
    over = {
        str(row["run_uuid"]) for row in before["runs"]
    }  # of a study that goes on, records are written again
    files = {line for line in artifacts(stack) if any(run in line for run in over)}
    assert files
    begun = time.monotonic()
    script(stack, "backup", str(tmp_path / "backup"))
    figure("backup of the running service, s", f"{time.monotonic() - begun:.1f}")
    refused = script(stack, "restore", str(tmp_path / "backup"), code=2)
    assert re.search(r"has \d+ studies and \d+ runs\. With --replace they go", refused.stderr)

    stack.down()
    shutil.rmtree(stack.folder / "deploy" / "secrets")
    (stack.folder / ".env").unlink()
    shutil.move(tmp_path / "backup" / "secrets.tar", tmp_path / "secrets.tar")
    refused = script(stack, "restore", str(tmp_path / "backup"), code=2)
    assert "There are no secrets here" in refused.stderr
    begun = time.monotonic()
    script(stack, "restore", str(tmp_path / "backup"), "--secrets", str(tmp_path / "secrets.tar"))
    figure("restore on an empty machine, until healthy, s", f"{time.monotonic() - begun:.1f}")

    after = dump(stack, built.study)
    for table, was in before.items():
        assert was, f"{table} was empty"
        if table in GROWING:
            assert [row for row in was if row not in after[table]] == [], table
        else:
            assert after[table] == was, table
    assert files <= set(artifacts(stack))
    wait_until_complete(stack, token, study)
    # Without `steps`: a checkpoint may be some points newer than its run, which was backed up before it.
    assert check_study(stack, token, study, created=trials) == {"done": trials}


def test_a_damaged_backup_is_refused_before_anything_is_touched(
    stack: Stack, tmp_path: Path
) -> None:
    """One byte; the service does not notice."""
    script(stack, "backup", str(tmp_path / "backup"))
    dumped = tmp_path / "backup" / "mlflow.dump"
    data = bytearray(dumped.read_bytes())
    data[len(data) // 2] ^= 1
    dumped.write_bytes(data)
    started = {part: stack.started(stack.containers(part)[0]) for part in PARTS}
    refused = script(stack, "restore", str(tmp_path / "backup"), "--replace", code=2)
    assert "mlflow.dump: FAILED" in refused.stdout + refused.stderr
    assert started == {part: stack.started(stack.containers(part)[0]) for part in PARTS}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_drawn_anew_under_a_running_study(
    stack: Stack, teams: dict[str, dict[str, str]], code: Path, name: str, figure: Figure
) -> None:
    """The old one opens nothing any more, people's tokens stay, and the study goes on to its end."""
    token = teams["alpha"]["submitter"]
    study = submit(
        stack, token, study_text(f"rotated-{name.replace('_', '-')}", function("slow"), 6), code
    )
    wait_until_done(stack, token, study, 1)
    old = stack.secret(name)
    said = script(stack, "rotate", name).stdout
    found = re.search(r"were away for at most (\d+) s", said)
    assert found is not None, said
    figure(f"rotate {name}, s", found[1])
    assert stack.secret(name) != old
    assert old not in said
    assert stack.secret(name) not in said
    assert not list((stack.folder / "deploy" / "secrets").glob(".before-*"))
    if name == "token":
        with stack.client(old) as stale, pytest.raises(CaviarError, match="token"):
            stale.teams()
    if name.endswith("_pgpass"):
        role, password = name.removesuffix("_pgpass"), old.rpartition(":")[2]
        connect = f"import psycopg; psycopg.connect(host='postgres', user='{role}', password='{password}')"
        over_network = stack.compose(
            "exec", "-T", "scheduler", "python", "-c", connect, check=False
        )
        assert over_network.returncode != 0
        assert "password authentication failed" in over_network.stderr
    wait_until_complete(stack, token, study)
    assert check_study(stack, token, study, created=6) == {"done": 6}


def git(stack: Stack, *words: str) -> str:
    who = ("-c", "user.name=tests", "-c", "user.email=tests@example.org")
    done = subprocess.run(
        ["git", "-C", str(stack.folder), *who, *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_an_upgrade_and_the_way_back(
    built: Built, stack: Stack, teams: dict[str, dict[str, str]], code: Path, figure: Figure
) -> None:
    """The next version has another name for itself; going back brings images and data of before the upgrade."""
    token = teams["alpha"]["submitter"]
    git(stack, "init", "--quiet", "--initial-branch", "main")
    git(stack, "add", "--all"), git(stack, "commit", "--quiet", "-m", "this version")
    git(stack, "checkout", "--quiet", "-b", "next")
    about = stack.folder / "services" / "caviar" / "__init__.py"
    about.write_text(about.read_text().replace('__version__ = "', '__version__ = "9.'))
    (
        git(stack, "commit", "--quiet", "--all", "-m", "next version"),
        git(stack, "checkout", "--quiet", "main"),
    )
    study = submit(stack, token, study_text("upgraded", function("slow"), 20), code)
    wait_until_done(stack, token, study, 1)
    before = dump(stack, built.study)

    begun = time.monotonic()
    script(stack, "upgrade", "next")
    figure("upgrade with backup and build, s", f"{time.monotonic() - begun:.0f}")
    assert version(stack).startswith("9.")
    wait_until_complete(stack, token, study)
    later = submit(stack, token, study_text("later", function("steady"), 2), code)
    wait_until_complete(stack, token, later)

    begun = time.monotonic()
    script(stack, "upgrade", "--back")
    figure("the way back, s", f"{time.monotonic() - begun:.0f}")
    assert not version(stack).startswith("9.")
    assert git(stack, "branch", "--show-current") in ("", "main")
    after = dump(stack, built.study)
    for table in ("studies", "trials", "attempts", "rounds", "runs", "metrics", "params"):
        assert after[table] == before[table], table
    assert rows(stack, "caviar", f"select id from studies where id = '{later}'") == []
    wait_until_complete(stack, token, study)
    assert all(book.state == "done" for book in read_books(stack, study))


def version(stack: Stack) -> str:
    words = ("exec", "-T", "scheduler", "python", "-c", "import caviar; print(caviar.__version__)")
    return stack.compose(*words).stdout.strip()


def test_a_host_is_emptied_and_takes_work_again(
    stack: Stack, teams: dict[str, dict[str, str]], code: Path
) -> None:
    """Through the script that is the operator's command line; the worker's container starts again and stays drained."""
    token = teams["alpha"]["submitter"]
    study = submit(stack, token, study_text("drained", function("slow"), 6), code)
    wait_until_done(stack, token, study, 1)
    with stack.operator() as operator:
        (worker,) = operator.workers()
    left = json.loads(
        script(stack, "caviar", "workers", "drain", worker.host, "--now", "--wait", "--json").stdout
    )
    assert [(each["running"], each["unshipped"]) for each in left] == [(0, 0)]
    stack.compose("restart", "worker")
    wait_until(lambda: stack.healthy("worker"), 120, "the worker is back")
    assert all(book.state != "running" for book in read_books(stack, study))
    script(stack, "caviar", "workers", "resume", worker.host)
    wait_until_complete(stack, token, study)
    assert check_study(stack, token, study, created=6, steps=STEPS) == {"done": 6}


def test_artifacts_move_to_another_disk(stack: Stack, tmp_path: Path, figure: Figure) -> None:
    """Every file is there with its digest, and MLflow serves it from there."""
    folder = tmp_path / "artifacts"
    folder.mkdir()
    user = int(
        dict(line.split("=", 1) for line in (stack.folder / ".env").read_text().split())[
            "CAVIAR_UID"
        ]
    )
    os.chown(folder, user, user)
    for parent in folder.parents:  # pytest's folders are its user's alone
        if parent.is_relative_to("/tmp") and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o011)
    before = artifacts(stack)
    said = script(stack, "move-artifacts", str(folder)).stdout
    found = re.search(r"MLflow was away for (\d+) s", said)
    assert found is not None
    figure("move-artifacts: MLflow away, s", found[1])
    assert set(before) <= set(artifacts(stack))
    mounts = stack.about("mlflow")[0]["Mounts"]
    assert [m["Source"] for m in mounts if m["Destination"] == "/var/lib/caviar"] == [str(folder)]
    way_out = re.search(r"When all is well: docker (volume rm (\S+))", said)
    assert way_out is not None, said
    assert way_out[2] == f"{stack.project}_artifacts"
    docker(*way_out[1].split())
