"""Talks to the API of a service, found by CAVIAR_URL or in the folder of the embedded one."""

from __future__ import annotations

import copy
import difflib
import json
import logging
import os
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self, TypeVar
from urllib.parse import quote as quoted

import httpx2
from pydantic import BaseModel, TypeAdapter, ValidationError

from caviar.client.home import default_home
from caviar.contract.access import WhoAmI
from caviar.contract.names import ENV_API, ENV_TOKEN
from caviar.contract.panda import NurseRequest, NurseView
from caviar.contract.queue import QueueView, QuotaUse, Quote, StudyEdit
from caviar.contract.recheck import (
    ChampionView,
    CheckView,
    DecideRequest,
    Policy,
    RecheckRequest,
    RecheckView,
    RollbackChampion,
)
from caviar.contract.upkeep import Finding
from caviar.contract.views import (
    AddedTrial,
    Branch,
    DrainedHost,
    NewTrial,
    ProblemView,
    RoundView,
    StudyFile,
    StudyRow,
    StudyView,
    Submission,
    Submitted,
    TrialView,
    TrustedHost,
    Undo,
    WorkerView,
)
from caviar.contract.webhooks import DeliveryView, IssuedWebhook, NewWebhook, WebhookView
from caviar.errors import CaviarError, InputError, NotAllowed, Problem, ServiceError
from caviar.secrets import with_files

TIMEOUT_S = 30.0
DOCTOR_S = 1000.0
UPLOAD_S = 300.0
PAGE = 200
"""Trials in one answer."""
STUDIES = 1000
"""Studies in one answer, at most."""
LONGEST_NAME = 64

T = TypeVar("T")

HOW_TO_START = "`caviar up` starts one on this machine; CAVIAR_URL and CAVIAR_TOKEN choose another."


RETRIES_S = (0.2, 1.0, 3.0)
"""Waits before what reads, or creates with a key, is sent again, when the connection broke before the answer came."""
PATIENCE_S = 3600.0
"""Who follows a study waits this long for a service that is away: it may be upgraded meanwhile."""
PATIENT_WAIT_S = 2.0
"""Between its tries."""

_OF_A_GATEWAY = frozenset({502, 504})
"""What stands before a service says this where the service breaks off: as when the connection itself broke."""
_UNAVAILABLE = 503

_log = logging.getLogger(__name__)


class _Away(ServiceError):
    """Nobody answers now; somebody may later."""


class _Unanswered(_Away):
    """The connection broke: the service may have done it, or not."""


@dataclass(frozen=True, slots=True)
class Address:
    url: str
    token: str | None = None


def own_token() -> str | None:
    """CAVIAR_TOKEN, else what is in the file that CAVIAR_TOKEN_FILE names. InputError where that cannot be read.

    The variable goes first: a person in the service's container gives it to be somebody else than the service.
    """
    return os.environ.get(ENV_TOKEN) or with_files(os.environ, (ENV_TOKEN,)).get(ENV_TOKEN)


def find_service() -> Address:
    """The service that commands talk to. Raises ServiceError where none is known."""
    url, token = os.environ.get(ENV_API), own_token()
    if url:
        return Address(url.rstrip("/"), token)
    noted = default_home() / "service.json"
    try:
        data = json.loads(noted.read_text(encoding="utf-8"))
        return Address(str(data["url"]).rstrip("/"), token or data.get("token"))
    except FileNotFoundError:
        raise ServiceError(f"No service is running in {noted.parent}. {HOW_TO_START}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ServiceError(f"{noted} cannot be read: {error}. {HOW_TO_START}") from None


class Client:
    """One connection to the service. Use as a context manager."""

    def __init__(self, address: Address, timeout_s: float = TIMEOUT_S) -> None:
        """``timeout_s``: how long an answer may take."""
        self._timeout_s = timeout_s
        self._patience_s = 0.0
        self._told: Callable[[str], None] = _log.warning
        self._find: Callable[[], Address] | None = None
        self._opened: list[httpx2.Client] = []
        """All that this one, or a patient one of it, ever opened."""
        self._connect(address)

    def _connect(self, address: Address) -> None:
        self.url = address.url
        headers = {"Authorization": f"Bearer {address.token}"} if address.token else {}
        try:
            # No proxy from the environment for a service on this machine.
            self._http = httpx2.Client(
                base_url=address.url,
                headers=headers,
                timeout=self._timeout_s,
                trust_env=not self.local,
                verify=address.url.startswith("https://"),  # loading certificates costs 0.1 s
            )
        except (httpx2.InvalidURL, ValueError) as error:
            raise InputError(
                Problem((ENV_API,), f"{address.url!r} is no address: {error}")
            ) from None
        self._opened.append(self._http)

    @property
    def local(self) -> bool:
        """Whether the service is on this machine, so that a folder here is a folder there."""
        try:
            return httpx2.URL(self.url).host in ("127.0.0.1", "localhost", "::1")
        except httpx2.InvalidURL:
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        for opened in self._opened:
            opened.close()

    def patient(
        self,
        told: Callable[[str], None] = _log.warning,
        patience_s: float = PATIENCE_S,
        find: Callable[[], Address] | None = None,
    ) -> Client:
        """The same connection for who follows something for hours: it reads on when a service that went away is back.

        ``told`` gets a line for each time that it waits, and no wait is longer than ``patience_s``. ``find`` says
        where it may be meanwhile: an embedded service has another port after a restart.
        """
        patient = copy.copy(self)
        patient._patience_s, patient._told, patient._find = patience_s, told, find
        return patient

    def whoami(self) -> WhoAmI:
        return self._call("GET", "/whoami", WhoAmI)

    def submit(self, submission: Submission) -> Submitted:
        return self.create("/studies", Submitted, submission)

    def bring(self, digest: str, data: bytes, team: str | None = None) -> None:
        """Upload a code bundle, where the service does not have it yet."""
        path, query = f"/bundles/{digest}", {"team": team} if team else None
        if self._answer("HEAD", path, query=query).status_code == 404:
            answer = self._answer("PUT", path, query=query, content=data, timeout_s=UPLOAD_S)
            if answer.status_code >= 300:
                raise error_of(answer.status_code, answer.text)

    def studies(self, limit: int = STUDIES, called: str | None = None) -> list[StudyRow]:
        """The newest first; ``called``: only those of this id, this name, or whose id starts so."""
        query: dict[str, int | str] = {"limit": limit}
        if called is not None:
            query["called"] = called
        return self._call("GET", "/studies", list[StudyRow], query=query)

    def study(self, study_id: str) -> StudyView:
        return self._call("GET", f"/studies/{study_id}", StudyView)

    def trials(self, study_id: str, after: int = -1) -> list[TrialView]:
        """Trials whose number is above ``after``, in order, at most PAGE of them."""
        query = {"after": after, "limit": PAGE}
        return self._call("GET", f"/studies/{study_id}/trials", list[TrialView], query=query)

    def rounds(self, study_id: str) -> list[RoundView]:
        return self._call("GET", f"/studies/{study_id}/rounds", list[RoundView])

    def study_file(self, study_id: str) -> StudyFile:
        """As it was submitted."""
        return self.read(f"/studies/{study_id}/file", StudyFile)

    def undo(self, study_id: str, number: int, request: Undo) -> RoundView:
        path = f"/studies/{study_id}/rounds/{number}/undo"
        return self._call("POST", path, RoundView, body=request.model_dump(mode="json"))

    def branch(self, study_id: str, number: int, request: Branch) -> Submitted:
        return self.create(f"/studies/{study_id}/rounds/{number}/branch", Submitted, request)

    def pause(self, study_id: str) -> StudyView:
        return self._call("POST", f"/studies/{study_id}/pause", StudyView)

    def resume(self, study_id: str) -> StudyView:
        return self._call("POST", f"/studies/{study_id}/resume", StudyView)

    def stop(self, study_id: str) -> StudyView:
        return self._call("POST", f"/studies/{study_id}/stop", StudyView)

    def edit_study(self, study_id: str, edit: StudyEdit) -> StudyView:
        body = edit.model_dump(mode="json", exclude_none=True)
        return self._call("PATCH", f"/studies/{study_id}", StudyView, body=body)

    def trial(self, study_id: str, number: int) -> TrialView:
        return self._call("GET", f"/studies/{study_id}/trials/{number}", TrialView)

    def add_trial(self, study_id: str, new: NewTrial) -> AddedTrial:
        return self.create(f"/studies/{study_id}/trials", AddedTrial, new)

    def stop_trial(self, study_id: str, number: int) -> TrialView:
        return self._call("POST", f"/studies/{study_id}/trials/{number}/stop", TrialView)

    def trust(self, trusted: TrustedHost) -> list[WorkerView]:
        body = trusted.model_dump(mode="json")
        return self._call("POST", "/workers/trust", list[WorkerView], body=body)

    def drain(self, drained: DrainedHost) -> list[WorkerView]:
        body = drained.model_dump(mode="json")
        return self._call("POST", "/workers/drain", list[WorkerView], body=body)

    def resume_host(self, trusted: TrustedHost) -> list[WorkerView]:
        body = trusted.model_dump(mode="json")
        return self._call("POST", "/workers/resume", list[WorkerView], body=body)

    def workers(self) -> list[WorkerView]:
        return self._call("GET", "/workers", list[WorkerView])

    def queue(self) -> QueueView:
        return self._call("GET", "/queue", QueueView)

    def quote(self, submission: Submission) -> Quote:
        """What a study would cost. Nothing is submitted."""
        return self._call("POST", "/quote", Quote, body=submission.model_dump(mode="json"))

    def use(self, team: str) -> list[QuotaUse]:
        """What a team has of its quota."""
        return self._call("GET", f"/teams/{quoted(team, safe='')}/use", list[QuotaUse])

    def add_webhook(self, new: NewWebhook) -> IssuedWebhook:
        return self._call("POST", "/webhooks", IssuedWebhook, body=new.model_dump(mode="json"))

    def webhooks(self) -> list[WebhookView]:
        return self._call("GET", "/webhooks", list[WebhookView])

    def remove_webhook(self, identifier: str) -> None:
        self._call("DELETE", f"/webhooks/{identifier}", type(None))

    def test_webhook(self, identifier: str) -> WebhookView:
        return self._call("POST", f"/webhooks/{identifier}/test", WebhookView)

    def deliveries(self, identifier: str) -> list[DeliveryView]:
        return self._call("GET", f"/webhooks/{identifier}/deliveries", list[DeliveryView])

    def deliver_again(self, identifier: str, number: int) -> WebhookView:
        path = f"/webhooks/{identifier}/deliveries/{number}/again"
        return self._call("POST", path, WebhookView)

    def doctor(self, mend: bool) -> list[Finding]:
        """What is wrong, mended where asked. Every run is read: it may take minutes."""
        method, path = ("POST", "/doctor/mend") if mend else ("GET", "/doctor")
        return self._call(method, path, list[Finding], timeout_s=DOCTOR_S)

    def nurse(self, study_id: str) -> NurseView:
        return self.read(f"/studies/{study_id}/nurse", NurseView)

    def switch_nurse(self, study_id: str, on: bool) -> NurseView:
        path = f"/studies/{study_id}/nurse"
        return self._call("POST", path, NurseView, body=NurseRequest(on=on).model_dump())

    def recheck(self, study_id: str) -> RecheckView:
        return self.read(f"/studies/{study_id}/recheck", RecheckView)

    def ask_recheck(self, study_id: str, asked: RecheckRequest) -> CheckView:
        return self.create(f"/studies/{study_id}/recheck", CheckView, asked)

    def set_recheck_policy(self, study_id: str, policy: Policy | None) -> RecheckView:
        body = None if policy is None else policy.model_dump(mode="json", exclude_defaults=True)
        return self._call("PUT", f"/studies/{study_id}/recheck", RecheckView, body=body)

    def promote(self, study_id: str, asked: DecideRequest) -> ChampionView:
        return self.create(f"/studies/{study_id}/champion/promote", ChampionView, asked)

    def reject(self, study_id: str, asked: DecideRequest) -> ChampionView:
        return self.create(f"/studies/{study_id}/champion/reject", ChampionView, asked)

    def rollback_champion(self, study_id: str, asked: RollbackChampion) -> ChampionView:
        return self.create(f"/studies/{study_id}/champion/rollback", ChampionView, asked)

    def resolve(self, given: str) -> str:
        """A study's id from its id, its name (the newest of that name, a shared one last) or the start of its id.

        Raises InputError where nothing or more than one thing fits.
        """
        rows = self.studies(called=given) if 0 < len(given) <= LONGEST_NAME else []
        if any(row.id == given for row in rows):
            return given
        named = [row for row in rows if row.name == given]
        if named:
            return max(named, key=lambda row: (row.yours, row.created)).id
        starting = [row.id for row in rows if row.id.startswith(given)]
        if len(starting) == 1:
            return starting[0]
        if starting:
            shown = ", ".join(sorted(starting)[:6])
            raise InputError(f"{given!r} is the start of {len(starting)} studies: {shown}")
        known = {word for row in self.studies() for word in (row.name, row.id)}
        close = difflib.get_close_matches(given, sorted(known), n=1)
        way_out = f"Did you mean {close[0]}?" if close else "`caviar studies` lists them."
        raise InputError(Problem((), f"There is no study {given!r}", way_out))

    def create(self, path: str, answer: type[T], new: BaseModel | None = None) -> T:
        """POST what makes something new: once, however often it has to be sent until an answer comes back.

        What is as by default is not sent: a service of an earlier version may not know the field.
        """
        body = None if new is None else new.model_dump(mode="json", exclude_defaults=True)
        key = uuid.uuid4().hex
        return _again(lambda: self._call_once("POST", path, answer, body=body, key=key))

    def read(self, path: str, answer: type[T]) -> T:
        return self._call("GET", path, answer)

    def download(self, path: str) -> bytes:
        """A file, whole."""
        return _again(lambda: self._content(self._answer("GET", path)))

    def _call(
        self,
        method: str,
        path: str,
        answer: type[T],
        body: dict[str, Any] | None = None,
        query: Mapping[str, int | str] | None = None,
        timeout_s: float | None = None,
    ) -> T:
        def call() -> T:
            return self._call_once(method, path, answer, body, query, timeout_s)

        if method != "GET":
            return call()
        return self._patiently(call) if self._patience_s else _again(call)

    def _patiently(self, call: Callable[[], T]) -> T:
        deadline = time.monotonic() + self._patience_s
        said = False
        while True:
            try:
                return call()
            except _Away as error:
                if time.monotonic() > deadline:
                    raise
                if not said:
                    said = True
                    self._told(f"{error.args[0]} Waiting for it.")
                time.sleep(PATIENT_WAIT_S)
                self._follow()

    def _follow(self) -> None:
        """To where the service is now, if it is said to be elsewhere."""
        if self._find is None:
            return
        with suppress(CaviarError):  # it is not there again yet
            address = self._find()
            if address.url != self.url:
                self._connect(address)

    def _call_once(
        self,
        method: str,
        path: str,
        answer: type[T],
        body: dict[str, Any] | None = None,
        query: Mapping[str, int | str] | None = None,
        timeout_s: float | None = None,
        key: str | None = None,
    ) -> T:
        headers = None if key is None else {"Idempotency-Key": key}
        content = self._content(self._answer(method, path, body, query, timeout_s, headers))
        try:
            return TypeAdapter(answer).validate_json(content or b"null")
        except ValidationError:
            raise ServiceError(
                f"{self.url}{path} did not answer as a Caviar service of this version"
            ) from None

    def _content(self, response: httpx2.Response) -> bytes:
        if response.status_code in _OF_A_GATEWAY:
            raise _Unanswered(f"The gateway at {self.url} got no answer of the service.")
        if response.status_code >= 300:
            error = error_of(response.status_code, response.text)
            raise _Away(str(error)) if response.status_code == _UNAVAILABLE else error
        return response.content

    def _answer(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        query: Mapping[str, int | str] | None = None,
        timeout_s: float | None = None,
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx2.Response:
        timeout_s = self._timeout_s if timeout_s is None else timeout_s
        try:
            return self._http.request(
                method,
                f"/api/v1{path}",
                json=body,
                params=query,
                timeout=timeout_s,
                headers=headers,
                content=content,
            )
        except httpx2.ConnectError:
            raise _Away(f"No service answers at {self.url}. {HOW_TO_START}") from None
        except httpx2.TimeoutException:
            raise _Away(f"The service at {self.url} did not answer in {timeout_s:g} s.") from None
        except httpx2.TransportError as error:
            raise _Unanswered(f"The connection to {self.url} broke: {error}.") from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ServiceError(f"The connection to {self.url} failed: {error}") from None


def _again(call: Callable[[], T]) -> T:
    """What may be sent twice is, where the connection broke before an answer came."""
    for wait_s in RETRIES_S:
        with suppress(_Unanswered):
            return call()
        time.sleep(wait_s)
    return call()


def error_of(status: int, text: str) -> CaviarError:
    """The error that an answer stands for: 422 InputError, 403 and 409 NotAllowed, all else ServiceError."""
    try:
        problem = ProblemView.model_validate_json(text)
    except ValidationError:
        problem = ProblemView(title=f"HTTP {status}", status=status, detail=text.strip()[:500])
    if status == 401:
        told = problem.detail or "set it to a token of this service."
        return ServiceError(f"The service refused CAVIAR_TOKEN: {told}")
    if status == 403:
        told = problem.detail or "You may not do this."
        return NotAllowed(f"{told} `caviar whoami` says who you are to the service.")
    if status == 429:
        return ServiceError(problem.detail or "The service is asked too often. Try again later.")
    if status == 422:
        listed = [_problem(entry) for entry in problem.problems]
        return InputError(listed or problem.detail or problem.title)
    if status == 404:
        return InputError(problem.detail or "There is no such thing")
    message = problem.detail or problem.title
    return NotAllowed(message) if status == 409 else ServiceError(f"{message} (HTTP {status})")


def _problem(entry: dict[str, str | int | list[str] | None]) -> Problem:
    path, line = entry.get("path"), entry.get("line")
    return Problem(
        tuple(path) if isinstance(path, list) else (),
        str(entry.get("reason") or ""),
        str(entry.get("way_out") or ""),
        line if isinstance(line, int) else None,
    )


def finished_after(
    fetch: Callable[[int], list[TrialView]], cursor: int, seen: set[int], final: frozenset[str]
) -> tuple[list[TrialView], int]:
    """Trials that ended since the last call, and the new cursor.

    Trials end out of order, so ``cursor`` only moves over an unbroken run of ended ones; those beyond it that were
    given already are in ``seen``, which this keeps up to date.
    """
    ended: list[TrialView] = []
    position, unbroken = cursor, True
    while page := fetch(position):
        for trial in page:
            if trial.state not in final:
                unbroken = False
                continue
            if trial.number not in seen:
                ended.append(trial)
                seen.add(trial.number)
            if unbroken:
                cursor = trial.number
        position = page[-1].number
        if len(page) < PAGE:
            break
    seen.difference_update({number for number in seen if number <= cursor})
    return ended, cursor
