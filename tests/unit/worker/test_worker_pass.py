"""What a worker makes of the scheduler's answer when it asks for a trial's pass to MLflow."""

from __future__ import annotations

import pytest

from caviar.contract.messages import PassRequest
from caviar_worker.scheduler import Away, Refused, Scheduler
from tests.support.answering_service import answering_service

ASKED = PassRequest(trial="study-0", attempt=1, nonce="a-nonce-of-a-claim")


@pytest.mark.parametrize("status", [404, 405])
def test_a_scheduler_of_before_passes_has_none(status: int) -> None:
    """Its trials log as they did."""
    with answering_service() as service:
        service.problem("POST /worker/pass", status, "There is no such thing")
        assert Scheduler(service.url, "a-token").trial_pass(ASKED) is None


def test_a_pass_is_asked_for_with_the_claim() -> None:
    """The nonce shows that the claim is this worker's. The token is not shown by accident."""
    with answering_service() as service:
        service.answers["POST /worker/pass"] = (200, {"v": 1, "token": "cavt.a.b"})
        assert Scheduler(service.url, "a-token").trial_pass(ASKED) == "cavt.a.b"
        assert service.requests[0][3] == ASKED.model_dump()


@pytest.mark.parametrize(("status", "error"), [(409, Refused), (503, Away), (401, Away)])
def test_a_claim_that_does_not_hold_is_refused_and_a_failure_passes(
    status: int, error: type[Exception]
) -> None:
    """The first is for good, the others are asked again."""
    with answering_service() as service:
        service.problem("POST /worker/pass", status, "No")
        with pytest.raises(error):
            Scheduler(service.url, "a-token").trial_pass(ASKED)
