"""The folder of a worker host: what survives any of its processes.

<root>/agent.lock                          one agent a folder
<root>/trials/<trial>.<attempt>/           one attempt
    claim.json                             the assignment, the claim's nonce, who runs it
    group.json                             the process group of the trial
    spool.jsonl                            what the trial reported, then how it ended
    stop                                   the trial is asked to end; holds the reason
    early.json                             a stopping rule ends it: the trial's own word, empty before
    result.json  output.log  scratch/      what the child process left
    finish.json -> delivered.json          the report to the scheduler: due, then taken
    run_id                                 the MLflow run, where the shipper has made it
    metric.request -> metric.json          a command's metric, asked of the shipper
    fetch.request -> fetch.json            a checkpoint of another host, asked of the copies' process
    orders.json -> live.jsonl              changes that are asked of the training, and what came of them
                -> forks.json              checkpoints that are asked for others to begin with, likewise
<root>/rungs/<study>.json                  its stopping rule, and what other hosts have reached
<root>/rungs/<trial>.<attempt>.jsonl       what the attempt has reached; gone once its report is delivered
<root>/runs/<trial>.json                   what of the trial is in MLflow already
<root>/checkpoints/<trial>/<attempt>/<step>/
<root>/copies/<trial>.json                 the newest checkpoint that was copied off the host
<root>/forks/<key>/<step>/                  checkpoints that are laid aside for another trial to begin with
<root>/over/<trial>.json                   the trial is over: its last checkpoint is to be kept, or copies removed
<root>/bundles/<digest>/                   the code that studies brought along, as it was unpacked
<root>/home                                the home of the user that trials run as, where they have one
<root>/ballast                             dropped when the disk is full
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from caviar_worker.files import read_json, write_json
from caviar_worker.live import ORDERS, TOLD

StopReason = Literal["stop", "release", "early"]
"""``stop``: the scheduler ends the attempt. ``release``: the host gives it back, because it shuts down or another study
goes first. ``early``: a stopping rule ends the trial."""

_NAME = re.compile(r"^(?P<trial>[a-z0-9][a-z0-9-]{0,63})\.(?P<attempt>[1-9][0-9]{0,8})$")


@dataclass(frozen=True, slots=True)
class AttemptFolder:
    """The folder of one attempt. Only names and whole files; who may write what stands above."""

    root: Path
    trial: str
    attempt: int

    @property
    def path(self) -> Path:
        return self.root / "trials" / f"{self.trial}.{self.attempt}"

    @property
    def claim(self) -> Path:
        return self.path / "claim.json"

    @property
    def group(self) -> Path:
        return self.path / "group.json"

    @property
    def spool(self) -> Path:
        return self.path / "spool.jsonl"

    @property
    def result(self) -> Path:
        return self.path / "result.json"

    @property
    def output(self) -> Path:
        return self.path / "output.log"

    @property
    def finish(self) -> Path:
        return self.path / "finish.json"

    @property
    def delivered(self) -> Path:
        return self.path / "delivered.json"

    @property
    def run_id(self) -> Path:
        return self.path / "run_id"

    @property
    def metric_request(self) -> Path:
        return self.path / "metric.request"

    @property
    def metric_answer(self) -> Path:
        return self.path / "metric.json"

    @property
    def fetch_request(self) -> Path:
        return self.path / "fetch.request"

    @property
    def fetch_found(self) -> Path:
        return self.path / "fetch.found"

    @property
    def fetch_answer(self) -> Path:
        return self.path / "fetch.json"

    @property
    def checkpoints(self) -> Path:
        return checkpoints_of(self.root, self.trial)

    def read_claim(self) -> dict[str, Any] | None:
        """The claim; None while the folder is being made."""
        return read_json(self.claim)

    @property
    def early(self) -> Path:
        return self.path / "early.json"

    @property
    def orders(self) -> Path:
        return self.path / ORDERS

    @property
    def live(self) -> Path:
        """What the training reads as it goes, and what came of orders: its own word, empty before."""
        return self.path / TOLD

    @property
    def forks(self) -> Path:
        """What came of the orders for checkpoints."""
        return self.path / "forks.json"

    @property
    def curve(self) -> Path:
        """What the attempt has reached where trials are compared."""
        return curve_folder(self.root) / f"{self.path.name}.jsonl"

    def laid_aside(self) -> dict[int, dict[str, Any]]:
        """What came of the orders for checkpoints, by their numbers: the step, or why it was refused."""
        found = read_json(self.forks) or {}
        return {int(number): about for number, about in found.items()}

    def note_laid_aside(self, number: int, about: dict[str, Any]) -> None:
        """Raises OSError on a full disk: it is asked, and done, again."""
        # The training reads it too: whether it goes on after all.
        write_json(self.forks, {**self.laid_aside(), number: about}, mode=0o644)

    def ask_to_stop(self, reason: Literal["stop", "release"], why: str = "") -> None:
        """Put the stop file there; the first reason stays."""
        if self.stop_reason() is None:
            try:
                write_json(self.path / "stop", {"reason": reason} | ({"note": why} if why else {}))
            except OSError:
                if reason != "stop":
                    raise
                with suppress(FileNotFoundError):  # it is over, and its folder went this moment
                    (self.path / "stop").touch()  # an empty file says the same and needs no room

    def stop_early(self, note: str) -> None:
        """A stopping rule ends the attempt, for the reason in ``note``; called in the trial's own process."""
        if self.stop_reason() is None:
            self.early.write_text(json.dumps({"note": note}), encoding="utf-8")

    def stop_reason(self) -> StopReason | None:
        """Why the attempt is asked to end; None where it isn't."""
        if (self.path / "stop").exists():
            reason = (read_json(self.path / "stop") or {}).get("reason")
            return "release" if reason == "release" else "stop"
        return None if read_json(self.early) is None else "early"

    def stop_note(self) -> str:
        """What stopping early said of itself, or who asked it to end."""
        early = self.stop_reason() == "early"
        about = read_json(self.early if early else self.path / "stop")
        return str((about or {}).get("note", ""))[:500]

    def mark_delivered(self, verdict: str) -> None:
        """The scheduler has answered (or will never be asked): the attempt is no longer held."""
        write_json(self.delivered, {"verdict": verdict})
        self.finish.unlink(missing_ok=True)
        self.curve.unlink(missing_ok=True)

    def verdict(self) -> str | None:
        value = (read_json(self.delivered) or {}).get("verdict")
        return value if isinstance(value, str) else None


def attempts(root: Path) -> Iterator[AttemptFolder]:
    """Every attempt on this host that was claimed, in the order of trial and attempt."""
    found = []
    try:
        entries = list((root / "trials").iterdir())
    except FileNotFoundError:
        return
    for entry in entries:
        match = _NAME.match(entry.name)
        if match:
            found.append((match["trial"], int(match["attempt"])))
    for trial, attempt in sorted(found):
        folder = AttemptFolder(root, trial, attempt)
        if folder.claim.exists():
            yield folder


def held(root: Path) -> Iterator[AttemptFolder]:
    """The attempts that this host still owes the scheduler an answer for."""
    for folder in attempts(root):
        if not folder.delivered.exists():
            yield folder


def unclaimed(root: Path) -> list[Path]:
    """Folders of attempts whose slot died before it wrote the claim down: nobody will ever come for them."""
    found = [path for path in (root / "trials").glob("*") if _NAME.match(path.name)]
    return [path for path in found if not (path / "claim.json").exists()]


def trials_with_checkpoints(root: Path) -> list[str]:
    named = (path.name for path in (root / "checkpoints").glob("*"))
    return sorted(name for name in named if _NAME.match(f"{name}.1"))


def trials_kept(root: Path) -> set[str]:
    """Trials of which this host keeps checkpoints, or what it shipped."""
    states = (path.stem for path in (root / "runs").glob("*.json"))
    return {*trials_with_checkpoints(root), *(name for name in states if _NAME.match(f"{name}.1"))}


def checkpoints_of(root: Path, trial: str) -> Path:
    return root / "checkpoints" / trial


def copies_of(root: Path, trial: str) -> Path:
    """There where checkpoints of the trial were copied off the host."""
    return root / "copies" / f"{trial}.json"


def over_of(root: Path, trial: str) -> Path:
    """There where the trial is over and something is left to do for its checkpoints."""
    return root / "over" / f"{trial}.json"


def curve_folder(root: Path) -> Path:
    """There trials write down what they have reached, and read what the others have."""
    return root / "rungs"


def home_of(root: Path) -> Path:
    return root / "home"


def forks_of(root: Path) -> Path:
    return root / "forks"


def bundles_of(root: Path) -> Path:
    return root / "bundles"


def rule_of(root: Path, study: str) -> Path:
    """The study's stopping rule, with what other hosts have reached."""
    return root / "rungs" / f"{study}.json"


def state_of(root: Path, trial: str) -> Path:
    """What of the trial is in MLflow already, whatever the attempt."""
    return root / "runs" / f"{trial}.json"
