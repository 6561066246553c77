"""The store is lost; what MLflow has comes back, and the studies go on. Real SQL, a real MLflow, the real shipper."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from caviar.adapters.mlflow_books import Books
from caviar.adapters.sql import open_engine
from caviar.contract import names
from caviar.contract.views import NewTrial
from caviar.errors import NotAllowed, ServiceError
from caviar.upkeep.rebuild import rebuild
from tests.support.servers import MlflowServer
from tests.support.whole_service import Service, bowl, of_all_kinds

pytestmark = pytest.mark.real

RANDOM = "search: {strategy: random, seed: 3}\nbudget: {trials: 12}"
ZOOM = "budget: {trials: 24}\nstop: none"
ALL_KINDS = """budget: {trials: 24}
confirm: 2
constraints: {latency: {max: 6}}
warm_start: {points: [{x: 0.25, layers: 2, solver: adam}]}
"""


@pytest.fixture
def service(tmp_path: Path, mlflow_server: MlflowServer) -> Iterator[Service]:
    made = Service(tmp_path, mlflow_server.uri, f"books-{uuid.uuid4().hex[:8]}")
    yield made
    made.close()


@pytest.mark.parametrize("more", [RANDOM, ZOOM, ALL_KINDS], ids=["random", "zoom", "all kinds"])
def test_what_ended_comes_back_as_it_was(service: Service, more: str) -> None:
    """All that the API shows of a study is the same: best, rounds, counts, importance, each trial, its notes."""
    study = service.submit(more)
    if more is ALL_KINDS:
        service.scheduler.add(study, NewTrial(params={"x": 0.1, "layers": 1, "solver": "adam"}))
        service.scheduler.add(
            study, NewTrial(params={"x": 0.2, "layers": 1, "solver": "adam"}, value=0.4)
        )
    service.work(of_all_kinds if more is ALL_KINDS else bowl)
    service.settle()
    before = service.dump(study)
    assert before["study"]["mlflow"]["closed"]
    if more is ALL_KINDS:
        states = {trial["state"] for trial in before["trials"]}
        assert states == {"done", "failed", "stopped", "quarantined"}
        assert {trial["kind"] for trial in before["trials"]} == {"search", "added", "confirm"}
        assert any(trial["violation"] for trial in before["trials"])
        assert before["study"]["best"]["confirmed"]
    if more is ZOOM:
        assert len(before["rounds"]) > 2
    priors = [(row.source, row.params, row.value) for row in service.store.priors(study)]
    ledger = [(row.data, row.created) for row in service.store.rounds(study)]
    service.wipe()
    found = service.rebuild()
    service.start()
    assert [each.id for each in found.studies if each.id == study] == [study]
    assert not next(each for each in found.studies if each.id == study).passed_over
    assert service.dump(study) == before
    assert [(r.source, r.params, r.value) for r in service.store.priors(study)] == priors
    assert [(row.data, row.created) for row in service.store.rounds(study)] == ledger


@pytest.mark.parametrize("trained", [0, 9])
def test_a_study_goes_on_where_mlflow_saw_it(service: Service, trained: int) -> None:
    """It comes back paused. Then: all trials of the budget, none twice, each with one run; those in flight go on in
    theirs."""
    study = service.submit("budget: {trials: 16}\nstop: none")
    service.work(trials=trained)
    service.settle()
    running = [claimed for _ in range(2) if (claimed := service.claim()) is not None]
    for folder, _ in running:
        service.trains(folder)
    service.ship()
    begun = {run.data.tags[names.TAG_TRIAL]: run.info.run_id for run in service.trial_runs(study)}
    assert len(begun) == trained + 2
    service.wipe()
    service.rebuild()
    service.start()
    record = service.store.study(study)
    assert record is not None
    assert record.state == "paused"
    assert service.claim() is None
    service.scheduler.resume(study)
    service.work()
    service.settle()
    service.check_books(study, 16)
    for folder, assignment in running:
        again = service.store.trial(assignment.trial)
        assert again is not None
        assert (again.params, again.run_id) == (assignment.params, begun[assignment.trial])
        assert again.attempt == 101
        assert service.ends(folder, bowl(assignment)) == "fenced"
    assert max(service.claims.values()) == 2
    assert sum(service.claims.values()) == 16 + 2


def test_a_study_that_was_stopped_stays_stopped(service: Service) -> None:
    """What was cancelled comes back too; the trial that nobody ends any more is written off, and the study closed."""
    study = service.submit("budget: {trials: 8}\nstop: none")
    service.work(trials=3)
    service.settle()
    running = service.claim()
    assert running is not None
    service.trains(running[0])
    service.ship()
    service.scheduler.tick()
    service.scheduler.stop(study)
    service.keeper.turn()
    before = service.dump(study)
    assert (
        before["study"]["counts"] | {"done": 3, "running": 1, "cancelled": 1}
        == before["study"]["counts"]
    )
    service.wipe()
    service.rebuild()
    service.start()
    service.settle()
    after = service.dump(study)
    assert [trial["id"] for trial in after["trials"]] == [trial["id"] for trial in before["trials"]]
    assert after["trials"][4] == before["trials"][4]
    assert (after["study"]["state"], after["study"]["reason"]) == ("stopped", "stopped by hand")
    assert after["study"]["counts"]["cancelled"] == 2
    assert after["study"]["mlflow"]["closed"]
    run = service.client.get_run(after["trials"][3]["run_id"])
    assert (run.info.status, run.data.tags[names.TAG_STATE]) == ("FAILED", "cancelled")


def test_the_leaders_go_on_with_their_new_seeds(service: Service) -> None:
    """Lost in the middle of the confirmation, with a crash, failures and early stops behind it: the same leaders."""
    study = service.submit(ALL_KINDS)
    service.work(
        of_all_kinds, trials=18 + 2 + 1
    )  # the search, two more attempts of number 3, one new seed
    service.settle()
    running = service.claim()
    assert running is not None
    assert running[1].repeats is not None
    service.trains(running[0])
    service.ship()
    service.wipe()
    service.rebuild()
    service.start()
    service.scheduler.resume(study)
    service.work(of_all_kinds)
    service.settle()
    service.check_books(study, 24)
    shown = service.dump(study)
    assert shown["study"]["mlflow"]["closed"]
    assert shown["study"]["best"]["confirmed"]["runs"] == 2
    confirms = [trial for trial in shown["trials"] if trial["kind"] == "confirm"]
    assert len(confirms) == 6
    assert len({trial["repeats"] for trial in confirms}) == 3
    states = {trial["number"]: trial["state"] for trial in shown["trials"]}
    assert states[3] == "quarantined"


def test_what_a_worker_still_holds_doubles_nothing(service: Service) -> None:
    """Trials that MLflow never saw are forgotten: their numbers go to other trials, and their spools to nobody."""
    study = service.submit("budget: {trials: 8}\nstop: none")
    service.work(trials=3)
    service.settle()
    held = []
    for _ in range(3):
        claimed = service.claim()
        assert claimed is not None
        service.trains(claimed[0])
        held.append(claimed)
    assert service.ends(held[0][0], bowl(held[0][1])) == "accepted"
    service.wipe()
    service.rebuild()
    service.start()
    service.scheduler.resume(study)
    assert service.ends(held[1][0], bowl(held[1][1])) == "fenced"
    held[2][0].mark_delivered("lost")  # as a worker that was restarted says of what it finds
    service.ship()
    assert len(service.trial_runs(study)) == 3
    service.work()
    service.settle()
    service.check_books(study, 8)
    ids = [row.id for row in service.store.trials(study)]
    assert ids == [f"{study}-{n}" for n in range(3)] + [f"{study}-r1-{n}" for n in range(3, 8)]
    assert not list((service.settings.folder / "trials").iterdir())


def test_numbers_in_between_are_given_out_anew(service: Service) -> None:
    """A trial that ended without a run in MLflow leaves a gap: the next proposals fill it."""
    study = service.submit("budget: {trials: 9}\nstop: none")
    first = service.claim()
    second = service.claim()
    assert first is not None
    assert second is not None
    service.trains(second[0])
    service.ends(second[0], bowl(second[1]))
    first[0].path.rename(service.folder / "elsewhere")  # a host that MLflow has not heard of
    service.ship()
    service.wipe()
    service.rebuild()
    service.start()
    service.scheduler.resume(study)
    claimed = service.claim()
    assert claimed is not None
    assert claimed[1].number == 0
    service.trains(claimed[0])
    service.ends(claimed[0], bowl(claimed[1]))
    service.work()
    service.settle()
    service.check_books(study, 9)


def test_twice_lost_is_twice_rebuilt(service: Service) -> None:
    """The second time counts on: no id and no attempt of the first is met again."""
    study = service.submit("budget: {trials: 10}\nstop: none")
    service.work(trials=3)
    service.settle()
    for time in (1, 2):
        claimed = service.claim()
        assert claimed is not None
        service.trains(claimed[0])
        service.ship()
        lost = service.claim()
        assert lost is not None
        service.wipe()
        service.rebuild()
        service.start()
        service.scheduler.resume(study)
        again = service.store.trial(claimed[1].trial)
        assert again is not None
        assert again.attempt == (claimed[1].attempt // 100 + 1) * 100
        record = service.store.study(study)
        assert record is not None
        assert record.rebuilt == time
        service.work(trials=2)
        service.settle()
    service.work()
    service.settle()
    service.check_books(study, 10)


def test_points_of_people_wait_on(service: Service) -> None:
    """What a person added is not forgotten, though no worker had taken it."""
    study = service.submit("budget: {trials: 8}\nstop: none")
    service.work(trials=2)
    point = {"x": 0.75, "layers": 3, "solver": "adam"}
    added = service.scheduler.add(study, NewTrial(params=point))
    service.settle()
    service.wipe()
    service.rebuild()
    service.start()
    row = service.store.numbered(study, added.trial or 0)
    assert row is not None
    assert (row.params, row.kind, row.state) == (point, "added", "queued")


def test_a_store_with_studies_is_not_touched(service: Service) -> None:
    """It says so; --missing brings back the others and leaves what is there alone."""
    lost = service.submit(RANDOM, "lost")
    service.work(trials=2)
    service.settle()
    service.wipe()
    service.start()
    there = service.submit(RANDOM, "there")
    service.work(trials=1)
    before = service.dump(there)
    with pytest.raises(NotAllowed, match="--missing"):
        service.rebuild()
    found = service.rebuild(missing=True)
    assert {there} & {each.id for each in found.studies} == set()
    service.start()
    assert service.store.study(lost) is not None
    assert service.dump(there)["trials"] == before["trials"]


def test_what_ends_half_way_leaves_nothing(service: Service) -> None:
    """MLflow goes away, or somebody presses Ctrl-C, in the middle: the store is as empty as before."""
    study = service.submit(RANDOM)
    service.work(trials=4)
    service.settle()
    service.wipe()
    service.start()
    engine = open_engine(f"sqlite:///{service.folder / 'caviar.db'}")

    def interrupt(line: str) -> None:
        if "trials read" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(engine, Books(service.mlflow_uri), missing=False, tell=interrupt)
    engine.dispose()
    assert service.store.studies() == []
    service.rebuild()
    assert service.store.study(study) is not None


def test_an_unreachable_mlflow_is_said(
    tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written, and the reason names MLflow."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    service.mlflow_uri = "http://127.0.0.1:9"
    with pytest.raises(ServiceError, match="MLflow"):
        service.rebuild()


def test_what_is_damaged_is_passed_over_and_said(service: Service) -> None:
    """Whoever may write to MLflow may have written it: the rest comes back, and the service runs on it."""
    study = service.submit("budget: {trials: 10}\nstop: none")
    service.work(trials=8)
    service.settle()
    client = service.client
    runs = {
        int(run.data.tags[names.TAG_NUMBER]): run.info.run_id for run in service.trial_runs(study)
    }
    record = service.store.study(study)
    assert record is not None
    assert record.experiment_id is not None
    client.set_tag(runs[0], names.TAG_NUMBER, "-1")
    client.set_tag(runs[1], names.TAG_NUMBER, "1000000")
    client.set_tag(runs[2], names.TAG_TRIAL, "../../etc/passwd")
    client.set_tag(runs[3], names.TAG_END, '{"v":1,"value":NaN}')
    client.set_tag(runs[4], names.TAG_END, '{"v":2}')
    client.set_tag(runs[5], names.TAG_REPEATS, "9")
    tags = {names.TAG_KIND: "trial", names.TAG_STUDY: study, names.TAG_STUDY_NAME: "bowl"}
    foreign = client.create_run(record.experiment_id, tags=tags)
    twin = {**client.get_run(runs[7]).data.tags, names.TAG_STATE: "running"}
    double = client.create_run(record.experiment_id, tags=twin)
    for name, value in client.get_run(runs[7]).data.params.items():
        client.log_param(double.info.run_id, name, value)
    forged = client.create_run(
        record.experiment_id, tags={names.TAG_KIND: "study", names.TAG_STUDY: "' or 1=1"}
    )
    entry = {"v": 1, "id": "deadbeef", "source": "name: [", "filename": "f", "state": "done"}
    other = client.create_run(
        record.experiment_id, tags={names.TAG_KIND: "study", names.TAG_STUDY: "deadbeef"}
    )
    entry |= {"created": 1.0, "first_round": {}}
    client.log_text(other.info.run_id, json.dumps(entry), "record.json")
    mine = json.loads(Books(service.mlflow_uri).file(record.run_id or "", "record.json"))
    theirs = client.create_run(
        record.experiment_id, tags={names.TAG_KIND: "study", names.TAG_STUDY: "cafecafe"}
    )
    client.log_text(
        theirs.info.run_id, json.dumps(mine | {"id": "cafecafe", "team": "rivals"}), "record.json"
    )
    service.wipe()
    found = service.rebuild()
    service.start()
    back = next(each for each in found.studies if each.id == study)
    passed = {each.run_id: each.reason for each in found.passed_over}
    assert "whose experiment would be rivals/" in passed[theirs.info.run_id]
    assert {each.id for each in found.studies}.isdisjoint({"cafecafe", "deadbeef"})
    said = {each.run_id: each.reason for each in back.passed_over}
    assert set(said) == {*(runs[n] for n in range(6)), foreign.info.run_id, double.info.run_id}
    assert names.TAG_NUMBER in said[runs[0]]
    assert "passwd" in said[runs[2]]
    assert "how it ended" in said[runs[3]]
    assert "another run" in said[double.info.run_id]
    assert {forged.info.run_id, other.info.run_id} <= passed.keys()
    assert [row.number for row in service.store.trials(study)] == [6, 7]
    service.scheduler.resume(study)
    service.work()
    service.settle()
    assert [row.number for row in service.store.trials(study)] == list(range(10))
