"""The service that the tests of the command line talk to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.answering_service import Service, answering_service


@pytest.fixture
def service() -> Iterator[Service]:
    with answering_service() as service:
        yield service
