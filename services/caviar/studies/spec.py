"""The study file: from text to a frozen Study, or one InputError with everything that is wrong in it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, cast, get_args

from caviar.contract.messages import Checkpoints, ParameterValue, Trainer
from caviar.contract.recheck import Policy
from caviar.errors import InputError, Problem
from caviar.search import STRATEGIES, Settings, missing_packages
from caviar.search.confirming import MOST, SHARE, candidates, reserved
from caviar.space import Space, warnings
from caviar.studies import warm_start
from caviar.studies.checkpoints import CHECKPOINT_KEYS, read_checkpoints
from caviar.studies.constraints import Constraint, read_constraints
from caviar.studies.fields import Fields
from caviar.studies.nursing import KEPT, NURSE_KEYS, STRETCHES, Mode, Nursing, read_nurse
from caviar.studies.rechecking import (
    CHECK_KEYS,
    RECHECK_KEYS,
    CheckTerms,
    read_check,
    read_recheck,
)
from caviar.studies.source import Source, read_source
from caviar.studies.stopping import STOP_KEYS, Stopping, read_stopping

Goal = Literal["maximize", "minimize"]

MAX_TRIALS = 1_000_000
MAX_SLOTS = 64
MAX_SEED = 2**31 - 1
MAX_PRIORITY = 9

KEYS: dict[str, tuple[str, ...]] = {
    "": (
        *("name", "project", "metric", "trainer", "space", "search", "budget", "stop"),
        *("checkpoints", "resources", "constraints", "confirm", "warm_start", "priority"),
        *("mode", "nurse", "recheck", "check"),
    ),
    "metric": ("name", "goal"),
    "trainer": ("function", "command", "name"),
    "search": ("strategy", "seed"),
    "budget": ("trials", "hours", "slot_hours", "gpu_hours", "target"),
    "stop": STOP_KEYS,
    "checkpoints": CHECKPOINT_KEYS,
    "resources": ("class", "slots", "share_gpu", "preemptible"),
    "constraints": ("max", "min"),
    "warm_start": warm_start.KEYS,
    "nurse": NURSE_KEYS,
    "recheck": RECHECK_KEYS,
    "check": CHECK_KEYS,
}
"""The keys of each section; of ``constraints``, those of each metric in it. Those of ``space`` belong to the space."""

ONE_RUN = (
    "confirm: 1 tells one more value of the best trial, but no interval. `confirm: 3` tells both."
)

LONGEST_NAME = 64
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{LONGEST_NAME - 1}}}")
METRIC = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./ -]{0,249}")
_LABEL = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_TRAINER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")


@dataclass(frozen=True, slots=True)
class Metric:
    """What is tuned."""

    name: str
    goal: Goal


@dataclass(frozen=True, slots=True)
class Budget:
    """When a study ends: after ``trials``, after ``hours`` of wall time, after the hours of slots or GPUs that all of
    its attempts took together, or once ``target`` is reached."""

    trials: int
    hours: float | None = None
    target: float | None = None
    slot_hours: float | None = field(default=None, kw_only=True)
    gpu_hours: float | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Resources:
    """What a trial needs: one slot of a worker of ``resource_class``."""

    resource_class: str = "cpu"
    slots: int = 1
    share_gpu: bool = False
    """Whether a trial may sit beside others on one GPU."""
    preemptible: bool = False
    """Whether a trial may be asked to end with a checkpoint and wait again, for a study that goes first."""


@dataclass(frozen=True, slots=True)
class WarmStart:
    """Where earlier results are: studies by name or id, MLflow experiments by name, points to try first."""

    studies: tuple[str, ...] = ()
    experiments: tuple[str, ...] = ()
    points: tuple[Mapping[str, ParameterValue], ...] = ()


@dataclass(frozen=True)
class Study:
    """What a person asked for. It has no state: that lives with the service."""

    name: str
    project: str
    metric: Metric
    trainer: Trainer
    space: Space
    strategy: str
    """One of ``caviar.search.STRATEGIES``."""
    seed: int
    budget: Budget
    resources: Resources
    warnings: tuple[str, ...]
    stopping: Stopping = field(default_factory=Stopping, kw_only=True)
    checkpoints: Checkpoints = field(default_factory=Checkpoints, kw_only=True)
    constraints: tuple[Constraint, ...] = field(default=(), kw_only=True)
    confirm: int = field(default=0, kw_only=True)
    """New seeds on which each leading candidate is trained again before the study ends; part of the budget."""
    warm_start: WarmStart = field(default_factory=WarmStart, kw_only=True)
    mode: Mode = field(default="caviar", kw_only=True)
    """``panda``: one model that is watched and changed by hand. The search chooses its first point alone.
    ``check``: its trials tell whether another study's champion still holds."""
    nurse: Nursing | None = field(default=None, kw_only=True)
    """Rules that change the training by themselves."""
    recheck: Policy | None = field(default=None, kw_only=True)
    """When its champion is checked. As submitted: it can be changed later."""
    check: CheckTerms | None = field(default=None, kw_only=True)
    """With ``mode: check``, and only then."""
    priority: int = field(default=0, kw_only=True)
    """Inside its team, in [0, 9]: the higher goes first. As submitted: it can be changed later."""
    fingerprint: str
    """sha256 of the content: comments, formatting, the order of sections, priority and recheck do not change it."""

    @property
    def search_settings(self) -> Settings:
        """What the search needs to know of the study, beside the space."""
        return Settings(self.metric.goal, self.strategy, self.seed, self.search_trials)

    @property
    def planned_trials(self) -> int:
        """What it starts by itself: its budget, or of a babysat study the one training. Forks come on top."""
        return 1 if self.mode == "panda" else self.budget.trials

    @property
    def search_trials(self) -> int:
        """What is left of the budget for the search: the rest is for the leaders' new seeds, or for forks."""
        return self.planned_trials - reserved(self.budget.trials, self.confirm)


@lru_cache(maxsize=1024)
def load_study(text: str, filename: str = "study.yaml") -> Study:
    """Read a study file. ``filename`` only appears in messages. A file is read once, however often it is asked for.

    Raises InputError: every problem of the file at once, each with its place, line and way out.
    """
    try:
        source = read_source(text)
        return _study(source)
    except InputError as error:
        raise InputError([_named(problem, filename) for problem in error.problems]) from None


def refuse_missing(study: Study, text: str) -> None:
    """Raises InputError where the study's strategy needs a package that is not installed in this process.

    Apart from ``load_study``, because a client that only sends the study does not need the package.
    """
    problem = missing_packages(study.strategy)
    if problem is not None:
        path = ("search", *problem.path)
        line = read_source(text).line(path)
        raise InputError(Problem(path, problem.reason, problem.way_out, line))


def _named(problem: Problem, filename: str) -> Problem:
    """A file that is wrong as a whole has no place inside it: name the file instead."""
    if problem.path or problem.line:
        return problem
    return Problem((filename,), problem.reason, problem.way_out)


def _study(source: Source) -> Study:
    problems: list[Problem] = []
    root = Fields(source, source.data, (), problems)
    root.only(*KEYS[""])

    name = _matching(root, "name", "my-study", _NAME, "letters, digits, dots, - and _, at most 64")
    project = _matching(root, "project", "my-team", _NAME, "letters, digits, dots, - and _", name)
    metric = _metric(root)
    space = _space(root, source, problems)
    trainer = _trainer(root, space)
    mode = cast(Mode, root.choice("mode", get_args(Mode), "caviar"))
    search = root.section("search", "{strategy: zoom, seed: 0}", required=False)
    search.only(*KEYS["search"])
    strategy = search.choice("strategy", STRATEGIES, "zoom")
    seed = search.whole("seed", 0, MAX_SEED, default=0)
    budget = _budget(root, mode)
    stopping = read_stopping(root, "asha" if mode == "caviar" else "none")
    nurse = None if mode == "check" else read_nurse(root, space, mode)
    recheck = read_recheck(root, mode, problems)
    check = read_check(root, source, space, mode, problems)
    checkpoints = read_checkpoints(root, KEPT[nurse is not None] if mode == "panda" else 2)
    resources = _resources(root)
    constraints = read_constraints(root, metric.name, METRIC)
    confirm = 0 if mode == "check" else _confirm(root, budget, problems)
    if confirm and mode == "panda":
        root.problem("confirm", "one model has no rivals to confirm", "Leave it out.")
    priority = root.whole("priority", 0, MAX_PRIORITY, default=0)
    known = warm_start.read_warm_start(root, source, space, budget.trials, problems)
    sound = space is not None and not any(
        problem.path[:1] in (("budget",), ("warm_start",)) for problem in problems
    )
    if mode == "check" and sound and len(known[2]) < 2:
        way_out = "The first of `warm_start.points` is the champion, the others are its rivals."
        root.problem("warm_start", "a check compares two points or more", way_out)

    if problems or space is None:
        raise InputError(sorted(problems, key=lambda problem: problem.line or 0))
    return Study(
        name=name,
        project=project,
        metric=metric,
        trainer=trainer,
        space=space,
        strategy=strategy,
        seed=seed,
        budget=budget,
        resources=resources,
        # A check repeats another study, whose author was warned.
        warnings=()
        if mode == "check"
        else (
            *warnings(space, strategy, budget.trials - reserved(budget.trials, confirm)),
            *((ONE_RUN,) if confirm == 1 else ()),
            *warm_start.warnings(strategy, known),
        ),
        stopping=stopping,
        checkpoints=checkpoints,
        constraints=constraints,
        confirm=confirm,
        warm_start=WarmStart(*known),
        mode=mode,
        nurse=nurse,
        recheck=recheck,
        check=check,
        priority=priority,
        fingerprint=_fingerprint(source.data),
    )


def _matching(
    fields: Fields,
    key: str,
    example: str,
    pattern: re.Pattern[str],
    allowed: str,
    default: str | None = None,
) -> str:
    value = fields.text(key, example, default)
    if fields.has(key) and value and not pattern.fullmatch(value):
        fields.problem(
            key, f"{value[:80]!r} is not a name: {allowed}", f"For instance `{example}`."
        )
    return value


def _metric(root: Fields) -> Metric:
    fields = root.section("metric", "`metric: {name: val_accuracy, goal: maximize}`")
    if not fields.given():
        return Metric("", "maximize")
    fields.only(*KEYS["metric"])
    name = _matching(
        fields, "name", "val_accuracy", METRIC, "what MLflow takes as the name of a metric"
    )
    goal = cast(Goal, fields.choice("goal", get_args(Goal)))
    return Metric(name, goal)


def _space(root: Fields, source: Source, problems: list[Problem]) -> Space | None:
    section = root.section("space", "`space: {learning_rate: {type: float, low: 1.0e-4, ...}}`")
    if not section.given():
        return None
    try:
        return Space.parse(source.data["space"])
    except InputError as error:
        for problem in error.problems:
            path = ("space", *problem.path)
            problems.append(Problem(path, problem.reason, problem.way_out, source.line(path)))
        return None


def _trainer(root: Fields, space: Space | None) -> Trainer:
    fields = root.section("trainer", '`trainer: {function: "train:main"}`')
    if not fields.given():
        return Trainer()
    fields.only(*KEYS["trainer"])
    given = [key for key in KEYS["trainer"] if fields.has(key)]
    if len(given) != 1:
        fields.problem(
            None,
            f"one thing trains, not both a {given[0]} and a {given[1]}"
            if given
            else "nothing says what trains",
            'For instance `{function: "digits:train"}` or `{command: [python, train.py]}`.',
        )
        return Trainer()
    if fields.has("name"):
        allowed = "the name of a trainer that is installed on the workers"
        return Trainer(name=_matching(fields, "name", "digits-mlp", _TRAINER, allowed))
    if fields.has("command"):
        return Trainer(command=_command(fields, space))
    function = fields.text("function", '"digits:train"')
    if function and (not _FUNCTION.fullmatch(function) or ".py:" in function):
        fields.problem(
            "function",
            f"{function[:80]!r} is not a module and a function",
            _function_hint(function),
        )
    return Trainer(function=function)


def _function_hint(function: str) -> str:
    module, _, name = function.replace(".py", "").replace("/", ".").rpartition(":")
    if not module and "." in name:
        module, _, name = name.rpartition(".")
    guess = f"{module}:{name}"
    if _FUNCTION.fullmatch(guess):
        return f'Did you mean "{guess}"?'
    return 'Write it as "module:function", for instance "digits:train".'


def _command(fields: Fields, space: Space | None) -> tuple[str, ...]:
    value = fields.raw("command")
    if not isinstance(value, list) or not value:
        fields.problem(
            "command",
            "a list of words belongs here: no shell reads it",
            'For instance [python, train.py, --lr, "{learning_rate}"].',
        )
        return ()
    words: list[str] = []
    views = [] if space is None else space.to_views()
    known = {view.name: bool(view.when) for view in views}
    for word in value:
        if not isinstance(word, str | int | float) or isinstance(word, bool):
            fields.problem("command", "every word must be text or a number", "Put it in quotes.")
            continue
        words.append(str(word))
        for name in _PLACEHOLDER.findall(str(word)):
            if known.get(name):
                fields.problem(
                    "command",
                    f"{{{name}}} is not there in every trial: it has a condition",
                    "Read it in the program from the variable CAVIAR_PARAMS, which holds JSON.",
                )
            elif known and name not in known:
                fields.problem(
                    "command",
                    f"{{{name}}} is no parameter of the space",
                    f"The space has {', '.join(sorted(known))}.",
                )
    return tuple(words)


def _budget(root: Fields, mode: Mode) -> Budget:
    babysat = mode == "panda"
    fields = root.section("budget", "`budget: {trials: 60}`", required=not babysat)
    if not fields.given():
        return Budget(STRETCHES if babysat else 1)
    fields.only(*KEYS["budget"])
    return Budget(
        trials=fields.whole("trials", 1, MAX_TRIALS, default=STRETCHES if babysat else None),
        hours=fields.real("hours", above=0.0),
        target=fields.real("target"),
        slot_hours=fields.real("slot_hours", above=0.0),
        gpu_hours=fields.real("gpu_hours", above=0.0),
    )


def _resources(root: Fields) -> Resources:
    fields = root.section("resources", "`resources: {class: cpu}`", required=False)
    fields.only(*KEYS["resources"])
    label = _matching(fields, "class", "cpu", _LABEL, "lower-case letters, digits and -", "cpu")
    slots = fields.whole("slots", 1, MAX_SLOTS, default=1)
    if slots > 1:
        fields.problem(
            "slots",
            "A trial takes one slot in this version",
            "Give the worker fewer slots, CAVIAR_WORKER_SLOTS or --workers: each then has more threads.",
        )
    return Resources(
        label,
        slots,
        share_gpu=fields.truth("share_gpu", default=False),
        preemptible=fields.truth("preemptible", default=False),
    )


def _confirm(root: Fields, budget: Budget, problems: list[Problem]) -> int:
    right = not any(problem.path[:1] == ("budget",) for problem in problems)
    confirm = root.whole("confirm", 0, MOST, default=0)
    if confirm and right and not candidates(budget.trials, confirm):
        root.problem(
            "confirm",
            f"{confirm} new runs of the best candidate are more than a third of {budget.trials} trials",
            f"A budget of {SHARE * confirm} trials carries them, and {3 * SHARE * confirm} those of three candidates.",
        )
    return confirm


def _fingerprint(data: dict[str, Any]) -> str:
    """The order of parameters counts (it is the order of the search's coordinates); that of other keys does not.

    Nor do the priority and when it is checked: whoever submits a study again with others goes on with it.
    """
    ordered = {**data, "space": list(data.get("space", {}).items())}
    for key in ("priority", "recheck"):
        ordered.pop(key, None)
    content = json.dumps(ordered, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()
