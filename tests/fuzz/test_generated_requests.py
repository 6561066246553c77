"""The short form of `make api-fuzz`: what Schemathesis thinks of first, two thousand requests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.run import fuzz


@pytest.mark.real
def test_no_generated_request_makes_the_service_fail(tmp_path: Path) -> None:
    """Every answer is one that the API's description has, and none is a failure of the service."""
    assert fuzz(tmp_path, 10, seed=1)
