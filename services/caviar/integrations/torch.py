"""A plain PyTorch loop that goes on where it was, on whichever device it runs.

for epoch in epochs(trial, 40, model=model, optimizer=optimizer):
    follow(trial, optimizer, lr="learning_rate")  # where it may be changed as it trains
    ...
    trial.report(epoch, val_accuracy=accuracy)
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch._dynamo  # every optimizer loads it: 1 s in each trial, or once here, before trials are forked

from caviar.integrations.course import Course

if TYPE_CHECKING:
    from caviar_worker import Trial

_FILE = "state.pt"


def epochs(trial: Trial, number: int, *, every: int = 1, **parts: Any) -> Iterator[int]:
    """The epochs that are left of ``number``, counted from 0, with a checkpoint after each ``every`` of them.

    ``parts`` is all that has ``state_dict`` and ``load_state_dict``: model, optimizer, schedule, gradient scaler. They
    lie on their devices already; a checkpoint from a GPU loads on a CPU and the other way round. The states of the
    random generators of Python, NumPy and PyTorch go with them.

    Ends when the trial is to stop. Report the epoch's metrics inside of the loop. Raises TypeError for a part without a
    state, ValueError where a checkpoint has other parts, ``pickle.UnpicklingError`` where it holds more than tensors
    and plain values.
    """
    for name, part in parts.items():
        if not (hasattr(part, "state_dict") and hasattr(part, "load_state_dict")):
            raise TypeError(f"{name} is {type(part).__name__}, which has no state_dict() to save.")
    course = Course(trial, every)
    if course.checkpoint is not None:
        _restore(course.checkpoint.path / _FILE, parts)
    for epoch in range(course.start, number):
        yield epoch
        stop = trial.should_stop()
        if trial.last is not None:
            course.reported = epoch, {trial.metric: trial.last}
        if stop or course.is_due(epoch) or epoch + 1 == number:
            course.save(epoch, lambda folder: _save(folder / _FILE, parts))
        if stop:
            return


def follow(trial: Trial, optimizer: Any, **live: str) -> None:
    """Give the optimizer the values that are in effect: each of its options the parameter that ``live`` names.

    Call it in every epoch, or every step: a change takes effect then. Raises KeyError for what is no parameter of the
    trial, or no option of the optimizer.
    """
    for option, parameter in live.items():
        value = trial.live(parameter)
        for group in optimizer.param_groups:
            if option not in group:
                raise KeyError(f"{type(optimizer).__name__} has no option {option!r}.")
            group[option] = value


def _save(path: Path, parts: dict[str, Any]) -> None:
    state = {name: part.state_dict() for name, part in parts.items()}
    torch.save({"parts": state, "random": _random_state()}, path)


def _restore(path: Path, parts: dict[str, Any]) -> None:
    # weights_only: a checkpoint may come from another host, and a pickle could run code here.
    saved = torch.load(path, map_location="cpu", weights_only=True)
    if saved["parts"].keys() != parts.keys():
        there, here = ", ".join(saved["parts"]), ", ".join(parts)
        raise ValueError(f"The checkpoint is of ({there}), and the loop asks for ({here}).")
    for name, part in parts.items():
        part.load_state_dict(saved["parts"][name])
    _set_random_state(saved["random"])


def _random_state() -> dict[str, Any]:
    state: dict[str, Any] = {"python": random.getstate(), "torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    if "numpy" in sys.modules:
        name, keys, *rest = sys.modules["numpy"].random.get_state()
        state["numpy"] = [name, keys.tolist(), *rest]
    return state


def _set_random_state(state: dict[str, Any]) -> None:
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
    if "numpy" in state and "numpy" in sys.modules:
        sys.modules["numpy"].random.set_state(tuple(state["numpy"]))
