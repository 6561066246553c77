"""How slots are shared between teams: the real scheduler and store, simulated workers, a virtual clock.

    python benchmarks/engine/fairness.py [--seed 0] [--slots 12] [--picture docs/pictures/fair-share.svg]

What is made up and what is real is as in ``simulation.py``. Slot-time is read from the store's attempts. Prints

- two teams of weight 2:1 with 500 trials each, of typical lengths by which both give out all of them at about the same
  time, and of lengths that differ threefold, one way and the other: each team's slot-time beside its weight, until the
  first has no more to give;
- a third team that comes in the middle: when it gets its first slot, beside the mean length of the trials that run
  then, and the shares of all three from there on;
- hostile priorities: a team of 20 studies of priority 9 beside one of a single study of priority 0, and six teams on
  four slots: shares, and the longest that any team held no slot while it had trials to give;
- the first of these loads without teams, by which every study has an equal share: what the loud one gets then;
- a team that comes back after a night: under this rule, and under decayed use alone, how long the other holds less than
  half of its due.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from simulation import EPOCH, STUDY, Demand, Simulation
from sqlalchemy import select

from caviar.adapters.sql import TeamRow
from caviar.adapters.sql.tables import attempts, studies, trials
from caviar.contract.access import Quota
from caviar.contract.views import Submission
from caviar.scheduler.sharing import Sharing

FOREVER_S = 1e12
HOUR_S = 3600.0
Span = tuple[float, float]


class Teams(Simulation):
    """Workers that live for ever, and studies of teams. A team of no weight is not known: all are one then."""

    def __init__(
        self, folder: Path, slots: int, weights: Mapping[str, float], seed: int = 0
    ) -> None:
        rows = {
            name: TeamRow(name, weight, Quota(), EPOCH)
            for name, weight in {"default": 1.0, **weights}.items()
        }
        super().__init__(
            folder, workers=slots, studies=0, seed=seed, life_s=FOREVER_S, teams=lambda: rows
        )
        for worker in self.workers:
            del worker.slots[1:]
        self._lengths = np.random.default_rng(seed)

    @property
    def now(self) -> float:
        return self._now

    def _idle_turn(self) -> None:
        """Ends and claims wake the loop: leases, which never end here, need no quick turns."""
        self._woken()
        self._at(2.0, self._idle_turn)

    def _sample(self) -> None:
        """Over as soon as a study has no more to give: from then on its team takes no part."""
        super()._sample()
        self._over = any(demand.created >= demand.budget for demand in self.demands.values())

    def submit(self, team: str, trials: int, typical_s: float, priority: int = 0) -> str:
        index = len(self.demands)
        text = STUDY.format(index=index, strategy="random", trials=trials)
        text += f"priority: {priority}\n"
        study = self.scheduler.submit(Submission(text=text, resume=False), team).id
        self.demands[study] = Demand(trials, typical_s)
        return study

    def spans(self) -> dict[str, list[Span]]:
        """By study, from when to when each attempt held its slot; what runs is held until now."""
        query = (
            select(trials.c.study_id, attempts.c.started, attempts.c.ended)
            .select_from(attempts)
            .join(trials, trials.c.id == attempts.c.trial_id)
            .join(studies, studies.c.id == trials.c.study_id)
            .order_by(attempts.c.started)
        )
        found: dict[str, list[Span]] = {study: [] for study in self.demands}
        with self.store._reader.connect() as connection:
            for study, started, ended in connection.execute(query):
                end = self._now if ended is None else ended - EPOCH
                found[study].append((started - EPOCH, end))
        return found


def slot_time(spans: list[Span], begin: float, end: float) -> float:
    return sum(max(0.0, min(e, end) - max(b, begin)) for b, e in spans)


def shares(spans: Mapping[str, list[Span]], begin: float, end: float) -> dict[str, float]:
    got = {team: slot_time(each, begin, end) for team, each in spans.items()}
    return {team: each / sum(got.values()) for team, each in got.items()}


def longest_wait(spans: list[Span], begin: float, end: float) -> float:
    """The longest that no slot was held."""
    covered, longest = begin, 0.0
    for start, stop in sorted(spans):
        longest = max(longest, min(start, end) - covered)
        covered = max(covered, stop)
        if covered >= end:
            return longest
    return max(longest, end - covered)


def beside(found: Mapping[str, float], weights: Mapping[str, float]) -> str:
    due = {team: weights[team] / sum(weights[t] for t in found) for team in found}
    return ", ".join(
        f"{team} {found[team]:.1%} of {due[team]:.1%} ({found[team] / due[team] - 1:+.1%})"
        for team in found
    )


def by_team(here: Teams, studies_of: Mapping[str, list[str]]) -> dict[str, list[Span]]:
    spans = here.spans()
    return {team: [s for study in each for s in spans[study]] for team, each in studies_of.items()}


def given_out(spans: list[Span]) -> float:
    """When the last trial began: until then the team had trials to give."""
    return max(begin for begin, _ in spans)


def two_teams(slots: int, seed: int, typical: tuple[float, float]) -> None:
    weights = {"two": 2.0, "one": 1.0}
    with tempfile.TemporaryDirectory() as folder:
        here = Teams(Path(folder), slots, weights, seed)
        mine = {
            team: [here.submit(team, 500, each)]
            for team, each in zip(weights, typical, strict=True)
        }
        here.run(FOREVER_S)
        spans = by_team(here, mine)
    end = min(map(given_out, spans.values()))
    counts = {team: sum(begin < end for begin, _ in each) for team, each in spans.items()}
    print(
        f"2:1, trials of {typical[0]:g} and {typical[1]:g} s, {end / HOUR_S:.1f} h, "
        f"{counts['two']} and {counts['one']} trials: {beside(shares(spans, 0.0, end), weights)}"
    )


@dataclass
class Arrival:
    spans: dict[str, list[Span]]
    came: float


def third_team(slots: int, seed: int) -> Arrival:
    weights = {"two": 2.0, "one": 1.0, "new": 1.0}
    typical = {"two": 60.0, "one": 180.0, "new": 60.0}
    came = 2400.0
    with tempfile.TemporaryDirectory() as folder:
        here = Teams(Path(folder), slots, weights, seed)
        mine = {team: [here.submit(team, 500, typical[team])] for team in ("two", "one")}
        here._at(came, lambda: mine.update(new=[here.submit("new", 500, typical["new"])]))
        here.run(FOREVER_S)
        spans = by_team(here, mine)
    end = min(map(given_out, spans.values()))
    first = min(begin for begin, _ in spans["new"]) - came
    running = [e - b for each in spans.values() for b, e in each if b < came < e]
    mean, most = first / np.mean(running), first / max(running)
    waited = f"{mean:.2f} of the mean trial that ran then, {most:.2f} of the longest"
    print(f"a third team: first slot after {first:.0f} s, {waited}")
    print(
        f"  {(end - came) / HOUR_S:.1f} h from there: {beside(shares(spans, came, end), weights)}"
    )
    return Arrival(spans, came)


def hostile(slots: int, seed: int) -> None:
    for known in (True, False):
        weights = {"loud": 1.0, "calm": 1.0}
        with tempfile.TemporaryDirectory() as folder:
            here = Teams(Path(folder), slots, weights, seed)
            name = dict.fromkeys(weights, "default") if not known else {t: t for t in weights}
            mine = {"loud": [here.submit(name["loud"], 100, 60.0, 9 * known) for _ in range(20)]}
            mine["calm"] = [here.submit(name["calm"], 500, 60.0)]
            here.run(2400.0)
            spans = by_team(here, mine)
        end = 2400.0
        what = "20 studies of priority 9 beside one of 0" if known else "the same without teams"
        wait = longest_wait(spans["calm"], 0.0, end)
        print(
            f"{what}: {beside(shares(spans, 0.0, end), weights)}; calm held none for {wait:.0f} s at most"
        )


def crowded(seed: int) -> None:
    weights = {f"team-{weight}": float(weight) for weight in (1, 1.5, 2, 3, 4, 5)}
    with tempfile.TemporaryDirectory() as folder:
        here = Teams(Path(folder), 4, weights, seed)
        mine = {
            team: [here.submit(team, 2000, 60.0, 0 if team == "team-1" else 9)] for team in weights
        }
        end = 4 * HOUR_S
        here.run(end)
        spans = by_team(here, mine)
    lengths = [e - b for each in spans.values() for b, e in each]
    waits = {team: longest_wait(each, 0.0, end) for team, each in spans.items()}
    slowest = max(waits, key=lambda team: waits[team])
    print(f"six teams on four slots: {beside(shares(spans, 0.0, end), weights)}")
    print(
        f"  the longest wait of any team: {waits[slowest]:.0f} s ({slowest}), "
        f"{waits[slowest] / np.mean(lengths):.1f} mean trials, {waits[slowest] / max(lengths):.1f} of the longest"
    )


class DecayedUse(Sharing):
    """The peer: least decayed use by weight, as batch systems share by default."""

    def want(self, *_: object) -> None:
        """Who comes has what it has."""

    def next(
        self,
        resource_class: str,
        held: Mapping[str, int],
        _weights: Mapping[str, float],
        now: float,
    ) -> str:
        """Of teams of equal weight."""
        return min(held, key=lambda team: (self.used(resource_class, team, now), team))


def comes_back(slots: int, seed: int, away_s: float = 12 * HOUR_S) -> None:
    for rule in (Sharing, DecayedUse):
        sharing, rng = rule(), np.random.default_rng(seed)
        held = {"stays": 0, "comes": 0}
        ends: list[tuple[float, str]] = []
        now, low, peak = 0.0, 0.0, 0
        while now < away_s + 12 * HOUR_S:
            while len(ends) < slots:
                wanting = {team: held[team] for team in held if team == "stays" or now >= away_s}
                sharing.want("cpu", wanting, {}, now)
                team = sharing.next("cpu", wanting, {}, now)
                sharing.starts("cpu", team, now)
                held[team] += 1
                ends.append((now + 60.0 * float(rng.lognormal(0.0, 0.8)), team))
            ends.sort()
            later, team = ends.pop(0)
            if now >= away_s:
                low += (later - now) * (held["stays"] < slots / 4)
                peak = max(peak, held["comes"])
            now = later
            sharing.ends("cpu", team, now)
            held[team] -= 1
        print(
            f"back after {away_s / HOUR_S:g} h, by {rule.__name__}: at most {peak} of {slots} slots; "
            f"the other held less than half of its due for {low / 60:.0f} min"
        )


def draw(arrival: Arrival, slots: int, path: Path) -> None:
    from matplotlib import pyplot as plt

    end = max(e for each in arrival.spans.values() for _, e in each)
    step = 60.0
    edges = np.arange(0.0, end + step, step)
    names = {
        "two": "weight 2, short trials",
        "one": "weight 1, long trials",
        "new": "weight 1, came later",
    }
    rows = [
        [slot_time(arrival.spans[team], a, b) / step for a, b in itertools.pairwise(edges)]
        for team in names
    ]
    figure, axes = plt.subplots(figsize=(8.0, 3.4), layout="constrained")
    middles = (edges[:-1] + step / 2) / 60
    axes.stackplot(
        middles, rows, labels=list(names.values()), colors=["#34607f", "#8fb3c9", "#d98b4a"]
    )
    axes.axvline(arrival.came / 60, color="#333333", linewidth=0.8, linestyle=":")
    axes.set(xlabel="minutes", ylabel="slots held", xlim=(0, end / 60), ylim=(0, slots))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", frameon=True, fontsize=8)
    plt.rcParams["svg.hashsalt"] = "caviar"
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--slots", type=int, default=12)
    parser.add_argument("--picture", type=Path)
    chosen = parser.parse_args()
    for typical in ((60.0, 30.0), (60.0, 180.0), (180.0, 60.0)):
        two_teams(chosen.slots, chosen.seed, typical)
    arrival = third_team(chosen.slots, chosen.seed)
    hostile(chosen.slots, chosen.seed)
    crowded(chosen.seed)
    comes_back(chosen.slots, chosen.seed)
    if chosen.picture:
        draw(arrival, chosen.slots, chosen.picture)


if __name__ == "__main__":
    main()
