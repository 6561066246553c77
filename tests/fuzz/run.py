"""Schemathesis against the real API: no request that it can think of makes the service fail.

    make api-fuzz REQUESTS=10000 SEED=1
    python -m tests.fuzz.run --requests 10000 --seed 1 [--database postgresql+psycopg://...]

A real server with a real scheduler, asked by an operator, a submitter and a worker in turn: half of what is asked for
is there (studies, trials, rounds, teams), bodies are valid and invalid. Every answer is held against the OpenAPI
description: its status, its type, its form. The server counts for itself what it was asked and what it answered.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caviar.api import workers
from caviar.api.rates import Rates
from caviar.contract import messages, panda
from caviar.contract.views import Submission
from tests.support import wait_until
from tests.support.real_api import STUDY, TOKEN, WORKER_TOKEN, Serving, serving

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
WORKER_ROUTES = {
    "claim": (messages.ClaimRequest, messages.ClaimAnswer),
    "finish": (messages.Finish, messages.FinishAnswer),
    "heartbeat": (messages.Heartbeat, messages.HeartbeatAnswer),
    "hello": (messages.Hello, messages.HelloAnswer),
    "run": (messages.RunRequest, messages.RunAnswer),
    "shipped": (messages.Shipped, None),
    "wards": (panda.Report, panda.ReportAnswer),
    "orders": (panda.Waiting, panda.Orders),
}
PATH = "/api/v1/worker/"
RECHECK = "recheck: {cron: 0 6 * * MON, data: {file: train.csv}, trials: 6, when_moved: propose}\n"
CHECK = """mode: check
check: {of: 1f0c9a2b, number: 3, noise: 0.1, freedom: 4, box: {x: [0.25, 0.75]}}
warm_start: {points: [{x: 0.5}, {x: 0.6}]}
"""


@dataclass(frozen=True)
class Caller:
    name: str
    token: str
    share: float
    """Of the requests."""
    paths: str
    """Which paths it asks, as a regular expression."""


def fuzz(folder: Path, requests: int, seed: int, database: str | None = None) -> bool:
    """Whether nothing was found. What was is printed."""
    workers.WAIT_S = 0.02  # nobody is kept waiting here who has nothing to do
    with serving(folder, database, Rates(1e6, 1e6)) as service:
        seeded = seed_studies(service)
        description = described(service, seeded)
        (folder / "openapi.json").write_text(json.dumps(description))
        not_workers, not_streams = "^/api/v1/(?!worker/)", "(?<!events)$"
        callers = (
            Caller("operator", TOKEN, 0.5, f"{not_workers}.*{not_streams}"),
            Caller("submitter", service.token("submitter"), 0.3, f"{not_workers}.*{not_streams}"),
            Caller("worker", WORKER_TOKEN, 0.2, f"^{PATH}"),
        )
        well = True
        for caller in callers:
            well &= asked(folder, service, caller, int(requests * caller.share), seed, description)
        print(f"{counted(service).total()} requests: {dict(sorted(counted(service).items()))}")
        return well and not any(status >= "500" for status in counted(service))


def asked(
    folder: Path,
    service: Serving,
    caller: Caller,
    requests: int,
    seed: int,
    description: dict[str, Any],
) -> bool:
    """Ask until so many requests were made; each turn has another seed."""
    before, turn = counted(service).total(), 0
    while (missing := requests - (counted(service).total() - before)) > 0:
        an_operation = max(1, min(200, missing // max(1, operations(description, caller))))
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", str(folder / "openapi.json")),
            *("--url", service.url, "--header", f"Authorization: Bearer {caller.token}"),
            *("--include-path-regex", caller.paths, "--checks", ",".join(CHECKS)),
            *("--max-examples", str(an_operation), "--seed", str(seed + turn)),
            *("--continue-on-failure", "--no-shrink", "--phases", "examples,coverage,fuzzing"),
            *("--suppress-health-check", "all", "--warnings", "off", "--request-timeout", "20"),
        ]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(f"As {caller.name}:\n{done.stdout}\n{done.stderr}")
            return False
        turn += 1
    return True


def operations(description: dict[str, Any], caller: Caller) -> int:
    paths = [path for path in description["paths"] if re.search(caller.paths, path)]
    return sum(len(description["paths"][path]) for path in paths)


def counted(service: Serving) -> Counter[str]:
    """The server's own count of its answers, by status."""
    found: Counter[str] = Counter()
    for family in service.app.state.metrics.requests.collect():
        for sample in family.samples:
            if sample.name.endswith("_count"):
                found[sample.labels["status"]] += int(sample.value)
    return found


def seed_studies(service: Serving) -> list[str]:
    """One that runs and has trials, one that waits, one that is over."""
    by_hand = babysat(service)
    running = service.submit("running", trials=100_000)
    service.train(running, 5)
    over = service.submit("over", trials=2)
    service.scheduler.stop(over)
    return [by_hand, running, service.submit("waiting"), over]


def babysat(service: Serving) -> str:
    """A training that can be changed."""
    text = STUDY.format(name="babysat", trials=1000).replace("high: 1.0", "high: 1.0, live: true")
    nurse = "nurse: {parameter: x, steps: 100, low: 0.1}\n"
    study = service.scheduler.submit(Submission(text=f"{text}mode: panda\n{nurse}")).id
    service.scheduler.hello(messages.Hello(host="babysitter", incarnation="one", slots=1))
    wait_until(lambda: [each for each in service.tickets if each.study == study], why="a ticket")
    ticket = next(each for each in service.tickets if each.study == study)
    claim = messages.ClaimRequest(
        trial=ticket.trial,
        attempt=ticket.attempt,
        nonce="a-nonce-of-the-worker",
        host="babysitter",
        incarnation="one",
        slot=0,
        changes=True,
    )
    assert service.scheduler.claim(claim).granted
    ward = panda.Ward(
        trial=ticket.trial,
        attempt=ticket.attempt,
        live={"x": 0.5},
        checkpoints=(0, 5),
        points=tuple((step, 1.0 / (step + 1)) for step in range(9)),
        end=900,
    )
    report = panda.Report(host="babysitter", incarnation="one", wards=(ward,))
    service.scheduler.changing.report(report)
    return study


def described(service: Serving, studies: list[str]) -> dict[str, Any]:
    """The API's own description with the worker's routes, and with what is there among what may be asked for."""
    with service.client() as client:
        found: dict[str, Any] = client.get("/openapi.json").json()
    known = {
        "study_id": studies,
        "trial_id": [f"{study}-{number}" for study in studies for number in (0, 1)],
        "name": ["default"],
        "number": [0, 1, 2],
    }
    for path in found["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path" and parameter["name"] in known:
                    parameter["schema"] = or_one_of(parameter["schema"], known[parameter["name"]])
    schemas = found["components"]["schemas"]
    text = schemas["Submission"]["properties"]["text"]
    texts = [STUDY.format(name=f"generated-{n}", trials=n) for n in (1, 2, 50)]
    texts += [texts[2] + RECHECK, texts[2] + CHECK]
    schemas["Submission"]["properties"]["text"] = or_one_of(text, texts)
    schemas["NewTrial"]["properties"]["params"] = or_one_of(
        schemas["NewTrial"]["properties"]["params"], [{"x": 0.5}, {"x": "0.25"}, {}]
    )
    schemas["SetRequest"]["properties"]["params"] = or_one_of(
        schemas["SetRequest"]["properties"]["params"], [{"x": 0.25}, {"x": 7}]
    )
    found["paths"].update(worker_paths(schemas, studies))
    return found


def worker_paths(schemas: dict[str, Any], studies: list[str]) -> Iterator[tuple[str, Any]]:
    for name, (asked_with, answer) in WORKER_ROUTES.items():
        yield (
            PATH + name,
            {
                "post": operation(
                    name, schema(schemas, asked_with), answer and schema(schemas, answer)
                )
            },
        )
    parameter = {
        "name": "study_id",
        "in": "path",
        "required": True,
        "schema": or_one_of({"type": "string"}, studies),
    }
    target = schema(schemas, messages.ShipTarget)
    found = operation("target", None, target) | {"parameters": [parameter]}
    yield f"{PATH}studies/{{study_id}}/ship-target", {"get": found}


def operation(name: str, body: Any, answer: Any) -> dict[str, Any]:
    refused = {"$ref": "#/components/responses/Problem"}
    statuses = (400, 401, 404, 405, 408, 413, 414, 422, 429, 431, 503)
    good = (
        {"200": {"description": "", "content": {"application/json": {"schema": answer}}}}
        if answer
        else {"204": {"description": ""}}
    )
    found: dict[str, Any] = {
        "operationId": f"worker_{name}",
        "responses": good | {str(status): refused for status in statuses},
    }
    if body:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return found


def schema(schemas: dict[str, Any], model: type[messages.Message]) -> dict[str, str]:
    """A reference to the model, which is put among the others."""
    whole = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(whole.pop("$defs", {}))
    schemas[model.__name__] = whole
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def or_one_of(schema: dict[str, Any], known: list[Any]) -> dict[str, Any]:
    return {"anyOf": [{"enum": known}, schema]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", help="another than SQLite, empty")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="caviar-fuzz-") as folder:
        well = fuzz(Path(folder), given.requests, given.seed, given.database)
    sys.exit(not well)


if __name__ == "__main__":
    main()
