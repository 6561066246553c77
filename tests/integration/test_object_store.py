"""Artifacts in a store like S3, behind MLflow's server: set as `deploy/compose.s3.yml` sets it.

The real `caviar mlflow`, and moto's server, which speaks S3 over HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import httpx2
import pytest
from moto.server import ThreadedMotoServer

from caviar.contract import gateway as names
from tests.support.gateway import GATE_SECRET, MLFLOW_SECRET, DoorServer, running_door

pytestmark = pytest.mark.real

BUCKET, KEY, SECRET = (
    "team-artifacts",
    "a-key-of-the-tests",
    "a-secret-of-the-tests",
)  # pragma: allowlist secret
CHECKPOINT = bytes(range(256)) * 4096


@pytest.fixture
def store() -> Iterator[str]:
    """The address of an object store with an empty bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    try:
        bucket(address).create()
        yield address
    finally:
        server.stop()


def bucket(address: str):  # type: ignore[no-untyped-def]  # boto3 makes its classes as it runs
    session = boto3.session.Session(KEY, SECRET, region_name="us-east-1")
    return session.resource("s3", endpoint_url=address).Bucket(BUCKET)


@pytest.fixture
def mlflow(tmp_path: Path, store: str) -> Iterator[DoorServer]:
    secret = tmp_path / "s3"
    secret.write_text(
        f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
        f"region = us-east-1\nendpoint_url = {store}\n"
    )
    settings = {
        "CAVIAR_MLFLOW_ARTIFACTS": f"s3://{BUCKET}/of/mlflow",
        "AWS_SHARED_CREDENTIALS_FILE": str(secret),
        "AWS_CONFIG_FILE": str(secret),
    }
    with running_door(tmp_path, "http://127.0.0.1:9", settings) as door:
        yield door


def test_artifacts_lie_in_the_bucket_and_come_back_through_mlflow(
    store: str, mlflow: DoorServer
) -> None:
    """Who logs and reads them knows MLflow alone: neither the store's address nor its key."""
    shown = {names.USER: names.SERVICE, names.SHOWN: GATE_SECRET}
    with httpx2.Client(
        headers=shown, auth=(names.SERVICE, MLFLOW_SECRET), timeout=60, trust_env=False
    ) as http:
        made = http.post(
            f"{mlflow.uri}/api/2.0/mlflow/runs/create", json={"experiment_id": "0"}
        ).json()
        location = made["run"]["info"]["artifact_uri"]
        assert location.startswith("mlflow-artifacts:/")
        path = location.removeprefix("mlflow-artifacts:/")
        there = f"{mlflow.uri}/api/2.0/mlflow-artifacts/artifacts/{path}/checkpoints/step-5.bin"
        put = http.put(there, content=CHECKPOINT)
        assert put.status_code == 200, put.text
        back = http.get(there)
        assert back.content == CHECKPOINT
    objects = {each.key: each.size for each in bucket(store).objects.all()}
    assert objects == {f"of/mlflow/{path}/checkpoints/step-5.bin": len(CHECKPOINT)}
