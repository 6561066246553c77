"""Searches that may end a training early, and the same ones that may not, behind one interface."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import peers
from simulate import SPREAD
from tasks import Params
from trainings import Curve, Training

from caviar.contract import halving
from caviar.search import Asked, Searcher
from caviar.space import Space

REDUCTION = 3
"""Of a study that says nothing else."""


class Contender(Protocol):
    """``reached`` is told the loss after an epoch, and says whether the training goes on."""

    def ask(self) -> tuple[Any, Params]: ...

    def reached(self, token: Any, epoch: int, loss: float) -> bool: ...

    def ended(self, token: Any, losses: list[float], *, stopped: bool) -> None: ...


class Whole:
    """Trains every point to its end."""

    def __init__(self, peer: peers.Peer) -> None:
        self._peer = peer

    def ask(self) -> tuple[Any, Params]:
        return self._peer.ask()

    def reached(self, token: Any, epoch: int, loss: float) -> bool:  # noqa: ARG002
        return True

    def ended(self, token: Any, losses: list[float], *, stopped: bool) -> None:  # noqa: ARG002
        self._peer.tell(token, losses[-1])


class Stopping:
    """Caviar as a study has it by default: the rungs are known once a first training has gone to its end."""

    def __init__(self, space: Space, seed: int) -> None:
        self._searcher = Searcher(space, goal="minimize", seed=seed)
        self._rungs: tuple[int, ...] = ()
        self._curves: dict[int, list[tuple[int, float]]] = {}
        """By trial, at the marks."""

    def ask(self) -> tuple[Asked, Params]:
        asked = self._searcher.ask()
        self._curves[asked.number] = []
        return asked, asked.params

    def reached(self, token: Asked, epoch: int, loss: float) -> bool:
        mark = next(mark for mark in halving.marks(1, REDUCTION) if mark >= epoch)
        if mark != epoch:
            return True
        self._curves[token.number].append((epoch, loss))
        if epoch not in self._rungs:
            return True
        others = [
            value
            for number, curve in self._curves.items()
            if number != token.number and (value := halving.value_at(curve, epoch)) is not None
        ]
        return halving.goes_on(loss, others, REDUCTION, "minimize")

    def ended(self, token: Asked, losses: list[float], *, stopped: bool) -> None:
        curve = self._curves[token.number]
        if not curve or curve[-1][0] < len(losses):
            curve.append((len(losses), losses[-1]))
        if not stopped:
            self._rungs = halving.rungs(REDUCTION, 1, len(losses))
        self._searcher.tell(token, losses[-1], stopped=stopped, curve=curve)


class Halving:
    """Optuna's TPE with its successive halving; ``more`` are the pruner's settings beside its defaults."""

    def __init__(self, space: Space, seed: int, **more: int) -> None:
        import optuna

        self._pruned = optuna.trial.TrialState.PRUNED
        pruner = optuna.pruners.SuccessiveHalvingPruner(**more)
        self._peer = peers.Optuna(space, seed, "tpe", pruner)

    def ask(self) -> tuple[Any, Params]:
        return self._peer.ask()

    def reached(self, token: Any, epoch: int, loss: float) -> bool:
        token.report(loss, epoch)
        return not token.should_prune()

    def ended(self, token: Any, losses: list[float], *, stopped: bool) -> None:
        if stopped:
            token.study.tell(token, state=self._pruned)
        else:
            self._peer.tell(token, losses[-1])


CONTENDERS: dict[str, Callable[[Space, int], Contender]] = {
    "caviar_stopping": Stopping,
    "caviar": lambda space, seed: Whole(peers.Caviar(space, seed, "zoom")),
    "optuna_halving_3": lambda space, seed: Halving(space, seed, reduction_factor=3),
    "optuna_halving_4": Halving,
    "optuna_tpe": lambda space, seed: Whole(peers.Optuna(space, seed, "tpe")),
    "random": lambda space, seed: Whole(peers.Caviar(space, seed, "random")),
}


def simulate(
    contender: Contender, training: Training, worth: int, workers: int, seed: int
) -> tuple[int, list[tuple[float, float]]]:
    """Trainings begun, and those that ended as in ``Record``, when ``worth`` whole ones' epochs are spent.

    ``workers`` train at any time, each training at a pace of its own; a worker that is free begins another at once.
    """
    pace = np.random.default_rng([seed, 977])
    running: list[tuple[float, int, float, int, Any, Curve]] = []
    whole: list[tuple[float, float]] = []
    started, now = 0, 0.0
    for spent in range(1, worth * training.epochs + 1):
        while len(running) < workers:
            token, params = contender.ask()
            takes = float(pace.lognormal(0.0, SPREAD))
            curve = training.curve(params)
            heapq.heappush(running, (now + takes, started, takes, 1, token, curve))
            started += 1
        now, number, takes, epoch, token, curve = heapq.heappop(running)
        loss = curve.at(epoch)
        if epoch == training.epochs:
            contender.ended(token, curve.losses[:epoch], stopped=False)
            whole.append((spent / training.epochs, loss))
        elif contender.reached(token, epoch, loss):
            heapq.heappush(running, (now + takes, number, takes, epoch + 1, token, curve))
        else:
            contender.ended(token, curve.losses[:epoch], stopped=True)
    return started, whole
