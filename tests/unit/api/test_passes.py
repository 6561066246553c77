"""A pass works once, within a minute."""

from __future__ import annotations

from caviar.api.passes import MOST, PASS_S, Passes


def test_a_pass_is_its_owners_once() -> None:
    passes = Passes()
    one, two = passes.issue("ada"), passes.issue("ben")
    assert one != two
    assert passes.take(two) == "ben"
    assert passes.take(two) is None
    assert passes.take(one) == "ada"
    assert passes.take("nobody's") is None


def test_a_pass_is_over_after_a_minute() -> None:
    now = [0.0]
    passes = Passes(lambda: now[0])
    in_time, late = passes.issue("ada"), passes.issue("ada")
    now[0] = PASS_S
    assert passes.take(in_time) == "ada"
    now[0] = PASS_S + 1
    assert passes.take(late) is None


def test_whoever_asks_for_ever_more_pushes_out_the_oldest() -> None:
    """They take no memory without end."""
    passes = Passes()
    first, second = passes.issue("ada"), passes.issue("ada")
    for _ in range(MOST - 1):
        passes.issue("eve")
    assert passes.take(first) is None
    assert passes.take(second) == "ada"
