"""MLflow's routes that may be reached through the gateway, by whom. What is not on the list is an operator's alone.

Judged is the address as it came, undecoded: it is what MLflow gets. Whatever could be read in two ways (dots, doubled
slashes, backslashes, parameters, what is encoded twice) is refused to everybody.

Of a request that is on the list, MLflow's own ``basic-auth`` app decides whose experiment it is, and filters what it
answers. Left out are routes that it does not cover by a team's experiments, those that make or take away experiments
(another team's name could be taken) and those that delete runs: they are the record of what was tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal
from urllib.parse import unquote_to_bytes

from caviar.contract.gateway import MLFLOW

Reach = Literal["reader", "writer", "worker"]
"""``writer`` reaches what ``reader`` does, ``worker`` what ``writer`` does."""

_ID = r"[A-Za-z0-9_-]+"
_PATH = r"[^?]+"
"""Of an artifact. ``is_plain`` has looked at it."""

_READS: Final = (
    "GET /",
    r"GET /static-files/[A-Za-z0-9._/@+-]+",
    "GET /version",
    "GET /health",
    "GET /get-artifact",
    "POST /graphql",
    "GET /2.0/mlflow/experiments/(get|get-by-name|search)",
    "POST /2.0/mlflow/experiments/search",
    "POST /2.0/mlflow/experiments/search-datasets",
    "GET /2.0/mlflow/runs/get",
    "POST /2.0/mlflow/runs/search",
    "GET /2.0/mlflow/metrics/(get-history|get-history-bulk|get-history-bulk-interval)",
    "GET /2.0/mlflow/artifacts/list",
    "GET /2.0/mlflow-artifacts/artifacts",
    f"GET /2.0/mlflow-artifacts/artifacts/{_PATH}",
    "POST /2.0/mlflow/logged-models/search",
    f"GET /2.0/mlflow/logged-models/{_ID}",
    f"GET /2.0/mlflow/logged-models/{_ID}/artifacts/(directories|files)",
    "GET /2.0/mlflow/(registered-models|model-versions)/search",
    "GET /2.0/mlflow/users/current",
    "GET /3.0/mlflow/users/current/permissions",
    "GET /3.0/mlflow/server-info",
    "POST /3.0/mlflow/traces/search",
)
_WRITES: Final = (
    "POST /2.0/mlflow/runs/(create|update|log-batch|log-metric|log-parameter|set-tag|delete-tag)",
    "POST /2.0/mlflow/runs/(log-inputs|log-model|outputs)",
    "POST /2.0/mlflow/experiments/(set-experiment-tag|delete-experiment-tag)",
    f"PUT /2.0/mlflow-artifacts/artifacts/{_PATH}",
    "POST /2.0/mlflow/upload-artifact",
    "POST /2.0/mlflow/logged-models",
    f"PATCH /2.0/mlflow/logged-models/{_ID}(?:/tags)?",  # MLflow's door holds the body against the address
    f"POST /2.0/mlflow/logged-models/{_ID}/params",
)
_WORKERS: Final = (
    "POST /2.0/mlflow/runs/delete",  # the one of two that two hosts made for a trial
    f"DELETE /2.0/mlflow-artifacts/artifacts/{_PATH}",  # old checkpoints
)
_MOST: Final = 8192


def _compiled(routes: Iterable[str]) -> re.Pattern[str]:
    """``/2.0/...`` stands for ``/api/2.0/...`` and for ``/ajax-api/2.0/...``, where the UI asks."""
    return re.compile("|".join(re.sub(r" /(?=\d)", " /(?:ajax-)?api/", each) for each in routes))


_ALLOWED: Final[dict[Reach, re.Pattern[str]]] = {
    "reader": _compiled(_READS),
    "writer": _compiled((*_READS, *_WRITES)),
    "worker": _compiled((*_READS, *_WRITES, *_WORKERS)),
}
_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_RAW = re.compile(r"[A-Za-z0-9._~!$&'()*+,=:@/%-]+")
"""What a path may be made of before it is decoded: RFC 3986, without the ``;`` of parameters."""


def path_of(uri: str) -> str | None:
    """The path of an address at the gateway below MLflow's prefix, still encoded; None where it is none of MLflow's
    or could be read in two ways."""
    path = uri.partition("?")[0]
    if len(uri) > _MOST or not path.startswith(f"{MLFLOW}/") or not is_plain(path):
        return None
    return path[len(MLFLOW) :]


def is_plain(path: str) -> bool:
    """Whether every server reads the path as the same one."""
    if not _RAW.fullmatch(path) or "%" in _ESCAPE.sub("", path):
        return False
    try:
        decoded = unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return False
    if _ESCAPE.search(decoded) or any(c in "\\;?#" or c < " " or c == "\x7f" for c in decoded):
        return False
    if decoded.count("/") != path.count("/"):  # an encoded one
        return False
    inner = decoded.strip("/").split("/")
    return "//" not in decoded and not {".", ".."} & set(inner)


def may_reach(reach: Reach, method: str, path: str) -> bool:
    """``path`` as ``path_of`` gives it."""
    return _ALLOWED[reach].fullmatch(f"{method} {path}") is not None


def is_method(method: str) -> bool:
    return method in _METHODS
