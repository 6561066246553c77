"""Places on GPUs: whoever comes and goes, no GPU is overfull, and who wants one alone has it alone, some day."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from caviar.scheduler.places import KEPT_S, Places

GPUS = ("GPU-a", "GPU-b", "GPU-c")

events = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 30)), max_size=80)


@given(events=events, gpus=st.integers(1, 3), each=st.integers(1, 4))
def test_no_gpu_is_overfull_and_alone_is_alone(
    events: list[tuple[bool, bool, int]], gpus: int, each: int
) -> None:
    """Arrivals and departures in any order, on any number of GPUs."""
    places = Places()
    on: dict[str, tuple[str, bool]] = {}
    for number, (arrives, alone, pick) in enumerate(events):
        if arrives:
            trial = f"t-{number}"
            gpu = places.take("host", GPUS[:gpus], each, trial, alone, float(number))
            if gpu is not None:
                on[trial] = (gpu, alone)
        elif on:
            trial = sorted(on)[pick % len(on)]
            places.leave("host", trial)
            del on[trial]
        for gpu in GPUS:
            here = [lonely for where, lonely in on.values() if where == gpu]
            assert len(here) <= (1 if any(here) else each)
        lonely = sum(alone for _, alone in on.values())
        assert places.blocked("host", each) == lonely * (each - 1)


@given(gpus=st.integers(1, 3), each=st.integers(2, 4), order=st.randoms())
def test_who_wants_a_gpu_alone_is_not_starved_by_those_that_share(
    gpus: int, each: int, order: st.DataObject
) -> None:
    """A host full of short shared trials, each replaced at once: within one round of departures there is a GPU."""
    places, now, count = Places(), 0.0, 0
    on: list[str] = []

    def fill() -> None:
        nonlocal count
        while True:
            count += 1
            if places.take("host", GPUS[:gpus], each, f"s-{count}", False, now) is None:
                return
            on.append(f"s-{count}")

    fill()
    assert len(on) == gpus * each
    for _ in range(gpus * each):
        if places.take("host", GPUS[:gpus], each, "alone", True, now) is not None:
            return
        now += KEPT_S / 4
        order.shuffle(on)  # type: ignore[attr-defined]
        places.leave("host", on.pop())
        fill()
    assert places.take("host", GPUS[:gpus], each, "alone", True, now) is not None


def test_the_host_is_kept_for_a_moment_only() -> None:
    """A trial that does not ask again (another host has it) blocks nobody."""
    places = Places()
    assert places.take("host", GPUS[:1], 2, "s", False, 0.0) == "GPU-a"
    assert places.take("host", GPUS[:1], 2, "alone", True, 0.0) is None
    assert places.take("host", GPUS[:1], 2, "other", False, KEPT_S / 2) is None
    assert places.take("host", GPUS[:1], 2, "other", False, KEPT_S + 0.1) == "GPU-a"


def test_those_that_share_are_put_together() -> None:
    """So that other GPUs stay whole for those that want one alone."""
    places = Places()
    taken = [places.take("host", GPUS, 2, f"s-{n}", False, 0.0) for n in range(2)]
    assert len(set(taken)) == 1
