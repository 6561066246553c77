"""Secrets among the settings: read from files where one is named, and refused where they protect nothing.

``CAVIAR_TOKEN_FILE`` names a file with what ``CAVIAR_TOKEN`` would be. A variable can be seen by whoever may look at a
process or a container; a file has an owner and a mode. Services and workers read theirs alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from caviar.errors import InputError, Problem

SUFFIX = "_FILE"
MOST = 8 * 1024
"""Bytes of a secret's file: whoever names a larger one has the wrong file."""
SHORTEST = 16
"""Characters. A generated secret has 64; what a person invents should not be shorter than this."""
GENERATE = "Generate one: openssl rand -hex 32."
_PLACEHOLDERS = frozenset(
    {"changeme", "change-me", "change_me", "changeit", "secret", "password", "token", "placeholder"}
    | {"example", "default", "todo", "xxx", "caviar"}
)


def with_files(environ: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """``environ``, with each of ``names`` whose file is named read from there; no ``X_FILE`` of theirs is left in it.

    Raises:
        InputError: a file cannot be read, is empty or too large, has several lines, or the setting is given twice.
    """
    found, problems = dict(environ), []
    for name in names:
        where = found.pop(name + SUFFIX, "")
        if not where:
            continue
        if found.get(name):
            way_out = f"Leave one of {name} and {name}{SUFFIX} out."
            problems.append(Problem((name + SUFFIX,), f"{name} is set as well", way_out))
            continue
        try:
            found[name] = _read(Path(where))
        except ValueError as error:
            problems.append(Problem((name + SUFFIX,), str(error)))
    if problems:
        raise InputError(problems)
    return found


def files_of(environ: Mapping[str, str], names: Iterable[str]) -> list[Path]:
    """The files that ``with_files`` would read."""
    given = [environ.get(name + SUFFIX, "") for name in names]
    return [Path(where).absolute() for where in given if where]


def weakness(secret: str) -> str | None:
    """Why ``secret`` protects nothing, never with its text; None where it may do."""
    if secret.lower().strip("<>") in _PLACEHOLDERS:
        return "is a placeholder"
    if len(secret) < SHORTEST:
        return f"is shorter than {SHORTEST} characters"
    return None


def password_of(url: str) -> str | None:
    """The password inside of an address; None where it has none."""
    try:
        password = urlsplit(url).password
    except ValueError:
        return None
    return unquote(password) if password else None


def equal_secrets(secrets: Mapping[str, str | None]) -> list[Problem]:
    """A problem for each of ``secrets``, by the setting's name, that is the same as one before it."""
    seen: dict[str, str] = {}
    problems = []
    for name, secret in secrets.items():
        if not secret:
            continue
        if secret in seen:
            reason = f"is the same as {seen[secret]}: who knows the one has the other"
            problems.append(Problem((name,), reason, GENERATE))
        seen.setdefault(secret, name)
    return problems


def _read(path: Path) -> str:
    """The one line of the file. Raises ValueError that says what is wrong, never with what is in it."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST + 1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    if len(content) > MOST:
        raise ValueError(f"{path} is larger than {MOST} bytes")
    try:
        text = content.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None
    if not text:
        raise ValueError(f"{path} is empty")
    if len(text.splitlines()) > 1 or not text.isprintable():
        raise ValueError(f"{path} has more than one line, or control characters")
    return text
