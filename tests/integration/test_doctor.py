"""The doctor on a real store and a real MLflow with planted faults: each is found, said, and mended where it can be."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.entities import Run
from sqlalchemy import update

from caviar import bootstrap
from caviar.adapters.mlflow_books import ASIDE, Books
from caviar.adapters.queue import ask_broker
from caviar.adapters.sql.tables import trials
from caviar.contract import names
from caviar.contract.upkeep import Finding
from caviar.contract.views import WorkerView
from caviar.errors import ServiceError
from caviar.upkeep.doctor import examine
from caviar.upkeep.facts import Facts, Question
from tests.support.servers import MlflowServer, RedisServer
from tests.support.whole_service import Service, bowl

pytestmark = pytest.mark.real

HOUR_S = 3600.0
RANDOM = "search: {strategy: random, seed: 3}\nbudget: {trials: 4}\nstop: none"
HERE = Facts(workers=(WorkerView(host="host-1", resource_class="cpu", slots=2, free=2, seen_s=1),))


@pytest.fixture
def service(tmp_path: Path, mlflow_server: MlflowServer) -> Iterator[Service]:
    made = Service(tmp_path, mlflow_server.uri, f"doctor-{uuid.uuid4().hex[:8]}")
    yield made
    made.close()


def seen(
    service: Service, facts: Facts = HERE, *, mend: bool = False, later_s: float = HOUR_S
) -> list[Finding]:
    """What the doctor finds ``later_s`` from now, but for studies that other tests left in MLflow."""
    found = examine(
        service.store,
        Books(service.mlflow_uri),
        lambda: None,
        facts,
        mend=mend,
        now=time.time() + later_s,
    )
    return [each for each in found if each.kind != "unknown-studies"]


def copy_of(service: Service, run: Run, **tags: str) -> str:
    """Another run with the same tags but for some."""
    made = service.client.create_run(
        run.info.experiment_id,
        tags={**run.data.tags, **{f"caviar.{k}": v for k, v in tags.items()}},
    )
    return str(made.info.run_id)


def test_in_a_healthy_service_nothing_is_found(service: Service) -> None:
    """Neither while a study goes on, with a trial that trains, nor once it is complete."""
    study = service.submit(RANDOM)
    service.work(trials=2)
    claimed = service.claim()
    assert claimed is not None
    service.trains(claimed[0])
    service.ship()
    assert seen(service, HERE.model_copy(update={"leases": frozenset({claimed[1].trial})})) == []
    service.ends(claimed[0], bowl(claimed[1]))
    service.work()
    service.settle()
    record = service.store.study(study)
    assert record is not None
    assert record.closed
    assert seen(service) == []


def test_orphans_and_duplicates_are_set_aside(service: Service) -> None:
    """They are named; mending marks and ends them, deletes nothing, and leaves each trial the run that it had."""
    study = service.submit(RANDOM)
    service.work()
    service.settle()
    before = service.trial_runs(study)
    first = next(run for run in before if run.data.tags[names.TAG_NUMBER] == "0")
    double = copy_of(service, first, attempt="9")
    orphan = copy_of(service, first, trial=f"{study}-77", number="77")
    service.client.set_terminated(orphan)
    found = {each.kind: each for each in seen(service)}
    assert set(found) == {"orphan-run", "duplicate-run"}
    assert found["orphan-run"].runs == [orphan]
    assert found["duplicate-run"].runs == [double]
    assert not found["orphan-run"].mended
    assert len(service.trial_runs(study)) == 6
    assert all(each.mended for each in seen(service, mend=True))
    assert {r.info.run_id for r in service.trial_runs(study)} == {r.info.run_id for r in before}
    aside = service.client.get_run(double)
    assert (aside.info.status, aside.data.tags[names.TAG_KIND]) == ("KILLED", ASIDE)
    assert service.client.get_run(orphan).info.status == "FINISHED"
    assert seen(service) == []


def test_of_two_unknown_runs_the_complete_one_stays(service: Service) -> None:
    """Where the store knows no run yet: the one that ended, though the other is of a later attempt."""
    service.submit(RANDOM)
    claimed = service.claim()
    assert claimed is not None
    service.trains(claimed[0])
    service.ends(claimed[0], bowl(claimed[1]))
    service.ship()
    row = service.store.trial(claimed[1].trial)
    assert row is not None
    run = service.client.get_run(row.run_id)
    double = copy_of(service, run, attempt="5")
    with service.engine.begin() as connection:
        connection.execute(update(trials).values(run_id=None))
    (found,) = seen(service, mend=True)
    assert (found.kind, found.runs) == ("duplicate-run", [double])


def test_runs_that_never_end_are_ended(service: Service) -> None:
    """RUNNING in MLflow though the trial, or the whole study, is over: mending ends it as the trial ended."""
    study = service.submit(RANDOM)
    service.work()
    service.settle()
    record = service.store.study(study)
    assert record is not None
    trial = service.trial_runs(study)[0].info.run_id
    for run in (trial, record.run_id):
        service.client.update_run(run, status="RUNNING")
    assert [each.kind for each in seen(service)] == ["stuck-run", "stuck-run"]
    assert seen(service, later_s=0.0)[0].runs == [record.run_id], "a moment is no waiting"
    assert all(each.mended for each in seen(service, mend=True))
    for run in (trial, record.run_id):
        assert service.client.get_run(run).info.status == "FINISHED"
    assert seen(service) == []


def test_what_waits_is_said_with_its_host(service: Service) -> None:
    """Runs that are not shipped, and the study that waits for them; whether the host is still there."""
    study = service.submit(RANDOM)
    while (claimed := service.claim()) is not None:
        service.trains(claimed[0])
        service.ends(claimed[0], bowl(claimed[1]))
    service.scheduler.tick()
    found = {each.kind: each for each in seen(service)}
    assert set(found) == {"waiting-runs", "open-record"}
    assert found["waiting-runs"].where == "host host-1"
    assert f"4 ended trials of study {study}" in found["waiting-runs"].what
    assert "that host's disk" in found["waiting-runs"].why
    assert "4 runs that are not complete" in found["open-record"].what
    gone = {each.kind: each for each in seen(service, Facts())}
    assert gone["waiting-runs"].why == "The host is gone."
    assert seen(service, later_s=0.0) == []


def test_a_running_trial_that_nobody_holds_is_taken_back(service: Service) -> None:
    """Its study was stopped and the service started anew: nobody else would ever end it."""
    study = service.submit(RANDOM)
    claimed = service.claim()
    assert claimed is not None
    service.scheduler.stop(study)
    service.engine.dispose()
    service.start()
    found = [each for each in seen(service) if each.kind == "lost-trial"]
    assert [each.where for each in found] == [f"trial {claimed[1].trial}"]
    assert not found[0].mended
    seen(service, mend=True)
    row = service.store.trial(claimed[1].trial)
    assert row is not None
    assert row.state == "cancelled"
    service.settle()
    record = service.store.study(study)
    assert record is not None
    assert record.closed


def test_studies_without_workers_and_trials_that_nobody_takes(service: Service) -> None:
    """Each is said with what to do."""
    study = service.submit(RANDOM)
    found = {each.kind: each for each in seen(service, Facts(unclaimed=(f"{study}-0",)))}
    assert set(found) == {"no-worker", "unclaimed-tickets"}
    assert "CAVIAR_WORKER_CLASS=cpu" in found["no-worker"].way_out
    assert f"{study}-0" in found["unclaimed-tickets"].what


def test_runs_that_somebody_deleted_are_missed(service: Service) -> None:
    """It cannot be mended here; the way out is named."""
    study = service.submit(RANDOM)
    service.work()
    service.settle()
    deleted = service.trial_runs(study)[0].info.run_id
    service.client.delete_run(deleted)
    (found,) = seen(service, mend=True)
    assert (found.kind, found.runs, found.mended) == ("missing-run", [deleted], False)


def test_parts_that_are_away_are_said(
    service: Service, monkeypatch: pytest.MonkeyPatch, short_path: Path
) -> None:
    """Without Redis and MLflow the rest is looked at all the same."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    service.submit(RANDOM)
    nowhere = f"redis+socket://{short_path / 'no.sock'}"
    found = examine(
        service.store,
        Books("http://127.0.0.1:9"),
        lambda: ask_broker(nowhere),
        Facts(),
        mend=False,
        now=time.time(),
    )
    assert [each.kind for each in found] == ["broker-away", "no-worker", "mlflow-away"]


def test_the_doctor_is_a_process_of_its_own(
    service: Service, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scheduler asks it and gets its findings; one that cannot start is a failure that says where to look."""
    study = service.submit(RANDOM)
    settings = {
        "DATABASE_URL": f"sqlite:///{service.folder / 'caviar.db'}",
        "BROKER_URL": redis_server.url,
        "MLFLOW_URI": service.mlflow_uri,
        "TOKEN": "t" * 20,
        "WORKER_TOKEN": "w" * 20,
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"CAVIAR_{name}", value)
    found = bootstrap._ask_doctor(Question(facts=Facts()))
    assert [(e.kind, e.where) for e in found if not e.note] == [("no-worker", f"study {study}")]
    monkeypatch.delenv("CAVIAR_MLFLOW_URI")
    with pytest.raises(ServiceError, match="scheduler's log"):
        bootstrap._ask_doctor(Question(facts=Facts()))
