"""The worker's calls to the scheduler: one connection that is kept, JSON both ways."""

from __future__ import annotations

import json
import logging
from typing import TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from caviar.contract.messages import (
    ClaimAnswer,
    ClaimRequest,
    Finish,
    FinishAnswer,
    Heartbeat,
    HeartbeatAnswer,
    Hello,
    HelloAnswer,
    Message,
    PassAnswer,
    PassRequest,
    RunAnswer,
    RunRequest,
    Shipped,
    ShipTarget,
)
from caviar.contract.panda import WAIT_S, Orders, Report, ReportAnswer, Waiting
from caviar.contract.protocol import HEADER, PROBLEM, PROTOCOL
from caviar.errors import ServiceError
from caviar_worker.certificates import certificates

BUNDLE_S = 60.0
"""For 25 MB over a slow network."""
log = logging.getLogger("caviar.worker")
Answer = TypeVar("Answer", bound=BaseModel)


class Away(ServiceError):
    """The scheduler does not answer, or answers with a passing failure. Try again later."""


class TokenRefused(Away):
    """It was revoked, or is a wrong one. It passes when somebody gives the worker another, or the service is new."""


class WrongProtocol(Away):
    """Worker and scheduler do not understand each other. It passes when one of the two is upgraded."""


class Refused(ServiceError):
    """The scheduler understood the request and refuses it for good. Trying again changes nothing."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Scheduler:
    """Each call tries once and raises Away or Refused: who calls knows how long to go on trying."""

    def __init__(self, url: str, token: str, *, timeout_s: float = 5.0) -> None:
        self._timeout_s = timeout_s
        self._http = httpx2.Client(
            base_url=f"{url}/api/v1/worker",
            headers={"Authorization": f"Bearer {token}", HEADER: str(PROTOCOL)},
            verify=certificates(url) or False,
            trust_env=False,  # a proxy is no way to one's own scheduler; reading the system's costs 10 ms
        )

    def welcome(self) -> None:
        """Raises WrongProtocol or Away where the worker is to take no ticket."""
        try:
            self._request("GET", "protocol")
        except Refused as refused:
            if refused.status != httpx2.codes.NOT_FOUND:  # of before there was a second version
                raise

    def hello(self, message: Hello) -> HelloAnswer:
        return self._post("hello", message, HelloAnswer)

    def heartbeat(self, message: Heartbeat) -> HeartbeatAnswer:
        return self._post("heartbeat", message, HeartbeatAnswer)

    def claim(self, message: ClaimRequest) -> ClaimAnswer:
        return self._post("claim", message, ClaimAnswer)

    def finish(self, message: Finish) -> FinishAnswer:
        return self._post("finish", message, FinishAnswer)

    def shipped(self, message: Shipped) -> None:
        self._request("POST", "shipped", message)

    def run_of(self, message: RunRequest) -> RunAnswer:
        return self._post("run", message, RunAnswer)

    def trial_pass(self, message: PassRequest) -> str | None:
        """What the trial shows to MLflow behind the gateway; None of a scheduler of before there was one."""
        answer = self._perhaps("pass", message, PassAnswer)
        return None if answer is None else answer.token

    def orders(self, message: Waiting) -> Orders | None:
        """What is asked of running trials, as soon as something is; None of a scheduler of before there was that."""
        return self._perhaps("orders", message, Orders, self._timeout_s + WAIT_S)

    def report_wards(self, message: Report) -> ReportAnswer | None:
        """None of a scheduler of before trainings could be changed."""
        return self._perhaps("wards", message, ReportAnswer)

    def ship_target(self, study: str) -> ShipTarget | None:
        """Where the study's runs go; None while its own run does not exist."""
        try:
            content = self._request("GET", f"studies/{study}/ship-target")
        except Refused as refused:
            if refused.status == httpx2.codes.NOT_FOUND:
                return None
            raise
        return _parsed(ShipTarget, content)

    def bundle(self, study: str) -> bytes:
        """The archive of the code that the study brings along."""
        return self._request("GET", f"studies/{study}/bundle", timeout_s=BUNDLE_S)

    def close(self) -> None:
        self._http.close()

    def _perhaps(
        self, path: str, message: Message, kind: type[Answer], timeout_s: float | None = None
    ) -> Answer | None:
        """None where the scheduler is too old to know the call."""
        try:
            return _parsed(kind, self._request("POST", path, message, timeout_s=timeout_s))
        except Refused as refused:
            if refused.status in (httpx2.codes.NOT_FOUND, httpx2.codes.METHOD_NOT_ALLOWED):
                return None
            raise

    def _post(self, path: str, message: Message, kind: type[Answer]) -> Answer:
        return _parsed(kind, self._request("POST", path, message))

    def _request(
        self,
        method: str,
        path: str,
        message: Message | None = None,
        *,
        timeout_s: float | None = None,
    ) -> bytes:
        body = None if message is None else message.model_dump_json().encode()
        try:
            answer = self._http.request(
                method,
                path,
                content=body,
                headers={"Content-Type": "application/json"},
                timeout=timeout_s or self._timeout_s,
            )
        except httpx2.HTTPError as error:
            raise Away(f"The scheduler does not answer: {error}") from None
        if answer.is_success:
            return answer.content
        said = f"{answer.status_code} {answer.text[:300]}"
        if answer.status_code in (401, 403):
            log.error(
                "The scheduler refuses this worker's token (%s): set CAVIAR_WORKER_TOKEN.", said
            )
            raise TokenRefused(f"The token was refused: {said}")
        if answer.status_code == 409 and (told := _of_protocol(answer.content)):
            raise WrongProtocol(told)
        if answer.is_client_error and answer.status_code not in (408, 425, 429):
            raise Refused(f"The scheduler refused {path}: {said}", answer.status_code)
        raise Away(f"The scheduler failed: {said}")


def _of_protocol(content: bytes) -> str | None:
    """What the scheduler says of this worker's version; None where that is not what it refuses."""
    try:
        problem = json.loads(content)
        return str(problem["detail"]) if problem["type"] == PROBLEM else None
    except (ValueError, TypeError, KeyError):
        return None


def _parsed(kind: type[Answer], content: bytes) -> Answer:
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        raise Away(f"The scheduler's answer is not understood: {error}") from None
