"""Linear algebra on one thread: the matrices of a search are small, and more threads only wait for each other."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import ThreadpoolController

P = ParamSpec("P")
T = TypeVar("T")


@lru_cache(maxsize=2)
def _controller(_scipy: bool) -> ThreadpoolController:
    """Finding the libraries takes milliseconds, limiting them microseconds; SciPy brings one of its own."""
    return ThreadpoolController()


def one_thread(function: Callable[P, T]) -> Callable[P, T]:
    @wraps(function)
    def limited(*args: P.args, **kwargs: P.kwargs) -> T:
        with _controller("scipy.linalg" in sys.modules).limit(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return limited
