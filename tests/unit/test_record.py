"""What MLflow is told so that the store can be written again: it fits, and it is read back as it was."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from caviar.contract.ending import MOST_TEXT, TrialEnd
from caviar.contract.names import rebuilt_of, study_of, trial_id
from caviar.contract.record import RoundEntry

numbers = st.floats(allow_nan=False, allow_infinity=False)
errors = st.text(st.characters(codec="utf-8"), max_size=8000)
curves = st.lists(st.tuples(st.integers(0, 2**62), st.none() | numbers), max_size=256)


@given(
    st.none() | numbers,
    st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=40), numbers, max_size=60),
    curves,
    errors,
)
def test_how_a_trial_ended_fits_a_tag(
    value: float | None,
    metrics: dict[str, float],
    curve: list[tuple[int, float | None]],
    error: str,
) -> None:
    """Whatever user code left behind: MLflow takes the tag, and value and seconds come back exactly."""
    end = TrialEnd(
        value=value, metrics=metrics, steps=7, curve=tuple(curve), error=error, seconds=0.1 + 0.2
    )
    text = end.to_tag()
    assert len(text) <= MOST_TEXT
    back = TrialEnd.model_validate_json(text)
    assert (back.value, back.seconds, back.steps) == (value, end.seconds, 7)
    assert error.endswith(back.error)
    assert back.metrics in (metrics, {})
    assert back.curve in (tuple(curve), ())


def test_an_ordinary_end_is_told_whole() -> None:
    """A traceback loses its start only where nothing else fits."""
    end = TrialEnd(metrics={"latency": 3.5}, curve=((0, 1.5), (3, None)), error="x" * 6000)
    assert TrialEnd.model_validate_json(end.to_tag()) == end
    longer = TrialEnd(error="start" + "y" * 8000, metrics={"latency": 3.5})
    back = TrialEnd.model_validate_json(longer.to_tag())
    assert back.metrics == longer.metrics
    assert len(back.error) > 4000


def test_what_a_search_keeps_may_be_infinite() -> None:
    """A round's memory is the strategy's own."""
    entry = RoundEntry(index=1, created=1.5, data={"memory": {"worst": float("inf"), "n": 1}})
    back = RoundEntry.model_validate_json(entry.model_dump_json())
    assert back == entry
    assert json.loads(entry.model_dump_json())["data"]["memory"]["n"] == 1


@given(st.from_regex(r"[0-9a-f]{8}", fullmatch=True), st.integers(0, 10**6), st.integers(0, 999))
def test_a_trial_says_whose_it_is(study: str, number: int, rebuilt: int) -> None:
    """Ids of one number differ by how often the study came back, and each names its study."""
    identifier = trial_id(study, number, rebuilt)
    assert study_of(identifier) == study
    assert rebuilt_of(identifier) == rebuilt
    assert identifier.endswith(f"-{number}")
    assert (identifier == trial_id(study, number)) == (rebuilt == 0)
