"""Samplers of Optuna as strategies. Each proposal rebuilds an Optuna study from the results and asks it once.

So they are as stateless as ours: the same settings, results and trial number give the same point. Optuna is
imported only when one of them proposes; it comes with ``caviar[optuna]``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from caviar.contract.messages import ParameterValue
from caviar.errors import CaviarError, Problem
from caviar.search.history import History
from caviar.search.plain import uniform
from caviar.search.rounds import Round
from caviar.search.values import Result, Settings
from caviar.search.zoom.observed import learnt
from caviar.space import Categorical, Parameter, Params, Space

if TYPE_CHECKING:
    import optuna

START = {
    "optuna_tpe": "Optuna's TPE draws where good trials are dense, in the whole space.",
    "optuna_gp": "Optuna's Gaussian process looks for the largest improvement, in the whole space.",
    "optuna_cmaes": "Optuna's CMA-ES moves a normal distribution through the whole space.",
}
NEEDS = {
    "optuna_tpe": ("optuna",),
    "optuna_gp": ("optuna", "torch"),
    "optuna_cmaes": ("optuna", "cmaes"),
}
"""Packages that each needs. PyTorch is no part of the extra: it is larger than all the rest together."""
FLAT = ("optuna_gp", "optuna_cmaes")
"""Samplers that know no conditions: a parameter that is inactive stands in the middle of its scale."""
ASKS = 8
"""Points asked for where the first ones were tried before."""
GENERATION, OPTIMIZER = "cma:generation", "cma:optimizer"
"""Where Optuna's CMA-ES keeps, with each trial, the generation it belongs to and the state of the search."""


def missing_packages(strategy: str) -> Problem | None:
    """What is wrong where a package that the strategy needs is not installed here. Imports nothing."""
    missing = [name for name in NEEDS.get(strategy, ()) if importlib.util.find_spec(name) is None]
    if not missing:
        return None
    extra = "pip install 'caviar[optuna]'" + (" torch" if "torch" in missing else "")
    which = (
        f"needs {' and '.join(missing)}, which {'are' if len(missing) > 1 else 'is'} not installed"
    )
    return Problem(("strategy",), f"{strategy} {which}", f"{extra}.")


def candidates(
    space: Space,
    settings: Settings,
    round_: Round,
    results: Sequence[Result],
    pending: Sequence[Params],
    number: int,
    prior: Sequence[Result] = (),
) -> Iterator[Params]:
    """What the sampler suggests, then independent draws without end. ``prior`` is not used.

    Raises CaviarError where a package is missing.
    """
    problem = missing_packages(settings.strategy)
    if problem is not None:
        raise CaviarError(str(problem))
    import optuna

    with _quiet(optuna):
        study = _study(space, settings, History.of(space, settings.goal, results), pending)
    for attempt in range(ASKS):
        with _quiet(optuna):
            study.sampler = _sampler(settings.strategy, (settings.seed, number, attempt))
            point = _asked(space, study, settings.strategy in FLAT)
        yield point
    yield from uniform(space, settings, round_, results, pending, number, prior)


@contextmanager
def _quiet(module: Any) -> Iterator[None]:
    """Without a line in the log for every study that is rebuilt."""
    before = module.logging.get_verbosity()
    module.logging.set_verbosity(module.logging.ERROR)
    try:
        yield
    finally:
        module.logging.set_verbosity(before)


def _sampler(strategy: str, seeds: tuple[int, ...]) -> optuna.samplers.BaseSampler:
    from optuna import samplers

    seed = int(np.random.SeedSequence(seeds).generate_state(1)[0])
    makers: Mapping[str, Callable[[], samplers.BaseSampler]] = {
        "optuna_tpe": lambda: samplers.TPESampler(seed=seed),
        "optuna_gp": lambda: samplers.GPSampler(seed=seed, warn_independent_sampling=False),
        "optuna_cmaes": lambda: samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False),
    }
    return makers[strategy]()


def _study(
    space: Space, settings: Settings, history: History, pending: Sequence[Params]
) -> optuna.Study:
    """The study as if Optuna had run it, to be minimised; trials in the order of their numbers.

    Losses are those that zoom's model learns. A trial that failed or is beyond the study's bounds counts as bad as
    the worst one, so that its region is left; Optuna itself would forget it. Pending trials are running.
    """
    import optuna

    study = optuna.create_study(sampler=_sampler(settings.strategy, (settings.seed,)))
    losses = learnt(history)
    finite = losses[np.isfinite(losses)]
    if len(finite):
        losses = np.where(np.isfinite(losses), losses, finite.max())
        told = [(history[place].params, float(losses[place])) for place in history.by_number()]
        if settings.strategy == "optuna_cmaes":
            _evolve(space, study, told)
        else:
            flat = settings.strategy in FLAT
            study.add_trials(_trial(space, params, flat, loss) for params, loss in told)
    study.add_trials(_trial(space, params, settings.strategy in FLAT) for params in pending)
    return study


def _trial(
    space: Space,
    params: Params,
    flat: bool,
    loss: float | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> optuna.trial.FrozenTrial:
    """A finished trial, or without a loss a running one."""
    from optuna.trial import TrialState, create_trial

    if flat:
        params = {p.name: params.get(p.name, p.from_unit(0.5)) for p in space}
    return create_trial(
        state=TrialState.RUNNING if loss is None else TrialState.COMPLETE,
        value=loss,
        params={name: _outward(space[name], value) for name, value in params.items()},
        distributions={name: _distribution(space[name]) for name in params},
        system_attrs=dict(attrs or {}),
    )


def _evolve(space: Space, study: optuna.Study, told: Sequence[tuple[Params, float]]) -> None:
    """Add the trials as the generations of CMA-ES: the first stands alone, then one population after another.

    Optuna's sampler moves on when it is asked and finds a whole population told; the state that it leaves with the
    trial it was asked for goes to the first trial of the next generation, where it looks for it.
    """
    numbers = sum(not isinstance(parameter, Categorical) for parameter in space)
    population = 4 + int(3 * np.log(max(numbers, 1)))  # the default of Hansen's tutorial, eq. 48
    state: dict[str, Any] = {}
    for place, (params, loss) in enumerate(told):
        generation, first = divmod(place - 1, population)
        if first == 0 and generation > 0:
            _asked(space, study, flat=True)
            found = study.get_trials(deepcopy=False)[-1].system_attrs
            state = {key: value for key, value in found.items() if key.startswith(OPTIMIZER)}
        attrs = {GENERATION: generation} | state if place > 0 else {}
        study.add_trial(_trial(space, params, True, loss, attrs))
        state = {}


def _asked(space: Space, study: optuna.Study, flat: bool) -> Params:
    """The study's next suggestion, as a point of the space."""
    trial = study.ask()
    drawn: dict[str, ParameterValue] = {}
    for _, parameter in space.parents_first:
        if flat or parameter.name in space.active(drawn):
            drawn[parameter.name] = _inward(parameter, _suggested(trial, parameter))
    return {name: drawn[name] for name in space.active(drawn)}


def _suggested(trial: optuna.Trial, parameter: Parameter) -> Any:
    from optuna.distributions import CategoricalDistribution, IntDistribution

    match _distribution(parameter):
        case CategoricalDistribution(choices=choices):
            return trial.suggest_categorical(parameter.name, choices)
        case IntDistribution(low=low, high=high, log=log):
            return trial.suggest_int(parameter.name, low, high, log=log)
        case other:
            return trial.suggest_float(parameter.name, other.low, other.high, log=other.log)


def _distribution(parameter: Parameter) -> Any:
    """The parameter as Optuna has it: categories by place, and 1 - x on a log scale for ``reverse_log``."""
    from optuna import distributions as d

    if isinstance(parameter, Categorical):
        return d.CategoricalDistribution(tuple(range(len(parameter.choices))))
    if parameter.scale == "reverse_log":
        return d.FloatDistribution(1.0 - parameter.high, 1.0 - parameter.low, log=True)
    log = parameter.scale == "log"
    if parameter.type == "int":
        return d.IntDistribution(int(parameter.low), int(parameter.high), log=log)
    return d.FloatDistribution(parameter.low, parameter.high, log=log)


def _outward(parameter: Parameter, value: ParameterValue) -> ParameterValue:
    if isinstance(parameter, Categorical):
        return parameter.index(value)
    if parameter.scale == "reverse_log":
        return min(max(1.0 - float(value), 1.0 - parameter.high), 1.0 - parameter.low)
    return value


def _inward(parameter: Parameter, value: Any) -> ParameterValue:
    if isinstance(parameter, Categorical):
        return parameter.choices[int(value)]
    if parameter.type == "int":
        return int(value)
    x = 1.0 - value if parameter.scale == "reverse_log" else value
    return float(min(max(x, parameter.low), parameter.high))
