"""A service as a Python program sees it.

>>> import caviar
>>> service = caviar.connect("https://caviar.example.com", token="cav_...")
>>> study = service.submit("study.yaml")
>>> study.watch()
>>> study.best.params
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from caviar.client.connection import Address, Client, find_service, own_token
from caviar.client.home import user_name
from caviar.client.study import Study
from caviar.contract.access import WhoAmI
from caviar.contract.views import StudyRow, Submission, WorkerView
from caviar.errors import InputError, Problem
from caviar.studies.code_folder import read_code

StudySource = str | os.PathLike[str] | Mapping[str, Any]
"""A study file's path, its text, or what it says as a mapping."""


def connect(url: str | None = None, token: str | None = None) -> Service:
    """The service at ``url``; without one that of CAVIAR_URL, else the embedded one that runs on this machine.

    ``token`` is CAVIAR_TOKEN by default.

    Raises:
        ServiceError: no service is known, or none answers there, or it refuses the token.
    """
    if url is None:
        known = find_service()
        address = Address(known.url, token or known.token)
    else:
        address = Address(url.rstrip("/"), token or own_token())
    service = Service(Client(address))
    try:
        service.whoami()
    except BaseException:
        service.close()
        raise
    return service


class Service:
    """A connection to a service: thread-safe, to be used for as long as one likes."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __repr__(self) -> str:
        return f"Service({self.url!r})"

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    @property
    def url(self) -> str:
        return self._client.url

    def whoami(self) -> WhoAmI:
        """Whose token this is, with its role and team."""
        return self._client.whoami()

    def submit(
        self,
        study: StudySource,
        *,
        resume: bool = True,
        team: str | None = None,
        folder: str | os.PathLike[str] | None = None,
        code: str | os.PathLike[str] | None = None,
    ) -> Study:
        """Hand a study to the service.

        ``study`` is a file's path, the text of one, or a mapping with its keys. ``resume``: go on with an unfinished
        study of the same content. ``folder`` is where the trainer's module lies, for a service on this machine: that
        of the file, else the current one. ``code``: a folder whose code is brought along instead, for any service.

        Raises:
            InputError: the study is wrong, with every place; nothing was submitted.
            NotAllowed: the team's quota does not allow it.
        """
        text, filename, place = _read(study)
        place = Path(folder).absolute() if folder is not None else place
        bundle = None
        if code is not None:
            brought = read_code(Path(code).absolute())
            self._client.bring(brought.digest, brought.data, team)
            bundle = brought.digest
        submission = Submission(
            text=text,
            filename=filename,
            folder=str(place) if self._client.local and bundle is None else None,
            bundle=bundle,
            resume=resume,
            user=user_name(),
            team=team,
        )
        submitted = self._client.submit(submission)
        return Study(self._client, submitted.id, warnings=tuple(submitted.warnings))

    def study(self, name: str) -> Study:
        """A study by its name (the newest of that name), its id or the start of its id. Raises InputError."""
        return Study(self._client, self._client.resolve(name))

    def studies(self, limit: int = 50) -> list[StudyRow]:
        """The newest first."""
        return self._client.studies(limit)

    def workers(self) -> list[WorkerView]:
        return self._client.workers()


def _read(study: StudySource) -> tuple[str, str, Path]:
    """The study's text, the name of its file, and the folder that its trainer lies in."""
    if isinstance(study, Mapping):
        stream = io.StringIO()
        yaml = YAML(typ="safe", pure=True)
        # The order of the parameters counts.
        yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
        try:
            yaml.dump(dict(study), stream)
        except YAMLError as error:
            raise InputError(
                Problem(
                    ("study",), f"it holds what no study file can: {error}", "Use plain values."
                )
            ) from None
        return stream.getvalue(), "study.yaml", Path.cwd()
    if isinstance(study, str) and "\n" in study:
        return study, "study.yaml", Path.cwd()
    path = Path(study)
    try:
        return path.read_text(encoding="utf-8"), path.name, path.absolute().parent
    except FileNotFoundError:
        raise InputError(Problem((str(path),), "there is no such file")) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(Problem((str(path),), f"it cannot be read: {error}")) from None
