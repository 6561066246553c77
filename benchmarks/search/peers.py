"""Optimisers behind one ask and tell. Each is used the way its own documentation says, with its own defaults.

Those of other projects are used when they can be imported: ``pip install optuna cmaes`` (and torch for its Gaussian
process), ``hyperopt``, ``smac``, ``HEBO``.
"""

from __future__ import annotations

import importlib.util
import logging
import math
import tempfile
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from tasks import Params

from caviar.search import Asked, Searcher
from caviar.space import Categorical, Numeric, Parameter, Space


class Peer(Protocol):
    """``tell`` is given the token of the ``ask`` that its loss belongs to; several may be open."""

    def ask(self) -> tuple[Any, Params]: ...

    def tell(self, token: Any, loss: float) -> None: ...


class Caviar:
    """Our own searcher, with one of its strategies."""

    def __init__(self, space: Space, seed: int, strategy: str) -> None:
        self._searcher = Searcher(space, goal="minimize", strategy=strategy, seed=seed)

    def ask(self) -> tuple[Asked, Params]:
        asked = self._searcher.ask()
        return asked, asked.params

    def tell(self, token: Asked, loss: float) -> None:
        self._searcher.tell(token, loss)


class Optuna:
    """Define-by-run for TPE; the samplers that know no conditions are asked for every parameter."""

    def __init__(self, space: Space, seed: int, kind: str, pruner: Any = None) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        samplers = optuna.samplers
        sampler = {
            "tpe": lambda: samplers.TPESampler(seed=seed),
            "gp": lambda: samplers.GPSampler(seed=seed),
            "cmaes": lambda: samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False),
        }[kind]()
        self._study = optuna.create_study(sampler=sampler, pruner=pruner)
        self._space, self._flat = space, kind != "tpe"

    def ask(self) -> tuple[Any, Params]:
        trial = self._study.ask()
        drawn: dict[str, Any] = {}
        for _, parameter in self._space.parents_first:
            if self._flat or parameter.name in self._space.active(drawn):
                drawn[parameter.name] = self._suggest(trial, parameter)
        return trial, {name: drawn[name] for name in self._space.active(drawn)}

    def _suggest(self, trial: Any, p: Parameter) -> Any:
        if isinstance(p, Categorical):
            return trial.suggest_categorical(p.name, p.choices)
        suggest = trial.suggest_int if p.type == "int" else trial.suggest_float
        return suggest(p.name, p.low, p.high, log=p.scale == "log")

    def tell(self, token: Any, loss: float) -> None:
        self._study.tell(token, loss)


class Hyperopt:
    """Its TPE on a flat space: conditions there are trees of choices, which ours are not."""

    def __init__(self, space: Space, seed: int) -> None:
        from hyperopt import base, hp, tpe

        logging.getLogger("hyperopt").setLevel(logging.ERROR)
        self._base, self._tpe, self._space = base, tpe, space
        self._domain = base.Domain(lambda _: 0, {p.name: self._axis(hp, p) for p in space})
        self._trials, self._rng = base.Trials(), np.random.default_rng(seed)

    @staticmethod
    def _axis(hp: Any, p: Parameter) -> Any:
        if isinstance(p, Categorical):
            return hp.choice(p.name, list(range(len(p.choices))))
        log = p.scale == "log"
        ends = (math.log(p.low), math.log(p.high)) if log else (p.low, p.high)
        if p.type == "int":
            return (hp.qloguniform if log else hp.quniform)(p.name, *ends, 1)
        return (hp.loguniform if log else hp.uniform)(p.name, *ends)

    def ask(self) -> tuple[int, Params]:
        ids = self._trials.new_trial_ids(1)
        self._trials.refresh()
        seed = int(self._rng.integers(2**31 - 1))
        documents = self._tpe.suggest(ids, self._domain, self._trials, seed)
        documents[0]["state"] = self._base.JOB_STATE_RUNNING
        self._trials.insert_trial_docs(documents)
        self._trials.refresh()
        drawn = {name: values[0] for name, values in documents[0]["misc"]["vals"].items()}
        full = {p.name: self._value(p, drawn[p.name]) for p in self._space}
        return documents[0]["tid"], {name: full[name] for name in self._space.active(full)}

    @staticmethod
    def _value(p: Parameter, x: Any) -> Any:
        if isinstance(p, Categorical):
            return p.choices[int(x)]
        near = min(max(float(x), p.low), p.high)
        return round(near) if p.type == "int" else near

    def tell(self, token: int, loss: float) -> None:
        for document in reversed(self._trials._dynamic_trials):
            if document["tid"] == token:
                document["state"] = self._base.JOB_STATE_DONE
                document["result"] = {"status": "ok", "loss": loss}
                break
        self._trials.refresh()


class Smac:
    """SMAC's facade for hyperparameters: a random forest with expected improvement."""

    def __init__(self, space: Space, seed: int, trials: int) -> None:
        import ConfigSpace
        import smac

        self._folder = tempfile.TemporaryDirectory()
        known = ConfigSpace.ConfigurationSpace(seed=seed)
        for p in space:
            known.add(self._axis(ConfigSpace, p))
        for p in space:
            for parent, values in p.when:
                words = [str(value) for value in values]
                known.add(ConfigSpace.InCondition(known[p.name], known[parent], words))
        scenario = smac.Scenario(
            known,
            deterministic=True,
            n_trials=trials,
            seed=seed,
            output_directory=self._folder.name,
        )
        self._space = space
        self._facade = smac.HyperparameterOptimizationFacade(
            scenario, lambda _, seed=0: float(seed), overwrite=True, logging_level=50
        )

    @staticmethod
    def _axis(package: Any, p: Parameter) -> Any:
        if isinstance(p, Categorical):
            return package.CategoricalHyperparameter(p.name, [str(c) for c in p.choices])
        kind = "Integer" if p.type == "int" else "Float"
        make = getattr(package, f"Uniform{kind}Hyperparameter")
        return make(p.name, p.low, p.high, log=p.scale == "log")

    def ask(self) -> tuple[Any, Params]:
        info = self._facade.ask()
        drawn = dict(info.config)
        return info, {p.name: self._value(p, drawn[p.name]) for p in self._space if p.name in drawn}

    @staticmethod
    def _value(p: Parameter, x: Any) -> Any:
        if isinstance(p, Categorical):
            return next(choice for choice in p.choices if str(choice) == str(x))
        return int(x) if p.type == "int" else float(x)

    def tell(self, token: Any, loss: float) -> None:
        from smac.runhistory.dataclasses import TrialValue

        self._facade.tell(token, TrialValue(cost=loss))


class Hebo:
    """Huawei's HEBO; it knows no conditions."""

    def __init__(self, space: Space, seed: int) -> None:
        from hebo.design_space.design_space import DesignSpace
        from hebo.optimizers.hebo import HEBO

        np.random.seed(seed)
        self._space = space
        design = DesignSpace().parse([self._axis(p) for p in space])
        self._optimizer = HEBO(design, scramble_seed=seed)

    @staticmethod
    def _axis(p: Parameter) -> dict[str, Any]:
        if isinstance(p, Categorical):
            return {"name": p.name, "type": "cat", "categories": list(p.choices)}
        log = {("int", True): "pow_int", ("float", True): "pow", ("int", False): "int"}
        kind = log.get((p.type, p.scale == "log"), "num")
        return {"name": p.name, "type": kind, "lb": p.low, "ub": p.high}

    def ask(self) -> tuple[Any, Params]:
        suggested = self._optimizer.suggest(1)
        drawn = suggested.iloc[0].to_dict()
        whole = {p.name for p in self._space if isinstance(p, Numeric) and p.type == "int"}
        full = {name: int(value) if name in whole else value for name, value in drawn.items()}
        return suggested, {name: full[name] for name in self._space.active(full)}

    def tell(self, token: Any, loss: float) -> None:
        self._optimizer.observe(token, np.array([[loss]]))


PEERS: dict[str, Callable[[Space, int, int], Peer]] = {
    "caviar": lambda space, seed, _: Caviar(space, seed, "zoom"),
    "random": lambda space, seed, _: Caviar(space, seed, "random"),
    "sobol": lambda space, seed, _: Caviar(space, seed, "sobol"),
    "optuna_tpe": lambda space, seed, _: Optuna(space, seed, "tpe"),
    "optuna_gp": lambda space, seed, _: Optuna(space, seed, "gp"),
    "optuna_cmaes": lambda space, seed, _: Optuna(space, seed, "cmaes"),
    "hyperopt": lambda space, seed, _: Hyperopt(space, seed),
    "smac": Smac,
    "hebo": lambda space, seed, _: Hebo(space, seed),
}
NEEDS = {
    "optuna_tpe": ("optuna",),
    "optuna_gp": ("optuna", "torch"),
    "optuna_cmaes": ("optuna", "cmaes"),
    "hyperopt": ("hyperopt",),
    "smac": ("smac",),
    "hebo": ("hebo",),
}


def names_of(wanted: str) -> list[str]:
    """``all`` or single ones by comma. Raises ValueError for one that does not exist."""
    names = list(PEERS) if wanted == "all" else wanted.split(",")
    for name in names:
        if name not in PEERS:
            raise ValueError(f"there is no peer {name!r}: all, {', '.join(PEERS)}")
    return names


def missing(name: str) -> list[str]:
    """The packages that the peer needs and that are not installed."""
    return [need for need in NEEDS.get(name, ()) if importlib.util.find_spec(need) is None]
