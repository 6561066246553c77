"""The client of the API, against a real HTTP server."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from caviar.client import connection
from caviar.client.connection import PAGE, Address, Client, find_service, finished_after
from caviar.contract.views import Submission, TrialView
from caviar.errors import InputError, NotAllowed, Problem, ServiceError
from tests.support.answering_service import Service, answering_service
from tests.support.studies_made_up import digits_study, trial


@pytest.fixture
def service() -> Iterator[Service]:
    with answering_service() as service:
        yield service


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    with Client(Address(service.url, "a-token")) as client:
        yield client


def row(study_id: str, name: str, created: float) -> dict[str, object]:
    return {
        "id": study_id,
        "name": name,
        "state": "done",
        "strategy": "zoom",
        "done": 1,
        "budget": 1,
        "goal": "maximize",
        "created": created,
    }


def test_it_presents_the_token_and_reads_views(service: Service, client: Client) -> None:
    """What comes back is a value of the contract."""
    service.answers["GET /studies/a"] = (200, digits_study().model_dump(mode="json"))
    assert client.study("a") == digits_study()
    assert service.requests == [("GET", "/api/v1/studies/a", "Bearer a-token", None)]


def test_it_submits_the_text_itself(service: Service, client: Client) -> None:
    """So that the service keeps what the person wrote."""
    service.answers["POST /studies"] = (201, {"id": "a-1", "warnings": ["w"]})
    assert client.submit(Submission(text="name: a")).warnings == ["w"]
    assert service.requests[0][3]["text"] == "name: a"


def test_422_is_a_wrong_input_with_its_places(service: Service, client: Client) -> None:
    """The same problems as if the file had been checked here."""
    entry = {"path": ["space", "lr"], "reason": "low is missing", "way_out": "Add it.", "line": 4}
    service.problem("POST /studies", 422, "wrong", [entry])
    with pytest.raises(InputError) as raised:
        client.submit(Submission(text=""))
    assert raised.value.problems == [Problem(("space", "lr"), "low is missing", "Add it.", 4)]


@pytest.mark.parametrize(
    "status, kind, words",
    [
        (409, NotAllowed, "it has ended"),
        (404, InputError, "it has ended"),
        (401, ServiceError, "CAVIAR_TOKEN"),
        (503, ServiceError, "it has ended (HTTP 503)"),
    ],
)
def test_other_statuses_have_their_error(
    status: int, kind: type[Exception], words: str, service: Service, client: Client
) -> None:
    """409: the state forbids it. 404: nothing of that name. All else: the service failed."""
    service.problem("POST /studies/a/resume", status, "it has ended")
    with pytest.raises(kind) as raised:
        client.resume("a")
    assert words in str(raised.value)


@pytest.mark.parametrize("status, body", [(502, "<html>proxy</html>"), (200, "[]")])
def test_something_else_that_answers_is_told(
    status: int, body: str, service: Service, client: Client
) -> None:
    """A proxy's error page, or another program on that port."""
    service.answers["GET /studies/a"] = (status, body)
    with pytest.raises(ServiceError):
        client.study("a")


def test_nobody_there_says_how_to_start_a_service() -> None:
    """A port that nobody listens on."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        with Client(Address(url)) as client, pytest.raises(ServiceError, match="caviar up"):
            client.workers()


def test_a_study_is_found_by_name_id_or_the_start_of_its_id(
    service: Service, client: Client
) -> None:
    """The newest of a name; a start only where one study has it."""
    rows = [row("digits-aa1", "digits", 1.0), row("digits-ab2", "digits", 2.0), row("x-1", "x", 3)]
    service.answers["GET /studies"] = (200, rows)
    assert client.resolve("digits") == "digits-ab2"
    assert client.resolve("digits-aa1") == "digits-aa1"
    assert client.resolve("digits-aa") == "digits-aa1"
    with pytest.raises(InputError, match="start of 2 studies: digits-aa1, digits-ab2"):
        client.resolve("digits-a")
    with pytest.raises(InputError, match="Did you mean digits"):
        client.resolve("digts")


def test_the_service_is_found_by_variable_then_by_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CAVIAR_URL wins over the note that the embedded service leaves in its folder."""
    monkeypatch.setenv("CAVIAR_HOME", str(tmp_path))
    monkeypatch.delenv("CAVIAR_URL", raising=False)
    monkeypatch.delenv("CAVIAR_TOKEN", raising=False)
    with pytest.raises(ServiceError, match="caviar up"):
        find_service()
    note = {"url": "http://127.0.0.1:9", "token": "t", "mlflow": "http://127.0.0.1:10"}
    (tmp_path / "service.json").write_text(json.dumps(note))
    assert find_service() == Address("http://127.0.0.1:9", "t")
    monkeypatch.setenv("CAVIAR_URL", "https://tuning.example/")
    monkeypatch.setenv("CAVIAR_TOKEN", "mine")
    assert find_service() == Address("https://tuning.example", "mine")
    monkeypatch.delenv("CAVIAR_URL")
    (tmp_path / "service.json").write_text("half")
    with pytest.raises(ServiceError, match="cannot be read"):
        find_service()


def test_trials_that_end_out_of_order_are_each_given_once() -> None:
    """The cursor waits at the oldest open trial; those beyond it are remembered."""
    states = {0: "done", 1: "running", 2: "done", 3: "queued"}

    def fetch(after: int) -> list[TrialView]:
        return [trial(n, state=state) for n, state in states.items() if n > after][:PAGE]

    final = frozenset({"done"})
    seen: set[int] = set()
    first, cursor = finished_after(fetch, -1, seen, final)
    assert ([t.number for t in first], cursor) == ([0, 2], 0)
    states |= {1: "done", 3: "done"}
    second, cursor = finished_after(fetch, cursor, seen, final)
    assert ([t.number for t in second], cursor, seen) == ([1, 3], 3, set())
    assert finished_after(fetch, cursor, seen, final) == ([], 3)


def test_trials_beyond_one_page_are_all_given() -> None:
    """A study that is looked at for the first time may have thousands."""
    amount = 2 * PAGE + 5

    def fetch(after: int) -> list[TrialView]:
        return [trial(n) for n in range(after + 1, amount)][:PAGE]

    ended, cursor = finished_after(fetch, -1, set(), frozenset({"done"}))
    assert [t.number for t in ended] == list(range(amount))
    assert cursor == amount - 1


def after_a_moment(service: Service, route: str, answer: tuple[int, object]) -> threading.Timer:
    timer = threading.Timer(0.1, lambda: service.answers.update({route: answer}))
    timer.start()
    return timer


@pytest.mark.parametrize("status", [0, 502, 504])
def test_what_got_no_answer_is_sent_again(service: Service, client: Client, status: int) -> None:
    """The connection broke, or a gateway's did: reading again is harmless, and a new study's key says what is known."""
    service.problem("POST /studies", status, "away")
    timer = after_a_moment(service, "POST /studies", (201, {"id": "a-1", "warnings": []}))
    assert client.submit(Submission(text="name: a")).id == "a-1"
    timer.join()
    service.problem("GET /studies", status, "away")
    timer = after_a_moment(service, "GET /studies", (200, []))
    assert client.studies() == []
    timer.join()
    sent = [request[0] for request in service.requests]
    assert sent.count("POST") >= 2
    assert sent.count("GET") >= 2


@pytest.mark.parametrize("status", [0, 502])
def test_what_changes_something_without_a_key_is_sent_once(
    service: Service, client: Client, status: int
) -> None:
    """It may have been done: a person decides whether to do it again."""
    service.problem("POST /studies/a/pause", status, "away")
    with pytest.raises(ServiceError, match=r"broke|got no answer"):
        client.pause("a")
    assert len(service.requests) == 1


def test_who_follows_a_study_waits_for_a_service_that_went_away(
    service: Service, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade in the night ends no watch. It is said once, and a refusal is no absence."""
    monkeypatch.setattr(connection, "PATIENT_WAIT_S", 0.02)
    view = digits_study()
    told: list[str] = []
    follower = client.patient(told.append)
    service.problem("GET /studies/a", 503, "The database is locked.")
    timer = after_a_moment(service, "GET /studies/a", (200, view.model_dump(mode="json")))
    assert follower.study("a") == view
    timer.join()
    assert len(service.requests) > 2
    assert len(told) == 1
    assert "The database is locked" in told[0]
    service.problem("GET /studies/a", 401, "it was taken back")
    with pytest.raises(ServiceError, match="it was taken back"):
        follower.study("a")


def test_who_follows_goes_along_when_the_service_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """An embedded one has another port after a restart: it is looked for where it says where it is."""
    monkeypatch.setattr(connection, "PATIENT_WAIT_S", 0.02)
    view = digits_study()
    away = [ServiceError("No service is running.")]
    with answering_service() as new, answering_service() as old:
        new.answers["GET /studies/a"] = (200, view.model_dump(mode="json"))
        old.answers["GET /studies/a"] = (0, None)

        def find() -> Address:
            if away:
                raise away.pop()
            return Address(new.url, "other")

        with Client(Address(old.url, "a-token")) as client:
            assert client.patient(lambda _line: None, find=find).study("a") == view
            assert client.url == old.url
        assert [token for _, _, token, _ in new.requests] == ["Bearer other"]


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there any more: it says so in the end."""
    monkeypatch.setattr(connection, "PATIENT_WAIT_S", 0.02)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with Client(Address(f"http://127.0.0.1:{port}")) as client:
            follower = client.patient(lambda _line: None, patience_s=0.1)
            with pytest.raises(ServiceError, match="No service answers"):
                follower.study("a")
