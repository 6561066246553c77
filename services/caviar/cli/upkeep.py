"""Commands that look after the books: `rebuild` and `doctor`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import httpx2
from rich.status import Status

from caviar.cli.reading import console, print_json
from caviar.cli.views.parts import clean
from caviar.cli.views.upkeep import findings_view, rebuilt_view
from caviar.client.connection import Client, find_service
from caviar.client.home import default_home
from caviar.contract.upkeep import Rebuilt
from caviar.errors import NotAllowed

ANSWERS_S = 2.0


def see_doctor(mend: bool, as_json: bool) -> int:
    with (
        console(stderr=True).status("The doctor reads the store and MLflow"),
        Client(find_service()) as client,
    ):
        findings = client.doctor(mend)
    if as_json:
        print_json(findings)
    else:
        console().print(findings_view(findings))
    return 1 if any(not (each.mended or each.note) for each in findings) else 0


def rebuild_store(home: Path | None, mlflow: str | None, missing: bool, as_json: bool) -> int:
    from caviar import bootstrap, settings

    screen = console(stderr=True)
    with screen.status("Looking for studies in MLflow") as status:
        if home is None and {"CAVIAR_DATABASE_URL", "CAVIAR_DATABASE_URL_FILE"} & os.environ.keys():
            configured = settings.from_environment()
            _refuse_running(configured.bind, configured.port)
            uri = mlflow or configured.mlflow_uri
            bootstrap.be_the_service(configured)
            found = bootstrap.rebuild_store(
                configured.database_url, uri, missing=missing, tell=_teller(status)
            )
        else:
            from caviar.embedded.record import stopped

            folder = (default_home() if home is None else home).absolute()
            with stopped(folder, mlflow, screen.print) as service:
                found = bootstrap.rebuild_store(
                    service.database_url, service.mlflow_uri, missing=missing, tell=_teller(status)
                )
    if as_json:
        print_json(found)
    else:
        console().print(rebuilt_view(found))
    return _code(found)


def _teller(status: Status) -> Callable[[str], None]:
    return lambda line: status.update(clean(line))


def _code(found: Rebuilt) -> int:
    """1 where a whole study that MLflow has could not be taken back."""
    return 1 if found.passed_over else 0


def _refuse_running(host: str, port: int) -> None:
    """A scheduler keeps the studies in memory: it would not see what is written behind its back."""
    url = f"http://{host}:{port}"
    try:
        httpx2.get(f"{url}/api/v1/health", timeout=ANSWERS_S)
    except httpx2.HTTPError:
        return
    raise NotAllowed(f"A service answers at {url}. Stop it first.")
