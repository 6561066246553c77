"""A service in use: teams before hosts with GPUs, studies that train and wait, a champion with a history."""

from __future__ import annotations

from sqlalchemy import update

from caviar.adapters.sql.rows import CheckRow
from caviar.adapters.sql.tables import champions, checks
from caviar.contract.access import Quota
from caviar.contract.messages import ClaimRequest, Heartbeat, Hello, Ticket
from caviar.contract.queue import StudyEdit
from caviar.contract.views import Submission
from tests.support import wait_until
from tests.support.real_api import Serving

GPU_TOWN = (("a100-01", 4), ("a100-02", 4), ("h200-01", 4))
"""Hosts, each with four GPUs, and their slots."""
STUDIES = (
    ("vision", "resnet-augment", "gpu", 60),
    ("speech", "conformer-dropout", "gpu", 40),
    ("language", "lm-125m-schedule", "gpu", 30),
    ("vision", "vit-small", "gpu", 200),
    ("language", "tokenizer", "tpu", 12),
)
STUDY = """\
name: {name}
metric: {{name: val_loss, goal: minimize}}
trainer: {{function: "{team}:train"}}
space:
  learning_rate: {{type: float, low: 1.0e-5, high: 0.1, scale: log}}
  width: {{type: int, low: 32, high: 512}}
search: {{strategy: random, seed: 0}}
stop: none
budget: {{trials: {trials}}}
resources: {{class: {resources}}}
"""


def crowded(service: Serving) -> dict[str, str]:
    """The studies by their names."""
    teams, scheduler = service.access.teams, service.scheduler
    teams.add("vision", 2.0, Quota(slot_hours=400))
    teams.add("speech", 1.0, Quota())
    teams.add("language", 3.0, Quota(slot_hours=900))
    scheduler.teams_changed()
    made = {}
    for team, name, resources, trials in STUDIES:
        text = STUDY.format(name=name, team=team, resources=resources, trials=trials)
        made[name] = scheduler.submit(Submission(text=text), team).id
    for host, slots in GPU_TOWN:
        scheduler.hello(
            Hello(host=host, incarnation=host, slots=slots, gpus=4, resource_class="gpu")
        )
    free = [(host, slot, slots) for host, slots in GPU_TOWN for slot in range(slots)]
    for host, slot, slots in free:
        _train(service, frozenset(made.values()), host, slot, slots)
    scheduler.edit(made["vit-small"], StudyEdit(priority=3))
    warning = "the disk is 93% full: 41 GB are left of /scratch"
    scheduler.heartbeat(
        Heartbeat(host="h200-01", incarnation="h200-01", free=0, warnings=(warning,))
    )
    return made


def _train(service: Serving, studies: frozenset[str], host: str, slot: int, slots: int) -> None:
    def ticket() -> Ticket | None:
        return next((each for each in service.tickets if each.study in studies), None)

    def claimed() -> bool:
        found = ticket()
        if found is None:
            return False
        service.tickets.remove(found)
        claim = ClaimRequest(
            trial=found.trial,
            attempt=found.attempt,
            nonce="n" * 8,
            host=host,
            incarnation=host,
            slot=slot,
            gpus=tuple(f"GPU-{place}c1e4f7a-{host}" for place in range(4)),
            slots_per_gpu=max(1, slots // 4),
        )
        return service.scheduler.claim(claim).granted

    wait_until(claimed, why=f"a trial on slot {slot} of {host}")


def fresh_champion(service: Serving, study: str) -> None:
    """The study's best is champion; two checks found that it holds, a third that it moved, and one is proposed."""
    rechecks = service.store.rechecks
    best = service.store.best(study, True)
    assert best is not None
    assert best.value is not None
    value = best.value

    better = dict(best.params) | {"learning_rate": 0.02}

    def point(state: str, worth: float, trial: int, check: int | None) -> None:
        made = rechecks.propose(
            study,
            best.params if check is None else better,
            study,
            trial,
            run_id=None,
            value=worth,
            low=worth - 0.004,
            high=worth + 0.004,
            runs=3,
            data_version="2026-10-28" if check is None else "2026-11-18",
            code_version=None,
            why="the best of its study" if check is None else "tuned again after check 3",
            by="caviar",
            check_number=check,
            state=state,  # type: ignore[arg-type]
        )
        assert made is not None

    if rechecks.champion(study) is None:
        point("champion", value, best.number, None)
    for data, worth, word in (
        ("2026-11-04", value - 0.002, "holds"),
        ("2026-11-11", value - 0.004, "holds"),
        ("2026-11-18", value - 0.031, "moved"),
    ):
        asked = rechecks.ask(
            study, "data", why=f"The data changed: {data}.", data_version=data, again=True
        )
        assert asked is not None
        check: CheckRow = asked[0]
        moved = word == "moved"
        drift = {
            "parameter": "learning_rate",
            "scale": "log",
            "before": best.params["learning_rate"],
            "after": 0.02,
            "distance": 1.4,
        }
        verdict = {
            "word": word,
            "effect": 0.024 if moved else -0.003,
            "low": 0.015 if moved else -0.009,
            "high": 0.033 if moved else 0.003,
            "challenger": better,
            "drifts": [drift] if moved else [],
            "champion": worth,
            "trainings": 8 if moved else 6,
        }
        rechecks.end(study, check.number, verdict, None)
    _long_ago(service, study)
    point("proposed", value - 0.006, best.number + 1, 3)


def _long_ago(service: Serving, study: str) -> None:
    """The champion is four weeks old, and was checked each week."""
    week_s = 7 * 86_400.0
    with service.store.engine.begin() as connection:
        mine = update(champions).where(champions.c.study_id == study)
        ago = 4 * week_s
        connection.execute(
            mine.values(created=champions.c.created - ago, decided=champions.c.decided - ago)
        )
        ago = (4 - checks.c.number) * week_s
        connection.execute(
            update(checks)
            .where(checks.c.study_id == study)
            .values(asked=checks.c.asked - ago, ended=checks.c.ended - ago)
        )
