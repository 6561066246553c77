"""A worker without an address of Redis: the socket that Celery sees, and the service at its other end."""

from __future__ import annotations

import datetime
import ipaddress
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from caviar.adapters.redis_door import USER
from caviar_worker import tunnel as tunnel_module
from caviar_worker.settings import WorkerSettings
from caviar_worker.tunnel import Tunnel
from tests.support import wait_until
from tests.support.broker import PASSWORD
from tests.support.desk import TOKEN, Desk
from tests.support.host import Host, worker_host
from tests.support.real_api import STUDY, Serving, serving
from tests.support.servers import RedisServer, free_port, running_redis

pytestmark = pytest.mark.real
TRAINER = """
import os, socket

def train(trial):
    {body}
    return trial.params["x"]
"""
REACHES = """
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(10)
        probe.connect({path!r})
        got = b""
        try:
            probe.sendall(b"PING\\r\\n")
            got = probe.recv(100)
        except ConnectionError:
            pass
    with open({said!r}, "w") as file:
        file.write(repr(got))
"""


@pytest.fixture
def guarded(short_path: Path) -> Iterator[RedisServer]:
    with running_redis(short_path, PASSWORD) as server:
        yield server


@pytest.fixture
def operator(guarded: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis(unix_socket_path=str(guarded.socket), password=PASSWORD) as client:
        yield client


@contextmanager
def joined_host(folder: Path, guarded: RedisServer, service: Serving) -> Iterator[Host]:
    broker = f"redis+socket://{folder / 'run' / 'broker.sock'}"
    desk = Desk(url=service.url)
    with worker_host(folder, guarded, desk, broker=broker, slots=1) as host:
        yield host


def submit(service: Serving, folder: Path, body: str = "pass", trials: int = 2) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "parabola.py").write_text(TRAINER.format(body=body.strip()))
    with service.client() as client:
        text = STUDY.format(name="parabola", trials=trials)
        answer = client.post("/studies", json={"text": text, "folder": str(folder)})
    answer.raise_for_status()
    return str(answer.json()["id"])


def denied(operator: redis.Redis) -> list[str]:
    """What Redis has refused to workers, but for the client library's name, which it can do without."""
    found = []
    for entry in operator.acl_log():
        about = {
            key: value.decode() if isinstance(value, bytes) else value
            for key, value in entry.items()
        }
        if about["username"] == USER and not str(about["object"]).startswith("client"):
            found.append(f"{about['reason']} {about['object']}")
    return found


def test_celery_needs_no_more_of_redis_than_a_worker_may(
    short_path: Path, tmp_path: Path, guarded: RedisServer, operator: redis.Redis
) -> None:
    """Trains, idles past every timer of Celery's and kombu's, and ends: Redis refused it nothing.

    Another version of Celery that fails here needs another command: look whether a setting of ``caviar_worker.app``
    spares it, else add it to ``caviar.adapters.redis_door.COMMANDS``, and think of what a stolen token may do with it.
    """
    with (
        serving(tmp_path, broker=guarded.url) as service,
        joined_host(short_path, guarded, service) as host,
    ):
        study = submit(service, short_path / "code")
        host.start()
        host.wait_for(lambda: service.store.counts(study)["done"] == 2, "both are done", 90)
        time.sleep(12)  # kombu looks after its things every second and every ten
        assert denied(operator) == []
        assert host.stop() == 0
        assert denied(operator) == []
        wait_until(lambda: len(service.lines or ()) == 0, 60, "its lines are gone")


def test_a_trial_of_the_same_user_is_not_served(
    short_path: Path, tmp_path: Path, guarded: RedisServer
) -> None:
    """It finds the socket, and whoever is not of Celery's session is closed without a byte."""
    said = short_path / "said"
    path = short_path / "run" / "broker.sock"
    with (
        serving(tmp_path, broker=guarded.url) as service,
        joined_host(short_path, guarded, service) as host,
    ):
        body = REACHES.format(path=str(path), said=str(said))
        study = submit(service, short_path / "code", body, trials=1)
        host.start()
        host.wait_for(lambda: service.store.counts(study)["done"] == 1, "it is done", 90)
        assert said.read_text() == "b''"
        assert (short_path / "run").stat().st_mode & 0o777 == 0o700


# The tunnel alone: this process is Celery.


@contextmanager
def open_tunnel(
    folder: Path, url: str, token: str = TOKEN, celery: Callable[[], int] = lambda: os.getsid(0)
) -> Iterator[Path]:
    (folder / "run").mkdir(mode=0o700, exist_ok=True)
    environ = {
        "CAVIAR_URL": url,
        "CAVIAR_WORKER_TOKEN": token,
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "CAVIAR_WORKER_DIR": str(folder),
        "CAVIAR_WORKER_CLASS": "cpu",
    }
    settings = WorkerSettings.from_environ(environ)
    path = settings.broker_socket
    assert path is not None
    ended = threading.Event()
    thread = threading.Thread(target=Tunnel(settings, celery, ended).run)
    thread.start()
    try:
        wait_until(lambda: listens(path), 60, "the socket is there and listens")
        yield path
    finally:
        ended.set()
        thread.join(60)
        assert not thread.is_alive()
        assert not path.exists()


def listens(path: Path) -> bool:
    """A socket has its place in the folder a moment before: who connects then is refused."""
    rows = [row.split() for row in Path("/proc/net/unix").read_text().splitlines()]
    accepting = "00010000"  # __SO_ACCEPTCON
    return any(row[-1] == str(path) and row[3] == accepting for row in rows)


def asks(path: Path, within: float = 30) -> bytes:
    """What the other end answers to a PING; nothing where it closes."""
    with socket.socket(socket.AF_UNIX) as celery:
        celery.settimeout(within)
        celery.connect(str(path))
        try:
            celery.sendall(b"PING\r\n")
            return celery.recv(100)
        except ConnectionError:
            return b""


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "caviar.worker"]


def test_a_service_that_is_away_is_waited_for_and_told_of_once(
    short_path: Path,
    tmp_path: Path,
    guarded: RedisServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Celery's connection is closed after a while, each time; the log has one line of all of it, and one of its end."""
    monkeypatch.setattr(tunnel_module, "PATIENCE_S", 1.0)
    caplog.set_level(logging.INFO, "caviar.worker")
    port = free_port()
    with open_tunnel(short_path, f"http://127.0.0.1:{port}") as path:
        used, since = time.process_time(), time.monotonic()
        for _ in range(3):
            began = time.monotonic()
            assert asks(path) == b""
            assert time.monotonic() - began > 0.9
        assert time.process_time() - used < 0.8 * (time.monotonic() - since)
        assert len(said(caplog)) == 1
        assert said(caplog)[0].startswith("No ticket comes: the service does not answer")
        monkeypatch.setattr(tunnel_module, "PATIENCE_S", 100.0)
        answers: list[bytes] = []
        waiting = threading.Thread(target=lambda: answers.append(asks(path, 110)))
        waiting.start()
        with serving(tmp_path, broker=guarded.url, port=port):
            waiting.join(120)
        assert answers == [b"+PONG\r\n"]
        *away, back = said(caplog)
        assert back == "Tickets come again."
        # A service that starts may refuse in another way for a moment.
        assert len(away) <= 3
        assert all(line.startswith("No ticket comes: the service") for line in away)


def test_a_token_that_is_refused_is_said_and_not_tried_again_and_again(
    short_path: Path,
    tmp_path: Path,
    guarded: RedisServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The log of the worker says what the service said; nothing of the token is in either."""
    monkeypatch.setattr(tunnel_module, "PATIENCE_S", 2.0)
    caplog.set_level(logging.INFO)
    with serving(tmp_path, broker=guarded.url) as service:
        forged = f"cav_{'0' * 12}_{'A' * 43}"
        with open_tunnel(short_path, service.url, forged) as path:
            assert asks(path) == b""
            assert asks(path) == b""
        (line,) = said(caplog)
        assert line.startswith("No ticket comes: the service answers 401: No token, or none of")
        assert line.endswith("Set CAVIAR_WORKER_TOKEN.")
        refusals = [r for r in caplog.records if r.name == "caviar.access"]
        assert len(refusals) == 2
        assert "A" * 43 not in caplog.text


def test_another_process_is_closed_without_a_byte(
    short_path: Path, tmp_path: Path, guarded: RedisServer
) -> None:
    """Of another session than Celery's: as a trial is."""
    with serving(tmp_path, broker=guarded.url) as service:
        with open_tunnel(short_path, service.url) as path:
            code = (
                "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
                "s.settimeout(10); print(s.recv(10))"
            )
            argv = [sys.executable, "-c", code, str(path)]
            other = subprocess.run(argv, capture_output=True, start_new_session=True, check=False)
            assert b"PONG" not in other.stdout
            assert other.stdout == b"b''\n" or b"ConnectionResetError" in other.stderr
            assert asks(path) == b"+PONG\r\n"
        assert service.lines is not None


def certificate(folder: Path) -> dict[str, str]:
    """A key and a certificate for 127.0.0.1 that no system trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "the tests")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return {
        "ssl_certfile": str(folder / "cert.pem"),
        "ssl_keyfile": str(folder / "key.pem"),
    }


def test_the_services_certificate_is_checked(
    short_path: Path,
    tmp_path: Path,
    guarded: RedisServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Against the system's, or against those that SSL_CERT_FILE names, as in the worker's other calls."""
    monkeypatch.setattr(tunnel_module, "PATIENCE_S", 0.5)
    files = certificate(tmp_path)
    with serving(tmp_path, broker=guarded.url, **files) as service:
        with open_tunnel(short_path, service.url) as path:
            assert asks(path) == b""
        assert "certificate verify failed" in said(caplog)[0]
        monkeypatch.setenv("SSL_CERT_FILE", files["ssl_certfile"])
        with open_tunnel(short_path, service.url) as path:
            assert asks(path) == b"+PONG\r\n"
        with open_tunnel(short_path, service.url.replace("127.0.0.1", "localhost")) as path:
            assert asks(path) == b""  # it is made out to another name
