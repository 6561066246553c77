"""The same commands on a real terminal and in a real pipe."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest

from caviar.contract.views import MlflowView, StudyRow, StudyView
from tests.support.answering_service import Service
from tests.support.studies_made_up import digits_study, rounds, trial

PATIENCE_S = 120.0
COLUMNS, ROWS = 80, 24
ALONE, BACK = "\x1b[?1049h", "\x1b[?1049l"
"""A terminal's other screen, on and off."""
REASON = (
    "The best 6 of 16 trials lie in here, and this is said at such a length that no page is as wide. "
    * 3
)

RUNNING = digits_study(
    rounds=[*rounds()[:2], rounds()[2].model_copy(update={"reason": REASON.strip()})]
)
DONE = RUNNING.model_copy(
    update={"state": "done", "ended": 1061.0, "running": [], "mlflow": MlflowView(closed=True)}
)


def answer_with(service: Service, study: StudyView) -> None:
    dumped = study.model_dump(mode="json")
    row = StudyRow(**study.model_dump(exclude={"best"}), done=23, best=0.9).model_dump(mode="json")
    service.answers |= {
        "GET /studies": (200, [row]),
        f"GET /studies/{study.id}": (200, dumped),
        f"GET /studies/{study.id}/rounds": (200, dumped["rounds"]),
        f"GET /studies/{study.id}/trials": (200, [trial(0).model_dump(mode="json")]),
    }


def environment(service: Service, term: str) -> dict[str, str]:
    """That of a person's shell: what a test run was told of colours and sizes does not count."""
    told = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
    kept = {name: value for name, value in os.environ.items() if name not in told}
    return kept | {"CAVIAR_URL": service.url, "TERM": term, "PYTHONUTF8": "1"}


def piped(service: Service, *command: str, **more: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "caviar.cli", *command],
        capture_output=True,
        env=environment(service, "xterm-256color") | more,
        check=False,
        timeout=PATIENCE_S,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


@pytest.mark.parametrize("command", ["show", "rounds", "watch", "best", "studies"])
def test_a_pipe_gets_plain_lines(service: Service, command: str) -> None:
    """No colours, no control characters, nothing at the end of a line."""
    answer_with(service, DONE)
    text = piped(service, command, *(["digits-mlp"] if command != "studies" else []))
    assert text.strip()
    assert all(letter == "\n" or letter.isprintable() for letter in text)
    assert all(line == line.rstrip() for line in text.splitlines())


def test_a_pipe_gets_whole_lines(service: Service) -> None:
    """A round is one line however long its reason is: what grep finds is all of it."""
    answer_with(service, DONE)
    lines = piped(service, "rounds", "digits-mlp").splitlines()
    [found] = [line for line in lines if line.startswith("r2 ")]
    assert found.endswith(REASON.strip())


def test_a_pipe_is_drawn_as_wide_as_it_is_told(service: Service) -> None:
    """The pictures are those of a page of 100 columns, or of COLUMNS."""
    many = [each.model_copy(update={"round": i}) for i, each in enumerate(rounds() * 10)]
    answer_with(service, DONE.model_copy(update={"rounds": many}))

    def columns(**more: str) -> int:
        text = piped(service, "rounds", "digits-mlp", **more)
        return len(text.splitlines()[2].split())

    assert columns() == 6
    assert columns(COLUMNS="300") == 23


@dataclass
class Terminal:
    """A program on a terminal of 80 by 24, and all that it wrote."""

    process: subprocess.Popen[bytes]
    master: int
    written: str = ""

    def until(self, found: Callable[[str], bool]) -> str:
        """Read until ``found``, or until the program has gone."""
        deadline = time.monotonic() + PATIENCE_S
        while not found(self.written):
            assert time.monotonic() < deadline, self.written
            if not select.select([self.master], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(self.master, 65536)
            except OSError:  # Linux tells so that nobody holds the other end
                break
            if not data:
                break
            self.written += data.decode(errors="replace")
        return self.written

    def ended(self) -> int:
        self.until(lambda _: False)
        return self.process.wait(timeout=PATIENCE_S)


def _hears_interrupts() -> None:
    """A test run in the background ignores them, and what it starts would too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def terminal(service: Service, term: str, *command: str) -> Iterator[Terminal]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))

    process = subprocess.Popen(
        [sys.executable, "-m", "caviar.cli", *command],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment(service, term),
        start_new_session=True,
        preexec_fn=_hears_interrupts,  # noqa: PLW1509 - there is no other thread
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()
        os.close(master)


def frames(written: str) -> list[str]:
    """What was drawn over one another, without colours."""
    alone = written.partition(ALONE)[2].partition(BACK)[0]
    return [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", each) for each in alone.split("\x1b[H")]


def test_a_terminal_shows_one_picture_and_then_the_result(service: Service) -> None:
    """On a screen of its own, which it fills and never scrolls; the result stays on the usual one."""
    answer_with(service, RUNNING)
    with terminal(service, "xterm-256color", "watch", "digits-mlp") as shown:
        shown.until(lambda text: "trial 24" in text)
        answer_with(service, DONE)
        assert shown.ended() == 0
    drawn = frames(shown.written)
    assert any("23 of 60 trials done" in frame for frame in drawn)
    assert max(frame.count("\n") for frame in drawn) < ROWS
    assert max(len(line.rstrip("\r")) for frame in drawn for line in frame.split("\n")) <= COLUMNS
    after = shown.written.partition(BACK)[2]
    assert "What mattered" in after
    assert ALONE not in after


def test_interrupting_it_leaves_the_study_alone(service: Service) -> None:
    """Ctrl-C gives the screen back, says that the study goes on, and asks the service for nothing."""
    answer_with(service, RUNNING)
    with terminal(service, "xterm-256color", "watch", "digits-mlp") as shown:
        shown.until(lambda text: "trial 24" in text)
        shown.process.send_signal(signal.SIGINT)
        assert shown.ended() == 130
    after = shown.written.partition(BACK)[2]
    assert f"digits-mlp goes on. `caviar watch {RUNNING.id}` follows it" in after
    assert {method for method, *_ in service.requests} == {"GET"}


def test_a_terminal_without_a_cursor_gets_lines(service: Service) -> None:
    """TERM=dumb: an editor's, or a log's."""
    answer_with(service, RUNNING)
    with terminal(service, "dumb", "watch", "digits-mlp") as shown:
        shown.until(lambda text: "trial 0 r0 done" in text)
        answer_with(service, DONE)
        assert shown.ended() == 0
    assert "\x1b" not in shown.written
    assert "What mattered" in shown.written
