"""One thread for numeric libraries, as a worker gives them: on a machine that is busy more only wait for each other."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits

os.environ.setdefault("OMP_NUM_THREADS", "1")  # for those that are not loaded yet


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with threadpool_limits(limits=1):
        yield
