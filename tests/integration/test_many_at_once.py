"""Many that come in one moment are served one after the other, not all of them at the very end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2

from tests.support.real_api import STUDY, TOKEN, serving

MANY = 100


def test_of_many_submissions_at_once_the_first_are_answered_while_the_last_wait(
    tmp_path: Path,
) -> None:
    """Each step of a request that queues again behind everybody's first step makes all wait for all."""

    async def submit(client: httpx2.AsyncClient, number: int) -> int:
        """How many studies there were when the answer came."""
        body = {"text": STUDY.format(name=f"one-of-many-{number}", trials=1)}
        headers = {"Idempotency-Key": f"key-{number}"}
        answer = await client.post("/studies", json=body, headers=headers)
        assert answer.status_code == 201
        assert answer.json()["id"]
        return await asyncio.to_thread(lambda: len(service.store.studies()))

    async def submit_all() -> list[int]:
        async with httpx2.AsyncClient(
            base_url=f"{service.url}/api/v1",
            headers={"Authorization": f"Bearer {TOKEN}"},
            trust_env=False,
            timeout=120,
            limits=httpx2.Limits(max_connections=MANY),
        ) as client:
            return await asyncio.gather(*(submit(client, number) for number in range(MANY)))

    with serving(tmp_path) as service:
        there = sorted(asyncio.run(submit_all()))
    assert there[-1] == MANY
    assert there[MANY // 10] < MANY // 2, there
