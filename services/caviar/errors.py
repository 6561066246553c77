"""The errors of Caviar, one root.

CaviarError
├── InputError        what a person gave is wrong: nothing was started, exit code 2
├── ServiceError      the service cannot be reached or answered with a failure, exit code 1
└── NotAllowed        a state forbids what was asked (a stopped study is not resumed), exit code 1
"""

from __future__ import annotations

from dataclasses import dataclass


class CaviarError(Exception):
    """The root. The command line prints the message and exits with 1."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in an input.

    ``path`` names the place as keys from the root, for instance ``("space", "learning_rate", "low")``.
    ``line`` is the 1-based line in the file where it is known.
    """

    path: tuple[str, ...]
    reason: str
    way_out: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = ".".join(self.path)
        line = f"line {self.line}, " if self.line else ""
        head = f"{line}{place}: " if place else line.replace(", ", ": ")
        tail = f" {self.way_out}" if self.way_out else ""
        return f"{head}{self.reason}{'' if self.reason.endswith(('.', '?')) else '.'}{tail}"


class InputError(CaviarError):
    """What a person gave is wrong. Nothing was started and nothing is half done; exit code 2."""

    def __init__(self, problems: list[Problem] | Problem | str) -> None:
        if isinstance(problems, str):
            problems = Problem((), problems)
        self.problems = [problems] if isinstance(problems, Problem) else list(problems)
        super().__init__("\n".join(map(str, self.problems)))


class ServiceError(CaviarError):
    """The service cannot be reached or failed. The caller may try again; nothing is lost by it."""


class NotAllowed(CaviarError):
    """The state of the thing forbids what was asked. Nothing was changed."""
