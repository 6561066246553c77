"""A deployment on a real Docker engine, from a copy of this repository: what tests of it share."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from caviar.client.administration import Administration
from caviar.client.connection import Address
from caviar.contract.access import NewTeam, NewToken, Role
from caviar.contract.views import StudyView, Submission
from caviar.errors import ServiceError
from caviar.studies.code_folder import read_code
from tests.support import wait_until
from tests.support.books import Mlflow, TrialBook, check_counts
from tests.support.compose_files import ROOT
from tests.support.servers import free_port

ENDED = ("done", "stopped", "failed")
PARTS = ("gateway", "scheduler", "refiner", "mlflow", "worker", "postgres", "redis")
"""What runs, in no order; `migrate` ends by itself."""
RESTART = "CAVIAR_ENGINE_RESTART"
"""The command that restarts the engine, where it is not systemd's."""
COLUMNS = tuple(name for name in TrialBook.__dataclass_fields__ if name != "attempts")


def docker(*words: str, check: bool = True, **more: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False, **more)
    if check and done.returncode != 0:
        raise AssertionError(
            f"docker {shlex.join(words)}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        )
    return done


def why_no_engine() -> str | None:
    """What is missing for these tests, in one sentence; None where nothing is."""
    if shutil.which("docker") is None:
        return "make test-compose needs Docker with Compose 2.24 or later: there is no docker on the PATH."
    for words, missing in (
        (("compose", "version"), "the Compose plugin"),
        (("buildx", "version"), "the buildx plugin"),
        (("info",), "an engine that answers: start one, or set DOCKER_HOST"),
    ):
        done = docker(*words, check=False)
        if done.returncode != 0:
            said = (done.stderr.strip().splitlines() or ["no word"])[-1]
            return f"make test-compose needs {missing} ({said})."
    return None


def copy_of_repository(folder: Path) -> Path:
    """The files that git knows or would, without secrets and settings of this checkout."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
    )
    for name in listed.stdout.decode().split("\0"):
        source = ROOT / name
        if name and source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)
    for path in (folder, *folder.rglob("*")):  # whatever the umask was: containers read some of it
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    return folder


@dataclass
class Stack:
    """One Compose project of a copy of the repository, with secrets of its own."""

    folder: Path
    project: str
    port: int = field(default_factory=free_port)
    files: tuple[str, ...] = ("docker-compose.yml",)
    settings: dict[str, str] = field(default_factory=dict)
    """Lines of .env."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def mlflow_url(self) -> str:
        return f"{self.url}/mlflow"

    def secret(self, name: str) -> str:
        return (self.folder / "deploy" / "secrets" / name).read_text(encoding="utf-8").strip()

    def prepare(self) -> None:
        """A copy, its secrets, its settings."""
        copy_of_repository(self.folder)
        subprocess.run([self.folder / "deploy" / "secrets.sh"], check=True, capture_output=True)
        given = {
            "CAVIAR_LISTEN": f"0.0.0.0:{self.port}",
            "CAVIAR_PUBLIC_URL": self.url,
            "CAVIAR_WORKER_SLOTS": "2",
        } | self.settings
        with (self.folder / ".env").open("a", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in given.items())

    def compose(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        files = [word for name in self.files for word in ("-f", name)]
        environ = {k: v for k, v in os.environ.items() if not k.startswith("CAVIAR_")}
        return docker(
            *("compose", "--project-name", self.project, "--env-file", ".env", *files, *words),
            check=check,
            cwd=self.folder,
            env=environ,
        )

    def up(self, *words: str) -> float:
        """Seconds until everything was healthy."""
        begun = time.monotonic()
        self.compose("up", "--detach", "--wait", "--wait-timeout", "300", *words)
        assert self.healthy()  # Compose ends well also when its time is over
        return time.monotonic() - begun

    def down(self, *words: str) -> float:
        begun = time.monotonic()
        self.compose("down", "--volumes", "--remove-orphans", *words)
        return time.monotonic() - begun

    # Containers

    def containers(self, *services: str, stopped: bool = False) -> list[str]:
        words = ("ps", "--quiet", *(("--all",) if stopped else ()))
        return self.compose(*words, *services).stdout.split()

    def about(self, *services: str, stopped: bool = False) -> list[dict[str, Any]]:
        """What `docker inspect` says."""
        found = self.containers(*services, stopped=stopped)
        return list(json.loads(docker("inspect", *found).stdout)) if found else []

    def kill(self, service: str) -> str:
        """kill -9 of the first process of a container, as the kernel would; the engine starts it again. Its id."""
        about = self.about(service)[0]
        pid = int(about["State"]["Pid"])
        assert pid > 1, about["State"]
        os.kill(pid, signal.SIGKILL)
        return str(about["Id"])

    def healthy(self, *services: str) -> bool:
        wanted = services or PARTS
        found = self.about(*wanted)
        states = [about["State"] for about in found]
        return len(found) >= len(wanted) and all(
            state["Running"] and state.get("Health", {}).get("Status") == "healthy"
            for state in states
        )

    def started(self, container: str) -> str:
        """When it was started last."""
        return docker("inspect", "--format", "{{.State.StartedAt}}", container).stdout.strip()

    def logs(self) -> str:
        return self.compose("logs", "--no-color", "--tail", "25", check=False).stdout[-12_000:]

    # The service

    def client(self, token: str) -> Administration:
        return Administration(Address(self.url, token))

    def operator(self) -> Administration:
        return self.client(self.secret("token"))

    def add_team(self, name: str) -> dict[str, str]:
        """A new team's tokens by role."""
        with self.operator() as operator:
            operator.add_team(NewTeam(name=name))
            return {
                role: self._token(operator, role, name) for role in ("viewer", "submitter", "admin")
            }

    def worker_token(self, machine: str) -> tuple[str, str]:
        """Its id and its text."""
        with self.operator() as operator:
            issued = operator.create_token(NewToken(name=machine, role="worker"))
            return issued.id, issued.token

    @staticmethod
    def _token(operator: Administration, role: Role, team: str) -> str:
        new = NewToken(name=f"{role} of {team}", role=role, team=team)
        return operator.create_token(new).token


def submit(stack: Stack, token: str, text: str, code: Path) -> str:
    """As `caviar submit --code`: the study's id."""
    bundle = read_code(code)
    with stack.client(token) as client:
        client.bring(bundle.digest, bundle.data, None)
        return client.submit(Submission(text=text, bundle=bundle.digest, user="tests")).id


def study_text(name: str, trainer: str, trials: int, **more: str) -> str:
    lines = {"stop": "none", "search": "{strategy: random, seed: 1}"} | more
    return "\n".join(
        [
            f"name: {name}",
            "metric: {name: score, goal: maximize}",
            f'trainer: {{function: "{trainer}"}}',
            "space:\n  x: {type: float, low: 0.0, high: 1.0}",
            f"budget: {{trials: {trials}}}",
            *(f"{key}: {value}" for key, value in lines.items()),
        ]
    )


def view(stack: Stack, token: str, study: str) -> StudyView | None:
    with suppress(ServiceError), stack.client(token) as client:
        return client.study(study)
    return None


def wait_until_done(
    stack: Stack, token: str, study: str, trials: int, deadline: float = 240
) -> None:
    """Until so many trials are done."""

    def enough() -> bool:
        time.sleep(0.2)
        found = view(stack, token, study)
        return found is not None and (found.counts.get("done", 0) >= trials or found.state in ENDED)

    wait_until(enough, deadline, f"{trials} trials of {study} are done")


def wait_until_complete(stack: Stack, token: str, study: str, deadline: float = 400) -> None:
    """Until the study is over, and all of it in MLflow."""

    def over() -> bool:
        time.sleep(0.3)
        found = view(stack, token, study)
        return found is not None and found.state in ENDED and found.mlflow.closed

    try:
        wait_until(over, deadline, f"{study} is over")
    except AssertionError as error:
        raise AssertionError(f"{error}\n{view(stack, token, study)}\n{stack.logs()}") from None


def rows(stack: Stack, database: str, statement: str) -> list[dict[str, Any]]:
    """What PostgreSQL answers, asked inside of its container."""
    query = f"select coalesce(json_agg(found), '[]'::json) from ({statement}) found"
    answer = stack.compose(
        *(
            "exec",
            "-T",
            "postgres",
            "psql",
            "-U",
            "postgres",
            "-d",
            database,
            "-X",
            "-A",
            "-t",
            "-c",
            query,
        )
    )
    return list(json.loads(answer.stdout))


def read_books(stack: Stack, study: str) -> list[TrialBook]:
    """The trials of a study as PostgreSQL has them. ``study`` is an id of the service's making."""
    assert study.isalnum()
    trials = rows(
        stack,
        "caviar",
        f"select {', '.join(COLUMNS)} from trials where study_id = '{study}' order by number",
    )
    tried: dict[str, list[str | None]] = {}
    attempts = (
        f"select trial_id, outcome from attempts where trial_id like '{study}-%' order by attempt"
    )
    for row in rows(stack, "caviar", attempts):
        tried.setdefault(row["trial_id"], []).append(row["outcome"])
    return [TrialBook(**row, attempts=tuple(tried.get(row["id"], ()))) for row in trials]


def check_study(
    stack: Stack, token: str, study: str, *, created: int, steps: int | None = None
) -> Counter[str]:
    """``check_counts`` of PostgreSQL and, through the gateway, of MLflow."""
    with closing(Mlflow(stack.mlflow_url, token)) as record:
        return check_counts(read_books(stack, study), record, study, created=created, steps=steps)


def leaked_keys(stack: Stack) -> list[str]:
    """What is in Redis beside the queues' bindings, asked with the service's own password, which comes over stdin."""
    script = (
        "import redis, sys; print(*redis.Redis.from_url(open('/run/secrets/broker_url').read().strip(),"
        " decode_responses=True).keys('*'), sep='\\n')"
    )
    found = stack.compose("exec", "-T", "scheduler", "python", "-c", script).stdout.split()
    return [key for key in found if not key.startswith("_kombu.binding")]


def memory(stack: Stack) -> dict[str, float]:
    """MB of each container, as `docker stats` has it."""
    found = {}
    form = "{{.Name}} {{.MemUsage}}"
    lines = docker(
        "stats", "--no-stream", "--format", form, *stack.containers()
    ).stdout.splitlines()
    units = {"B": 1e-6, "KiB": 1024e-6, "MiB": 1.048576, "GiB": 1073.741824}
    for line in lines:
        name, amount = line.split()[:2]
        number = amount.rstrip("KMGTiB")
        found[name.removeprefix(f"{stack.project}-")] = float(number) * units[amount[len(number) :]]
    return found


def script(stack: Stack, name: str, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """One of deploy/bin, as an operator in the checkout runs it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CAVIAR_")}
    done = subprocess.run(
        [stack.folder / "deploy" / "bin" / name, *words],
        cwd="/",
        env=kept | {"COMPOSE_PROJECT_NAME": stack.project},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == code, f"{name}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


def image_mb(image: str) -> float:
    return int(docker("image", "inspect", "--format", "{{.Size}}", image).stdout) / 1e6


def restart_engine() -> None:
    """The engine's own process ends and is started again, with whatever the machine starts it with."""
    command = os.environ.get(RESTART, "systemctl restart docker")
    done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
    assert done.returncode == 0, (
        f"The engine was not restarted by {command!r}: {done.stderr[-500:]} Name the command in {RESTART}."
    )
    wait_until(lambda: docker("info", check=False).returncode == 0, 90, "the engine answers again")
