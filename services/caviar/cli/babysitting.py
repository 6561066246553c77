"""One model by hand: `caviar trial set`, `rollback`, `fork`, `spread`, `keep`, `panda`, `show`, and `caviar nurse`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from caviar.cli.adding import pairs
from caviar.cli.reading import console, print_json, trial_name
from caviar.cli.views import tables
from caviar.cli.views.interventions import sentence, values_words
from caviar.cli.views.nurse import nurse_view
from caviar.cli.views.parts import clean, scale_of
from caviar.client.babysitting import BabysatTrial
from caviar.client.connection import Client, find_service
from caviar.contract.numbers import count, number
from caviar.contract.panda import InterventionView, Keep
from caviar.contract.views import StudyView
from caviar.errors import InputError, Problem

WAIT_S = 60.0
"""So long a command waits for a training's answer."""


def training(client: Client, given: str) -> tuple[StudyView, BabysatTrial]:
    """The trial that ``STUDY/NUMBER`` names; of ``STUDY`` alone the one that runs.

    Raises InputError where none runs, or several: it names them.
    """
    if "/" in given:
        name, which = trial_name(given)
        study = client.study(client.resolve(name))
        return study, BabysatTrial(client, study.id, which)
    study = client.study(client.resolve(given))
    running = [trial.number for trial in study.running]
    if len(running) != 1:
        amount = "no trial runs" if not running else f"{len(running)} trials run"
        there = running or range(sum(study.counts.values()))
        names = [f"{given}/{which}" for which in there]
        if len(names) > 8:
            names = [*names[:3], "...", names[-1]]
        way_out = f"Name one: {', '.join(names)}." if names else "It has none yet."
        raise InputError(Problem((given,), f"{amount} there now", way_out))
    return study, BabysatTrial(client, study.id, running[0])


def show(given: str, as_json: bool) -> int:
    with Client(find_service()) as client:
        study, trial = training(client, given)
        view = trial.view
        done = trial.interventions()
    if as_json:
        listed = [each.model_dump(mode="json") for each in done]
        print_json(view.model_dump(mode="json") | {"interventions": listed})
    else:
        console().print(tables.trial_view(study, view, done))
    return 0


def set_values(given: str, words: Sequence[str], why: str, wait: bool, as_json: bool) -> int:
    params = pairs(words)
    with Client(find_service()) as client:
        study, trial = training(client, given)
        asked = trial.set(params, why)
        found = _answered(trial, asked, wait)
    return _told(study, trial, found, wait, as_json)


def rollback(
    given: str, to_step: int, words: Sequence[str], why: str, wait: bool, as_json: bool
) -> int:
    params = pairs(words)
    with Client(find_service()) as client:
        study, trial = training(client, given)
        found = _answered(trial, [trial.rollback(to_step, params, why)], wait)
        back = found[0]
        values = ""
        if back.state == "applied" and back.child is not None and not as_json:
            params_then = client.trial(study.id, back.child).params
            live = [each.name for each in study.parameters if each.live] or list(params_then)
            shown = {n: params_then[n] for n in live if n in params_then and n not in back.params}
            words = values_words(shown, scale_of(study.parameters))
            values = f" (values of that moment: {words})" if shown else ""
    return _told(study, trial, found, wait, as_json, values)


def fork(
    given: str,
    words: Sequence[str],
    at_step: int | None,
    steps: int | None,
    in_place: bool,
    keep: Keep,
    why: str,
    wait: bool,
    as_json: bool,
) -> int:
    params = pairs(words)
    with Client(find_service()) as client:
        study, trial = training(client, given)
        asked = trial.fork(params, at_step, steps, in_place, keep, why)
        found = _answered(trial, [asked], wait)
    made = found[0]
    after = ""
    if made.state == "applied":
        after = f", {'in place of' if in_place else 'beside'} trial {trial.number}"
        if steps is not None:
            after += f"; compared after {count(steps, 'step')}"
    return _told(study, trial, found, wait, as_json, after)


def spread(given: str, children: int, why: str, wait: bool, as_json: bool) -> int:
    with Client(find_service()) as client:
        study, trial = training(client, given)
        found = _answered(trial, trial.spread(children, why), wait)
    return _told(study, trial, found, wait, as_json)


def keep(given: str, as_json: bool) -> int:
    name, which = trial_name(given)
    with Client(find_service()) as client:
        ended = BabysatTrial(client, client.resolve(name), which).keep()
    if as_json:
        print_json(ended)
        return 0
    numbers = ", ".join(str(each.number) for each in ended)
    others = "no other trial is of the same training"
    if ended:
        verb = "are" if len(ended) > 1 else "is"
        others = f"trial{'s' * (len(ended) > 1)} {numbers} {verb} asked to stop"
    click.echo(f"Trial {which} of {clean(name)} is kept: {others}.")
    return 0


def panda(given: str, name: str | None, as_json: bool) -> int:
    origin, which = trial_name(given)
    with Client(find_service()) as client:
        submitted = BabysatTrial(client, client.resolve(origin), which).panda(name)
        study = client.study(submitted.id)
    if as_json:
        print_json(submitted)
        return 0
    for warning in submitted.warnings:
        click.echo(f"warning: {clean(warning)}", err=True)
    called = f"{clean(study.name)} ({study.id})"
    click.echo(f"{called} goes on from trial {which} of {clean(origin)}.")
    click.echo(f"`caviar watch {study.id}` shows its curve.")
    return 0


def nurse(given: str, on: bool | None, as_json: bool) -> int:
    with Client(find_service()) as client:
        study = client.study(client.resolve(given))
        view = client.nurse(study.id) if on is None else client.switch_nurse(study.id, on)
    if as_json:
        print_json(view)
    else:
        console().print(nurse_view(study, view))
    return 0


def _answered(
    trial: BabysatTrial, asked: list[InterventionView], wait: bool
) -> list[InterventionView]:
    """What came of it; Ctrl-C leaves it asked."""
    if not wait:
        return asked
    try:
        return trial.answered(asked, WAIT_S)
    except KeyboardInterrupt:
        click.echo("It stays asked: the training takes it when it reads next.", err=True)
        raise


def _told(
    study: StudyView,
    trial: BabysatTrial,
    found: list[InterventionView],
    waited: bool,
    as_json: bool,
    after: str = "",
) -> int:
    """Print what came of it, with ``after`` behind it. 1 where it was refused, void, or awaited in vain."""
    if as_json:
        print_json(found)
    scales = scale_of(study.parameters)
    for each in () if as_json else found:
        applied = each.state == "applied"
        click.echo(f"{sentence(each, scales)}{after if applied else ''}")
    left = [each for each in found if each.state == "asked"]
    if waited and left:
        place = f"{study.name}/{trial.number}"
        told = f"Not answered in {number(WAIT_S)} s, it stays asked. `caviar trial show {place}` says when."
        click.echo(clean(told), err=True)
    undone = any(each.state in ("refused", "void") for each in found)
    return 1 if undone or (waited and left) else 0
