"""The scheduler's side of the contract, in this process: real HTTP, the real messages, no database."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from caviar.contract.messages import (
    Assignment,
    Checkpoints,
    ClaimAnswer,
    ClaimRequest,
    Finish,
    FinishAnswer,
    Heartbeat,
    HeartbeatAnswer,
    Held,
    Hello,
    HelloAnswer,
    Message,
    RunAnswer,
    RunRequest,
    Shipped,
    ShipTarget,
    StopRule,
    Ticket,
    Trainer,
)

TOKEN = "a-token-of-the-tests"


@dataclass
class Desk:
    """Claims are a compare-and-set, idempotent for a nonce; a finish counts once for its attempt."""

    url: str = ""
    lease_s: float = 2.0
    assignments: dict[str, Assignment] = field(default_factory=dict)
    holders: dict[tuple[str, int], str] = field(default_factory=dict)
    """(trial, attempt) -> nonce"""
    finished: dict[tuple[str, int], Finish] = field(default_factory=dict)
    duplicates: int = 0
    claims: list[ClaimRequest] = field(default_factory=list)
    refusals: list[ClaimAnswer] = field(default_factory=list)
    """What the next claims are answered with, whatever they are for."""
    hellos: list[Hello] = field(default_factory=list)
    beats: list[Heartbeat] = field(default_factory=list)
    rules: dict[str, StopRule] = field(default_factory=dict)
    """Study -> its stopping rule, as the next heartbeat's answer tells it."""
    to_stop: list[tuple[str, int]] = field(default_factory=list)
    to_release: list[tuple[str, int]] = field(default_factory=list)
    runs: dict[str, str] = field(default_factory=dict)
    shipped: dict[str, str] = field(default_factory=dict)
    targets: dict[str, ShipTarget] = field(default_factory=dict)
    bundles: dict[str, bytes] = field(default_factory=dict)
    """Digest -> archive: a trial whose trainer names one gets it."""
    order: list[str] = field(default_factory=list)
    """Which routes were called, in order."""
    known: bool = True
    away: bool = False
    """Answer 503 to everything."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(
        self,
        trial: str,
        trainer: Trainer,
        *,
        number: int = 0,
        attempt: int = 1,
        params: dict[str, Any] | None = None,
        run_id: str | None = None,
        metric: str = "score",
        stop: StopRule | None = None,
        bounded: tuple[str, ...] = (),
        gpu: str | None = None,
        checkpoints: Checkpoints | None = None,
        study: str = "study-1",
    ) -> dict[str, Any]:
        """Dispatch an attempt; the ticket for the queue."""
        assignment = Assignment(
            trial=trial,
            study=study,
            study_name="a study",
            number=number,
            round=1,
            attempt=attempt,
            seed=7,
            params=params or {"x": 0.5},
            trainer=trainer,
            metric=metric,
            goal="maximize",
            lease_s=self.lease_s,
            run_id=run_id,
            stop=stop,
            bounded=bounded,
            gpu=gpu,
            checkpoints=checkpoints or Checkpoints(),
        )
        with self.lock:
            self.assignments[trial] = assignment
        ticket = Ticket(
            trial=trial,
            study=assignment.study,
            number=number,
            attempt=attempt,
            params=assignment.params,
        )
        found: dict[str, Any] = ticket.model_dump(mode="json")
        return found

    def claim(self, body: bytes) -> Message:
        request = ClaimRequest.model_validate_json(body)
        self.claims.append(request)
        if self.refusals:
            return self.refusals.pop(0)
        assignment = self.assignments.get(request.trial)
        if assignment is None or assignment.attempt != request.attempt:
            return ClaimAnswer(granted=False, reason="not dispatched")
        holder = self.holders.setdefault((request.trial, request.attempt), request.nonce)
        if holder != request.nonce:
            return ClaimAnswer(granted=False, reason="claimed by another slot")
        return ClaimAnswer(granted=True, assignment=assignment)

    def finish(self, body: bytes) -> Message:
        message = Finish.model_validate_json(body)
        key = (message.trial, message.attempt)
        assignment = self.assignments.get(message.trial)
        current = assignment is not None and assignment.attempt == message.attempt
        if not current or self.holders.get(key) != message.nonce:
            return FinishAnswer(verdict="fenced")
        if key in self.finished:
            self.duplicates += 1
            return FinishAnswer(verdict="duplicate")
        self.finished[key] = message
        return FinishAnswer(verdict="accepted")

    def hello(self, body: bytes) -> Message:
        self.hellos.append(Hello.model_validate_json(body))
        self.known = True
        return HelloAnswer(lease_s=self.lease_s)

    def heartbeat(self, body: bytes) -> Message:
        self.beats.append(Heartbeat.model_validate_json(body))
        stop = tuple(Held(trial=trial, attempt=attempt) for trial, attempt in self.to_stop)
        release = tuple(Held(trial=trial, attempt=attempt) for trial, attempt in self.to_release)
        return HeartbeatAnswer(known=self.known, stop=stop, release=release, rules=self.rules)

    def ship(self, body: bytes) -> Message:
        self.shipped.update(Shipped.model_validate_json(body).runs)
        return Message()

    def run_of(self, body: bytes) -> Message:
        message = RunRequest.model_validate_json(body)
        if message.run_id is not None:
            self.runs.setdefault(message.trial, message.run_id)
        assignment = self.assignments.get(message.trial)
        newest = assignment.attempt if assignment is not None else message.attempt
        complete = message.trial in self.shipped
        return RunAnswer(run_id=self.runs.get(message.trial), attempt=newest, complete=complete)

    def bundle_of(self, study: str) -> bytes:
        """Every study brings along all bundles: the one that its newest trial names is asked for."""
        named = [a.trainer.bundle for a in self.assignments.values() if a.study == study]
        return self.bundles[str(named[-1])]

    def answer(self, method: str, path: str, token: str, body: bytes) -> tuple[int, str | bytes]:
        with self.lock:
            if self.away:
                return 503, json.dumps({"detail": "away"})
            if token != f"Bearer {TOKEN}":
                return 401, json.dumps({"detail": "who are you?"})
            what = path.removeprefix("/api/v1/worker/")
            self.order.append(what)
            if what == "protocol":
                return 204, ""
            if method == "GET" and what.endswith("/bundle"):
                return 200, self.bundle_of(what.split("/")[1])
            if method == "GET":
                target = self.targets.get(what.split("/")[1])
                return (200, target.model_dump_json()) if target else (404, "{}")
            handlers = {
                "claim": self.claim,
                "finish": self.finish,
                "hello": self.hello,
                "heartbeat": self.heartbeat,
                "shipped": self.ship,
                "run": self.run_of,
            }
            return 200, handlers[what](body).model_dump_json()


@contextmanager
def open_desk() -> Iterator[Desk]:
    desk = Desk()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # otherwise each answer waits 40 ms for the client's ACK

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            token = self.headers.get("Authorization", "")
            status, text = desk.answer(self.command, self.path, token, body)
            content = text if isinstance(text, bytes) else text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    desk.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield desk
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
