"""What MLflow's webhooks say, and what only looks like them. Signed by MLflow's own sender."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from caviar.recheck.mlflow_events import WORDS, NotSigned, delivery_of, event_of
from tests.support.mlflow_events import signed

HOOK_KEY = "what-the-hook-signs-with"


def test_what_mlflow_signs_is_believed() -> None:
    """And named by its delivery, whatever the case of the headers."""
    headers, body = signed(HOOK_KEY)
    there = {name.lower(): value for name, value in headers.items()}
    for given in (headers, there):
        assert delivery_of(given, body, HOOK_KEY, time.time()) == headers["X-MLflow-Delivery-Id"]


@pytest.mark.parametrize(
    "forged",
    [
        lambda headers, body: (headers, body + b" "),
        lambda headers, body: (headers | {"X-MLflow-Delivery-Id": "another"}, body),
        lambda headers, body: (headers | {"X-MLflow-Timestamp": str(int(time.time()) + 1)}, body),
        lambda headers, body: (headers | {"X-MLflow-Signature": ""}, body),
        lambda headers, body: (headers | {"X-MLflow-Signature": "v1,é"}, body),
        lambda headers, body: (headers | {"X-MLflow-Signature": "v2," + "A" * 44}, body),
        lambda _, body: ({}, body),
    ],
)
def test_what_is_changed_on_its_way_is_not(forged: Any) -> None:
    """The body, the id and the time are signed together."""
    headers, body = forged(*signed(HOOK_KEY))
    with pytest.raises(NotSigned):
        delivery_of(headers, body, HOOK_KEY, time.time())


@pytest.mark.parametrize("secret", ["another", None])
def test_another_secret_or_none_is_the_same_refusal(secret: str | None) -> None:
    """So that nobody learns by asking where there is a hook; nor does an unsigned event pass where there is none."""
    for headers, body in (signed(HOOK_KEY), signed(None), signed("")):
        with pytest.raises(NotSigned) as refused:
            delivery_of(headers, body, secret, time.time())
        assert str(refused.value) == str(NotSigned())


@pytest.mark.parametrize("after_s", [301.0, -301.0])
def test_an_event_of_another_time_is_a_replay(after_s: float) -> None:
    headers, body = signed(HOOK_KEY)
    with pytest.raises(NotSigned):
        delivery_of(headers, body, HOOK_KEY, time.time() + after_s)


@pytest.mark.parametrize(
    "event, data, words",
    [
        ("model_version.created", {}, "model version created digits version 7"),
        (
            "model_version_alias.created",
            {"alias": "production"},
            "model version alias created digits version 7 alias production",
        ),
        (
            "model_version_alias.deleted",
            {"alias": "production"},
            "model version alias deleted digits version 7 alias production",
        ),
    ],
)
def test_what_happened_to_a_model_is_told_in_words(
    event: str, data: dict[str, Any], words: str
) -> None:
    found = event_of(signed(HOOK_KEY, event, **data)[1])
    assert found is not None
    assert (found.model, found.words) == ("digits", words)


@pytest.mark.parametrize(
    "event, data",
    [
        ("model_version_alias.created", {"alias": "champion"}),
        ("model_version_alias.deleted", {"alias": "champion"}),
        ("model_version_alias.created", {"alias": "proposed"}),
        ("model_version.created", {"tags": {"caviar.study": "1f0c2a9e"}}),
        ("model_version_tag.set", {"key": "a", "value": "b"}),
        ("registered_model.created", {}),
        ("prompt.created", {}),
    ],
)
def test_what_the_service_does_itself_calls_for_nothing(event: str, data: dict[str, Any]) -> None:
    """A check that moves an alias would call for the next one. Nor does what is about no version."""
    assert event_of(signed(HOOK_KEY, event, **data)[1]) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"entity": 3, "action": "created"}',
        b'{"entity": "model_version"}',
        b'{"entity": "model_version", "action": "created", "data": []}',
        b'{"data":' * 5000,
    ],
)
def test_what_is_no_event_is_none(body: bytes) -> None:
    assert event_of(body) is None


@pytest.mark.parametrize("odd", ["x" * 10_000, "a\x1b[2J\nb", 7, None, {"a": 1}, ["champion"]])
def test_a_strangers_text_stays_one_bounded_line(odd: Any) -> None:
    """Whatever stands where a name, a version or an alias belongs."""
    data = {"name": odd, "version": odd, "alias": odd, "tags": odd}
    event = {"entity": "model_version", "action": str(odd), "data": data}
    found = event_of(json.dumps(event).encode())
    assert found is not None
    assert found.words.isprintable()
    assert len(found.words) <= WORDS
