"""What workers and services said to each other is read for ever: `recorded/vN` has it as it was sent.

They were recorded between a real worker and a real service. `required.json` says which fields a message of that version
has in any case: a later one must not ask for more. Whoever raises PROTOCOL records the new version beside these.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from caviar.contract import messages, panda
from caviar.contract.messages import Message, Ticket
from caviar.contract.protocol import OLDEST, PROTOCOL, refusal

RECORDED = Path(__file__).parent / "recorded"
VERSIONS = range(OLDEST, PROTOCOL + 1)


def required_of(version: int) -> dict[str, list[str]]:
    """The fields of each kind of message that are always there."""
    found: dict[str, list[str]] = json.loads(
        (RECORDED / f"v{version}" / "required.json").read_text()
    )
    return found


def recorded() -> Iterator[tuple[str, int, dict[str, Any]]]:
    for version in VERSIONS:
        for kind in required_of(version):
            path = RECORDED / f"v{version}" / f"{kind}.json"
            yield from ((kind, version, message) for message in json.loads(path.read_text("utf-8")))


EVERY = [
    pytest.param(kind, message, id=f"v{version}-{kind}-{number}")
    for number, (kind, version, message) in enumerate(recorded())
]


def read(kind: str, message: object) -> Message:
    model: type[Message] = getattr(messages, kind, None) or getattr(panda, kind)
    return model.model_validate_json(json.dumps(message))


@pytest.mark.parametrize(("kind", "message"), EVERY)
def test_every_recorded_message_is_read_as_it_was_meant(kind: str, message: dict[str, Any]) -> None:
    """Each field is there under its name, with its value."""
    found = json.loads(read(kind, message).model_dump_json())
    assert at_least(message, found) == message


def at_least(wanted: Any, found: Any) -> Any:
    """``found`` without what ``wanted`` does not have."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return {key: at_least(value, found.get(key)) for key, value in wanted.items()}
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return [at_least(*pair) for pair in zip(wanted, found, strict=True)]
    return found


@pytest.mark.parametrize(("kind", "message"), EVERY)
def test_an_older_peer_leaves_out_what_came_later(kind: str, message: dict[str, Any]) -> None:
    """With nothing but the fields that were always there it is read, and what is missing has its default."""
    always = required_of(message["v"])[kind]
    assert read(kind, {name: message[name] for name in always}).v == PROTOCOL


@pytest.mark.parametrize(("kind", "message"), EVERY)
def test_what_a_newer_peer_adds_is_left_out(kind: str, message: dict[str, Any]) -> None:
    """At every depth; it changes nothing of the rest."""
    assert read(kind, with_more(message)) == read(kind, message)


def with_more(value: Any) -> Any:
    """A field that nobody knows in every object whose keys are names of fields, not of trials and metrics."""
    if isinstance(value, list):
        return [with_more(each) for each in value]
    if not isinstance(value, dict):
        return value
    named = {key: with_more(each) for key, each in value.items()}
    free = (
        not value
        or not all(key.isidentifier() for key in value)
        or set(value) & {"x", "size", "learning_rate"}
    )
    return named if free else named | {"later": {"what": [1, None]}}


def test_every_kind_of_message_was_recorded() -> None:
    """A new one is recorded with the version that brought it."""
    kinds = {kind.__name__ for kind in _kinds(Message)} - {"Assignment"}  # inside of a ClaimAnswer
    for version in VERSIONS:
        assert set(required_of(version)) <= kinds
    assert set(required_of(PROTOCOL)) == kinds


def _kinds(root: type[Message]) -> Iterator[type[Message]]:
    for kind in root.__subclasses__():
        yield kind
        yield from _kinds(kind)


@pytest.mark.parametrize("version", [OLDEST - 1, PROTOCOL + 1, 77, True, "1", None])
def test_a_message_of_another_version_is_refused_with_both(version: object) -> None:
    """Not read as if it were one's own."""
    _, _, ticket = next(each for each in recorded() if each[0] == "Ticket")
    if version in (True, "1"):
        assert read("Ticket", ticket | {"v": version}).v == 1  # as JSON's readers have it
        return
    with pytest.raises(ValidationError) as refused:
        Ticket.model_validate(ticket | {"v": version})
    if version is not None:
        assert f"version {version} of the protocol; this side understands version" in str(
            refused.value
        )


def test_a_refusal_names_both_versions_and_the_way_out() -> None:
    """Who states nothing is of the first version."""
    assert refusal(str(PROTOCOL)) is None
    assert (refusal(None) is None) == (OLDEST == 1)
    newer = refusal(str(PROTOCOL + 1))
    assert newer is not None
    assert f"speaks version {PROTOCOL + 1} " in newer
    assert f"this service version {PROTOCOL}." in newer
    assert newer.endswith("Upgrade the service first, then its workers.")
    older = refusal(str(OLDEST - 1))
    assert older is not None
    assert "Upgrade this worker" in older
    for text in ("", "one", "1.0", "-1", "²", "1" * 50):
        assert "is no version" in str(refusal(text))
