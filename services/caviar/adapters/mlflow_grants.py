"""MLflow's users and what they may see, where MLflow authorizes: two users for each team, one for all workers.

MLflow's own client of these routes imports its whole server; the routes are documented and are called as they are.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

import httpx2

from caviar.contract.gateway import OPERATOR, SERVICE, WORKER, reader_of, writer_of
from caviar.errors import ServiceError

READ: Final = "READ"
EDIT: Final = "EDIT"
MANAGE: Final = "MANAGE"
"""A worker also removes old checkpoints. That it gives nobody else any right is the gateway's to see to."""
TIMEOUT_S: Final = 20.0


class Grants:
    """The MLflow server at ``uri``, as its user ``service``. Every method raises ServiceError where it does not answer.

    Nobody logs in with a password: the users get random ones that nobody keeps.
    """

    def __init__(self, uri: str, secret: str) -> None:
        self._uri = uri
        self._secret = secret

    def see_to(self, experiments: Mapping[str, Iterable[str]]) -> list[str]:
        """Make what is missing for these teams and the ids of their experiments. Returns what was missing, in words.

        A grant that is there with another permission is put right; what else the users have is left alone.
        """
        everything = [each for ids in experiments.values() for each in ids]
        wanted: dict[str, dict[str, str]] = {
            OPERATOR: {},
            WORKER: dict.fromkeys(everything, MANAGE),
        }
        for team, ids in experiments.items():
            wanted[reader_of(team)] = dict.fromkeys(ids, READ)
            wanted[writer_of(team)] = dict.fromkeys(ids, EDIT)
        with self._http() as http:
            seeing = _Seeing(http)
            for user, grants in wanted.items():
                seeing.user(user, admin=user == OPERATOR)
                seeing.grants(user, "experiment", grants)
        return seeing.done

    def see_to_model(self, team: str, model: str) -> None:
        """Let the team read a registered model of its own, and change it."""
        with self._http() as http:
            seeing = _Seeing(http)
            seeing.grants(reader_of(team), "registered_model", {model: READ})
            seeing.grants(writer_of(team), "registered_model", {model: EDIT})

    def _http(self) -> httpx2.Client:
        return httpx2.Client(
            base_url=f"{self._uri}/api",
            auth=(SERVICE, self._secret),
            timeout=TIMEOUT_S,
            trust_env=False,
            verify=self._uri.startswith("https://"),  # loading certificates costs 0.1 s
        )


class _Seeing:
    """One look, with what was missing so far."""

    def __init__(self, http: httpx2.Client) -> None:
        self._http = http
        self.done: list[str] = []

    def user(self, name: str, *, admin: bool) -> None:
        found = self._ask("GET", "2.0/mlflow/users/get", {"username": name}, missing=True)
        if found is None:
            password = secrets.token_urlsafe(32)
            with suppress(_Exists):
                self._ask(
                    "POST", "2.0/mlflow/users/create", {"username": name, "password": password}
                )
            self.done.append(f"user {name}")
        if admin and not (found or {}).get("user", {}).get("is_admin"):
            body = {"username": name, "is_admin": True}
            self._ask("PATCH", "2.0/mlflow/users/update-admin", body)

    def grants(self, user: str, kind: str, wanted: Mapping[str, str]) -> None:
        if not wanted:
            return
        listed = self._ask("GET", "3.0/mlflow/users/permissions/list", {"username": user}) or {}
        has = {
            str(row["resource_pattern"]): row["permission"]
            for row in listed.get("permissions", [])
            if row.get("resource_type") == kind
        }
        for name, permission in wanted.items():
            if has.get(name) == permission:
                continue
            about = {"username": user, "resource_type": kind, "resource_id": name}
            if name in has:
                self._ask("POST", "3.0/mlflow/users/permissions/revoke", about)
            with suppress(_Exists):
                body = {**about, "permission": permission}
                self._ask("POST", "3.0/mlflow/users/permissions/grant", body)
            self.done.append(f"{permission} on {kind} {name} for {user}")

    def _ask(
        self, method: str, path: str, about: Mapping[str, object], *, missing: bool = False
    ) -> dict[str, Any] | None:
        """The answer; None where there is no such thing and that may be (``missing``)."""
        given: dict[str, Any] = {"params": about} if method == "GET" else {"json": about}
        try:
            answer = self._http.request(method, path, **given)
        except httpx2.HTTPError as error:
            raise ServiceError(f"MLflow does not answer ({type(error).__name__})") from error
        if answer.is_success:
            found: dict[str, Any] = answer.json() if answer.content else {}
            return found
        code = _code(answer)
        if missing and code == "RESOURCE_DOES_NOT_EXIST":
            return None
        if code == "RESOURCE_ALREADY_EXISTS":
            raise _Exists
        raise ServiceError(f"MLflow refuses {path}: {answer.status_code} {answer.text[:200]}")


class _Exists(ServiceError):
    """Somebody else made it meanwhile."""


def _code(answer: httpx2.Response) -> str | None:
    try:
        body = answer.json()
    except ValueError:
        return None
    return body.get("error_code") if isinstance(body, dict) else None
