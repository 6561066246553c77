"""A real worker host on a real Redis: the agent, Celery, the fork server; the scheduler's side over HTTP."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from caviar.contract.messages import Trainer
from caviar_worker.client import check_trainer
from tests.support import wait_until
from tests.support.desk import Desk
from tests.support.host import Host
from tests.support.servers import RedisServer
from tests.support.user_code import trainer

pytestmark = pytest.mark.real


def test_trials_end_as_they_should(host: Host, code: Path, desk: Desk) -> None:
    """One trial of each kind; a failing trial takes nothing but itself down."""
    host.start()
    for name in ("quick", "broken", "nan", "segfault", "look"):
        host.train(name, trainer(code, name))

    done = host.finish_of("quick")
    assert (done.outcome, done.value, done.metrics, done.steps) == ("done", 0.95, {"test": 0.9}, 10)

    broken = host.finish_of("broken")
    assert broken.outcome == "failed"
    assert broken.error.endswith("RuntimeError: it broke")
    assert "users_trainer.py" in broken.error
    assert "about to break" in broken.output

    assert host.finish_of("nan").outcome == "failed"
    assert "nan" in host.finish_of("nan").error

    segfault = host.finish_of("segfault")
    assert (segfault.outcome, segfault.value) == ("crashed", None)
    assert "SIGSEGV" in segfault.error

    seen = host.finish_of("look").output
    assert "SESSION True" in seen
    assert f"CWD {code}" in seen
    names = next(line for line in seen.splitlines() if line.startswith("ENV "))
    leaked = {n for n in names.split() if n.startswith(("CAVIAR_", "MLFLOW"))}
    assert leaked == {"CAVIAR_TRIAL_FOLDER"}

    assert host.stop() == 0
    host.wait_until_gone()


def test_the_same_seed_gives_the_same_chance(host: Host, code: Path) -> None:
    """random is seeded with the trial's seed: a repetition of the trial is a repetition."""
    host.start()
    host.train("first", trainer(code, "chance"))
    host.train("second", trainer(code, "chance"))
    assert host.finish_of("first").value == host.finish_of("second").value


def test_a_changed_source_is_what_the_next_trial_runs(host: Host, code: Path) -> None:
    """The warm process is made anew when a file that it imported has changed."""
    host.start()
    host.train("before", trainer(code, "chance"))
    before = host.finish_of("before")
    source = code / "users_trainer.py"
    source.write_text(source.read_text().replace("return random.random()", "return 42.0"))
    host.train("after", trainer(code, "chance"))
    assert host.finish_of("after").value == 42.0
    assert before.value != 42.0


def test_a_trainer_is_checked_before_anything_runs(host: Host, code: Path) -> None:
    """Whoever submits a study learns what is wrong with the import, in lines that can be read."""
    host.start()
    socket = host.settings.forkserver_socket

    def check(function: str) -> str | None:
        trainer = Trainer(function=function, folder=str(code))
        return check_trainer(socket, trainer.model_dump(mode="json"), 60)

    assert check("users_trainer:quick") is None
    assert "no attribute 'quik'" in str(check("users_trainer:quik"))
    wrong = str(check("wrong_import:train"))
    assert wrong.endswith("ModuleNotFoundError: No module named 'a_module_that_is_missing'")
    assert "wrong_import.py" in wrong
    assert "importlib" not in wrong


def test_an_import_that_initialises_cuda_is_refused(host: Host, code: Path) -> None:
    """CUDA does not survive the fork that starts a trial; torch that is only imported does no harm."""
    torch = "from types import SimpleNamespace\ncuda = SimpleNamespace(is_initialized=lambda: up)\nup = False\n"
    (code / "torch.py").write_text(torch)
    (code / "calm.py").write_text("import torch\ndef train(trial): return 1.0\n")
    (code / "eager.py").write_text("import torch\ntorch.up = True\ndef train(trial): return 1.0\n")
    host.start()
    host.train("calm", Trainer(function="calm:train", folder=str(code)))
    host.train("eager", Trainer(function="eager:train", folder=str(code)))
    assert host.finish_of("calm").outcome == "done"
    eager = host.finish_of("eager")
    assert eager.outcome == "failed"
    assert "Importing eager:train initialised CUDA" in eager.error
    assert "Move CUDA calls into the function" in eager.error


def test_tickets_that_are_none_are_dropped(host: Host, code: Path, desk: Desk) -> None:
    """Whatever somebody puts on the queue: the worker goes on, and only a claim starts a trial."""
    host.start()
    good = desk.add("good", trainer(code, "quick"))
    host.send(None, 3, "x", [], {"trial": "../../etc"}, {**good, "v": 2}, {**good, "extra": 1})
    host.send({**good, "trial": "never-dispatched"}, good, good)
    assert host.finish_of("good").outcome == "done"
    assert set(desk.finished) == {("good", 1)}
    assert desk.duplicates == 0


def test_only_what_the_operator_allows_is_run(host: Host, code: Path) -> None:
    """A worker with its defaults runs no code that a study brings along, and says how to allow it."""
    host.settings = replace(host.settings, allow_folders=False, allow_commands=False)
    host.start()
    host.train("folder", trainer(code, "quick"))
    host.train("command", Trainer(command=("true",)))
    assert "CAVIAR_WORKER_ALLOW_FOLDERS=1" in host.finish_of("folder").error
    assert "CAVIAR_WORKER_ALLOW_COMMANDS=1" in host.finish_of("command").error


def test_heartbeats_tell_what_is_held(host: Host, code: Path, desk: Desk) -> None:
    """One call for all that the host holds, with the last step and value; stop is acted on."""
    host.start()
    host.train("polite", trainer(code, "polite"))

    def reported() -> bool:
        held = [h for b in desk.beats[-3:] for h in b.held]
        return any((h.trial, h.step, h.value) == ("polite", 0, 0.5) for h in held)

    wait_until(reported, why="a heartbeat holds the trial with its progress")
    assert desk.beats[-1].free == 1
    desk.to_stop.append(("polite", 1))
    finish = host.finish_of("polite")
    assert (finish.outcome, finish.value) == ("stopped", 0.6)


def test_a_scheduler_that_restarted_is_greeted_again(host: Host, desk: Desk) -> None:
    """A scheduler that does not know the worker any more gets another Hello of the same incarnation."""
    host.start()
    wait_until(lambda: desk.hellos, why="the first hello")
    desk.known = False
    wait_until(lambda: len(desk.hellos) == 2, why="the second hello")
    first, second = desk.hellos
    assert first == second
    assert (first.host, first.slots, first.resource_class) == ("host-1", 2, "cpu")


def test_a_report_waits_for_a_scheduler_that_is_away(host: Host, code: Path, desk: Desk) -> None:
    """A trial that ends while the scheduler is down is reported when it is back, once."""
    host.start()
    host.train("polite", trainer(code, "polite"))
    folder = host.attempt_folder("polite")
    wait_until((folder / "spool.jsonl").exists, why="it trains")
    wait_until(lambda: desk.hellos, why="the host is known")
    desk.away = True
    (folder / "stop").write_text('{"reason": "stop"}')
    wait_until((folder / "finish.json").exists, why="it ended")
    assert not desk.finished
    desk.away = False
    assert host.finish_of("polite").outcome == "stopped"


def test_a_restarted_host_delivers_what_it_owes(host: Host, code: Path, desk: Desk) -> None:
    """A report that the host could not deliver before it was killed is delivered by the next one."""
    host.start()
    host.train("polite", trainer(code, "polite"))
    folder = host.attempt_folder("polite")
    wait_until((folder / "spool.jsonl").exists, why="it trains")
    wait_until(lambda: desk.hellos, why="the host is known")
    desk.away = True
    (folder / "stop").write_text('{"reason": "stop"}')
    wait_until((folder / "finish.json").exists, why="it ended")
    host.stop(signal.SIGKILL)
    host.wait_until_gone()
    desk.away = False
    host.start()
    assert host.finish_of("polite").outcome == "stopped"
    wait_until(lambda: len({hello.incarnation for hello in desk.hellos}) == 2, why="it says hello")


@pytest.mark.parametrize("name", ["polite", "deaf", "family"])
def test_a_shutdown_gives_running_trials_back(host: Host, code: Path, name: str) -> None:
    """SIGTERM: trials are asked to stop, then ended, reported as released, and nothing is left."""
    host.start()
    host.train(name, trainer(code, name))
    wait_until((host.attempt_folder(name) / "spool.jsonl").exists, why="it trains")
    assert host.stop() == 0
    assert host.finish_of(name, deadline=1).outcome == "released"
    host.wait_until_gone()


def test_a_second_signal_ends_at_once(host: Host, code: Path, desk: Desk) -> None:
    """Who presses Ctrl-C twice does not wait for a trial that does not listen."""
    host.start()
    host.train("deaf", trainer(code, "deaf"))
    wait_until((host.attempt_folder("deaf") / "spool.jsonl").exists, why="it trains")
    assert host.process is not None
    host.process.send_signal(signal.SIGINT)
    wait_until(host.settings.closing_file.exists, why="the first signal is heard")
    host.stop(signal.SIGINT)
    host.wait_until_gone()


def test_one_agent_a_folder(host: Host, desk: Desk) -> None:
    """Two agents on one folder would deliver each other's reports: the second one does not start."""
    host.start()
    wait_until(lambda: desk.hellos, why="the first agent is up")
    first = host.process
    assert first is not None
    host.start()
    assert host.process is not None
    assert host.process.wait(60) != 0
    assert "Another worker uses" in host.log.read_text()
    host.process = first


def test_a_broker_that_goes_away_and_comes_back_empty(
    host: Host, code: Path, redis_server: RedisServer
) -> None:
    """Redis is disposable: the worker waits for it, and takes what is queued afterwards."""
    host.start()
    host.train("before", trainer(code, "quick"))
    host.finish_of("before")
    redis_server.kill()
    redis_server.start()
    host.train("after", trainer(code, "quick"))
    assert host.finish_of("after").outcome == "done"


def test_a_claim_is_written_down_before_anything_runs(host: Host, code: Path) -> None:
    """What a host holds can be read from its folder, by whoever comes after a crash."""
    host.start()
    host.train("polite", trainer(code, "polite"), params={"x": 0.25, "kind": "a", "deep": True})
    folder = host.attempt_folder("polite")
    wait_until((folder / "spool.jsonl").exists, why="it trains")
    claim = json.loads((folder / "claim.json").read_text())
    assert claim["assignment"]["params"] == {"x": 0.25, "kind": "a", "deep": True}
    assert folder.stat().st_mode & 0o077 == 0
