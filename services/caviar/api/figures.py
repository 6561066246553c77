"""What is true of the service at this moment, as figures for Prometheus: read when somebody asks, nothing is kept."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from caviar import __version__
from caviar.adapters.sql import Store
from caviar.api.health import Parts
from caviar.scheduler import Scheduler
from caviar.scheduler.outlook.snapshot import Snapshot

CLASSES: Final = 50
"""Resource classes with a label of their own; a study's file may name any."""
HOSTS: Final = 50
"""Hosts with a label of their own: those with the most that waits."""
OTHERS: Final = "others"
"""What is beyond is counted together under this name."""

Key = tuple[str, ...]
"""The values of labels."""
Family = GaugeMetricFamily | CounterMetricFamily | InfoMetricFamily


class Figures(Collector):
    """Teams, hosts and resource classes have labels; studies have none."""

    def __init__(self, scheduler: Scheduler, store: Store, parts: Parts) -> None:
        self._scheduler = scheduler
        self._store = store
        self._parts = parts
        self._served = {"cpu", "gpu"}
        """Classes that workers have served. They stay, with zeros: who scales on a figure needs one where nobody
        works and nothing waits."""

    def collect(self) -> Iterable[Family]:
        info = InfoMetricFamily("caviar", "The service.")
        info.add_metric([], {"version": __version__})
        yield info
        wrong = self._parts.wrong()
        family = GaugeMetricFamily("caviar_part_up", "Whether a part answers.", labels=["part"])
        for part, problem in wrong.items():
            family.add_metric([part], problem is None)
        yield family
        ticked = self._scheduler.ticked_s()
        if ticked is not None:
            yield _gauge("caviar_tick_age_seconds", "Since the scheduler's last turn.", ticked)
        look = self._scheduler.look()
        self._served |= {worker.resource_class for worker, *_ in self._scheduler.workers()}
        names = _labels(self._served, look.classes)
        yield from self._of_studies()
        yield from self._of_the_queue(look, names)
        yield from self._of_workers(names)
        if wrong["database"] is None:
            yield from self._of_runs()

    def _of_studies(self) -> Iterable[Family]:
        studies: Counter[Key] = Counter()
        trials: Counter[Key] = Counter()
        for record, counts in self._scheduler.census():
            studies[record.team, record.state] += 1
            for kind, count in counts.items():
                trials[kind,] += count
        yield _family("caviar_studies", "Studies that have not ended.", ["team", "state"], studies)
        yield _family("caviar_trials", "Their trials.", ["state"], trials)
        tally = self._scheduler.tally()
        about = {
            "caviar_attempts_lost": ("Attempts whose worker was lost.", tally.lost),
            "caviar_trials_quarantined": ("Trials that were given up.", tally.quarantined),
        }
        for name, (text, value) in about.items():
            yield CounterMetricFamily(name, text, value=value)

    def _of_the_queue(self, look: Snapshot, names: Mapping[str, str]) -> Iterable[Family]:
        running: Counter[Key] = Counter()
        waiting: Counter[Key] = Counter()
        wanted: Counter[Key] = Counter({(name,): 0 for name in names.values()})
        room = {name: team.room for name, team in look.teams.items()}
        for study in look.studies:
            key = study.record.team, names[study.resource_class]
            running[key] += len(study.running)
            could = 0
            if study.record.state == "running":
                could = study.left if study.ready else study.dispatched
            waits = int(min(could, room[study.record.team]))
            room[study.record.team] -= waits
            waiting[key] += waits
            wanted[key[1:]] += len(study.running) + waits
        both = ["team", "resource_class"]
        yield _family("caviar_trials_running", "Trials that train.", both, running)
        text = "Trials that would start if a slot were free."
        yield _family("caviar_trials_waiting", text, both, waiting)
        text = "Slots that would train if they were there."
        yield _family("caviar_slots_wanted", text, both[1:], wanted)
        unclaimed = len(self._scheduler.unclaimed())
        text = "Trials that nobody takes though a slot is free."
        yield _gauge("caviar_tickets_unclaimed", text, unclaimed)

    def _of_workers(self, names: Mapping[str, str]) -> Iterable[Family]:
        about = {
            "caviar_workers": "Workers that call.",
            "caviar_slots": "Their slots.",
            "caviar_slots_free": "Slots that train nothing.",
            "caviar_workers_warning": "Workers that warn of something of their own.",
            "caviar_workers_aside": "Workers that get no work: trials failed there that succeed elsewhere.",
        }
        counts: dict[str, Counter[Key]] = {
            name: Counter({(label,): 0 for label in names.values()}) for name in about
        }
        silent: dict[Key, float] = defaultdict(float)
        for worker, free, *_, seen_s in self._scheduler.workers():
            key = (names.get(worker.resource_class, OTHERS),)
            counts["caviar_workers"][key] += 1
            counts["caviar_slots"][key] += worker.slots
            counts["caviar_slots_free"][key] += free
            counts["caviar_workers_warning"][key] += bool(worker.warnings)
            counts["caviar_workers_aside"][key] += self._scheduler.aside(worker.host) is not None
            silent[key] = max(silent[key], seen_s)
        for name, text in about.items():
            yield _family(name, text, ["resource_class"], counts[name])
        text = "The longest that one of them has not called."
        yield _family("caviar_workers_silent_seconds", text, ["resource_class"], silent)
        text = "A worker that is silent for so long has lost its trials."
        yield _gauge("caviar_lease_seconds", text, self._scheduler.lease_s)

    def _of_runs(self) -> Iterable[Family]:
        waiting = self._store.waiting_runs()
        text = "Ended trials whose runs are not complete in MLflow."
        yield _gauge("caviar_runs_waiting", text, sum(runs.count for runs in waiting))
        oldest = min((runs.since for runs in waiting), default=None)
        waited = 0.0 if oldest is None else max(0.0, time.time() - oldest)
        yield _gauge("caviar_runs_waiting_seconds", "How long the first has waited.", waited)
        by_host: Counter[Key] = Counter()
        for runs in waiting:
            by_host[runs.host or "unknown",] += runs.count
        most = dict(by_host.most_common(HOSTS))
        if beyond := by_host.total() - sum(most.values()):
            most[OTHERS,] = most.get((OTHERS,), 0) + beyond
        text = "The same by the host that ships them."
        yield _family("caviar_host_runs_waiting", text, ["host"], most)


def _labels(served: Collection[str], wanted: Collection[str]) -> dict[str, str]:
    """Class -> its label: its name, or others. Those that workers serve come first."""
    known = [*sorted(served), *sorted(set(wanted) - set(served))]
    return {name: name if index < CLASSES else OTHERS for index, name in enumerate(known)}


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _family(
    name: str, text: str, labels: list[str], values: Mapping[Key, float]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(list(key), value)
    return family
