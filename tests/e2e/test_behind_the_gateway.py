"""Two teams behind a gateway, from real processes: scripts log with tokens of their own, MLflow keeps them apart."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from mlflow.tracking import MlflowClient

from caviar.client.administration import Administration
from caviar.client.connection import Address, Client
from caviar.contract.access import NewTeam, NewToken
from caviar.contract.gateway import MLFLOW
from caviar.contract.views import Submission
from tests.support.gateway import MLFLOW_SECRET, DoorServer, Gateway, running_gateway
from tests.support.servers import free_port
from tests.support.team import TOKEN, Team

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

SCRIPT = """\
import json, os, sys
import mlflow
mlflow.autolog(log_models=False, silent=True)
with mlflow.start_run() as run:
    for step in range(3):
        mlflow.log_metric("score", float(sys.argv[1]) + step, step=step)
    mlflow.log_text("a text", "note.txt")
found = sorted(each.name for each in mlflow.search_experiments())
secrets = [n for n in os.environ if "TOKEN" in n or "SECRET" in n or "PASSWORD" in n]
with open(os.path.join(os.path.dirname(__file__), "seen-" + run.info.run_id), "w") as file:
    json.dump({"experiments": found, "secrets": secrets, "token": os.environ["MLFLOW_TRACKING_TOKEN"]}, file)
"""
STUDY = """\
name: {name}
metric: {{name: score, goal: maximize}}
trainer: {{command: ["{python}", {script}, "{{x}}"]}}
space:
  x: {{type: float, low: 0.0, high: 1.0}}
search: {{strategy: random, seed: 0}}
stop: none
budget: {{trials: 2}}
"""


class Gated(Team):
    """The layout with `caviar mlflow` and a gateway; its one host knows the gateway's address and a token."""

    def __init__(self, folder: Path) -> None:
        self.public_url = f"http://127.0.0.1:{free_port()}"
        self.door = DoorServer(folder / "mlflow", self.public_url, free_port())
        super().__init__(
            folder,
            hosts=("host-1",),
            extra={"CAVIAR_PUBLIC_URL": self.public_url, "CAVIAR_MLFLOW_SECRET": MLFLOW_SECRET},
        )
        self.mlflow_url = self.door.uri
        for name in ("scheduler", "refiner"):
            environ = self.parts[name].environ
            environ["CAVIAR_MLFLOW_URI"] = self.door.uri
            del environ["MLFLOW_TRACKING_URI"]
        self.parts["mlflow"].argv = [*self.parts["mlflow"].argv[:1], "-m", "caviar.cli", "mlflow"]
        self.parts["mlflow"].environ = self.door.environ()
        host = self.parts["host-1"].environ
        for name in ("MLFLOW_TRACKING_URI", "CAVIAR_MLFLOW_URI", "CAVIAR_MLFLOW_SECRET"):
            host.pop(name, None)
        host.pop("CAVIAR_TOKEN")
        host |= {"CAVIAR_URL": self.public_url, "CAVIAR_WORKER_ALLOW_COMMANDS": "1"}


@pytest.fixture
def team(tmp_path: Path) -> Iterator[tuple[Gated, Gateway]]:
    gated = Gated(tmp_path)
    port = int(gated.public_url.rpartition(":")[2])
    with running_gateway(port, gated.url, gated.door.uri) as gateway:
        try:
            gated.start()
            yield gated, gateway
        finally:
            gated.close()


def test_two_teams_train_and_see_only_their_own(
    team: tuple[Gated, Gateway], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scripts that know only MLflow, shipped by a worker that knows only the gateway; the books are the refiner's."""
    gated, _ = team
    tokens = {}
    with Administration(Address(gated.url, TOKEN)) as operator:
        for name in ("alpha", "beta"):
            operator.add_team(NewTeam(name=name))
            new = NewToken(name=f"{name} person", role="submitter", team=name)
            tokens[name] = operator.create_token(new).token
    studies = {}
    code = tmp_path / "code"  # apart from the folder mlflow
    code.mkdir()
    for name, token in tokens.items():
        script = code / f"{name}.py"
        script.write_text(SCRIPT)
        with Client(Address(gated.public_url, token)) as person:
            text = STUDY.format(name=f"of-{name}", python=sys.executable, script=script)
            studies[name] = person.submit(Submission(text=text)).id
    gated.wait_until_ended(*studies.values())
    for name, token in tokens.items():
        with Client(Address(gated.public_url, token)) as person:
            view = person.study(studies[name])
        assert (view.state, view.counts["done"]) == ("done", 2), gated.logs()
        assert view.mlflow.uri == f"{gated.public_url}{MLFLOW}"
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token)
        client = MlflowClient(f"{gated.public_url}{MLFLOW}")
        (experiment,) = client.search_experiments()
        assert experiment.name.startswith(f"{name}/")
        runs = client.search_runs([experiment.experiment_id], "tags.`caviar.kind` = 'trial'")
        assert len(runs) == 2
        for run in runs:
            history = client.get_metric_history(run.info.run_id, "score")
            assert [point.step for point in history] == [0, 1, 2]
            assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["note.txt"]
            about = json.loads((code / f"seen-{run.info.run_id}").read_text())
            assert about["experiments"] == [experiment.name]
            assert about["secrets"] == ["MLFLOW_TRACKING_TOKEN"]
            over = httpx2.get(
                f"{gated.public_url}{MLFLOW}/api/2.0/mlflow/runs/get",
                params={"run_id": run.info.run_id},
                headers={"Authorization": f"Bearer {about['token']}"},
            )
            assert over.status_code == 401, over.text
    assert "mlflow-away" not in {finding.kind for finding in gated.client.doctor(mend=False)}
