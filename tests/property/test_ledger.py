"""Laws of the ledger: the optimum is never lost to an early shrink, nothing moves in silence, undo is exact."""

import itertools

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from caviar.search import (
    History,
    Result,
    Round,
    Settings,
    branched,
    first_round,
    in_force,
    propose,
    refine,
    undone,
)
from caviar.space import Box, Space
from tests.support.searches import SPACES, histories, law, ledger

SQUARE = Space.parse({name: {"type": "float", "low": 0.0, "high": 1.0} for name in ("x", "y")})

steady = settings(law, derandomize=True)
"""For what holds for all but a search in thousands: the same examples every time."""


@st.composite
def misled(draw: st.DrawFn) -> tuple[Settings, np.ndarray, History, list[Round]]:
    """A bowl whose optimum is anywhere, also on the study's own bounds; the first 20 trials lie in a corner of a
    tenth of the space far from it, so that the first boxes shrink around the wrong place. 40 trials follow."""
    optimum = np.array([draw(st.sampled_from([0.0, 0.1, 0.37, 0.5, 0.8, 1.0])) for _ in "xy"])
    config = Settings("minimize", "zoom", draw(st.integers(0, 20)))
    rng = np.random.default_rng(config.seed)
    corner = np.where(optimum < 0.5, optimum + 0.4, optimum - 0.4)
    known, rounds = History(SQUARE, "minimize"), [first_round(SQUARE, config)]
    for number in range(60):
        point = (
            SQUARE.from_unit(np.clip(corner + 0.1 * (rng.random(2) - 0.5), 0, 1))
            if number < 20
            else propose(SQUARE, config, rounds[-1], known, [], number)
        )
        known.add(Result(number, point, float(((SQUARE.to_unit(point) - optimum) ** 2).sum())))
        new = refine(SQUARE, config, rounds, known)
        rounds += [new] if new else []
    return config, optimum, known, rounds


@steady
@given(misled())
def test_an_early_shrink_does_not_lose_the_optimum(search):
    """Boxes that closed in on the wrong corner open and move: the optimum is found."""
    _, optimum, known, rounds = search
    early = [round_ for round_ in rounds if round_.results <= 20]
    assume(not early[-1].box.contains(SQUARE.from_unit(optimum)))
    assert min(result.value for result in known) < 0.02**2


@steady
@given(misled())
def test_a_best_trial_at_an_edge_widens_or_moves_the_box(search):
    """Beyond that edge, never beyond the study's bounds; where the bound is the study's own, the round says so."""
    _, _, known, rounds = search
    for before, now in itertools.pairwise(rounds):
        assert now.box.inside(Box.whole(SQUARE))
        for name in "xy" if now.kind != "restart" else "":
            old, new, edge = before.box.side(name), now.box.side(name), now.edges.get(name, "")
            place = known[now.incumbent].params[name]
            if "lower edge" in edge or "below" in edge:
                assert new.lo < old.lo
            if "upper edge" in edge or "above" in edge:
                assert new.hi > old.hi
            if place in (0.0, 1.0):
                end = "lower" if place == 0.0 else "upper"
                assert edge.endswith(f"at the study's own {end} bound")


@law
@given(histories())
def test_every_edge_that_is_named_was_there(history):
    """A side without an edge had the best trial well inside; one that says above or below had it outside."""
    space, config, results = history
    for before, now in itertools.pairwise(ledger(space, config, results)):
        best = results[now.incumbent].params
        for name in set(best) & set(now.edges):
            side, place = before.box.side(name), space[name].to_unit(best[name])
            if "above" in now.edges[name]:
                assert place > side.hi
            if "below" in now.edges[name]:
                assert place < side.lo
        if not before.box.contains(best):
            outside = [text for text in now.edges.values() if "box" in text]
            kinds = [text for text in now.changes.values() if text.startswith(("widened", "moved"))]
            assert outside or kinds


@steady
@given(st.sampled_from([SQUARE, SPACES[1]]), st.integers(0, 9), st.integers(0, 99))
def test_a_share_of_the_proposals_lies_outside_the_box(space, seed, place):
    """However small the box: a better region is never out of reach."""
    config = Settings("minimize", "zoom", seed)
    rng = np.random.default_rng(place)
    centre = rng.random(len(space))
    vectors = np.clip(centre + 0.3 * (rng.random((30, len(space))) - 0.5), 0, 1)
    points = [space.from_unit(vector) for vector in vectors]
    results = [
        Result(i, point, float(abs(space.to_unit(point) - centre).sum()))
        for i, point in enumerate(points)
    ]
    rounds = ledger(space, config, results)
    assume(rounds[-1].box != rounds[0].box)
    drawn = [propose(space, config, rounds[-1], results, [], number) for number in range(30, 70)]
    inside = sum(rounds[-1].box.contains(point) for point in drawn)
    assert inside / len(drawn) < 0.95


@law
@given(histories())
def test_a_box_never_opens_wide_in_silence(history):
    """The sides' length grows by half after two better trials and by a fifth for each tie: more is a restart, and
    the ledger has it as a round of its own, with the reason."""
    space, config, results = history
    for before, now in itertools.pairwise(ledger(space, config, results)):
        if now.kind == "restart":
            assert "so it opens wide around it again" in now.reason
            assert now.memory["length"] > before.memory["length"]
        elif "length" in before.memory:
            most = 1.5 * 1.2 ** now.memory["ties"] * before.memory["length"]
            assert now.memory["length"] <= most * (1 + 1e-9)


@law
@given(histories(), st.integers(1, 9))
def test_an_undo_is_exact_and_holds(history, number):
    """The box of the round before, whatever has been found since, within the study's bounds; no round follows until
    results come, and the one that follows holds the best trial again."""
    space, config, results = history
    rounds = ledger(space, config, results)
    assume(number < len(rounds))
    known = History(space, config.goal, results)
    undo = undone(rounds, number, known)
    assert undo.box == rounds[number - 1].box
    assert undo.box.inside(Box.whole(space))
    assert Round.from_json(space, undo.to_json()) == undo
    rounds.append(undo)
    assert in_force(rounds) == {*range(number), undo.index}
    assert refine(space, config, rounds, known) is None
    first = len(results)
    for extra in range(3):
        known.add(Result(first + extra, results[0].params, None))
        assert refine(space, config, rounds, known) is None
    for extra in range(3, 9):
        known.add(Result(first + extra, results[0].params, None))
    following = refine(space, config, rounds, known)
    assert following.parent == undo.index
    assert following.box.contains(results[following.incumbent].params)


@law
@given(histories(), st.integers(0, 9))
def test_a_branch_begins_in_its_box(history, number):
    """Without results of its own every proposal lies in the round's box, and none comes twice while it has others."""
    space, config, results = history
    rounds = ledger(space, config, results)
    origin = rounds[number % len(rounds)]
    first = branched(origin, "another", origin.results)
    assert first.box == origin.box
    assert Round.from_json(space, first.to_json()) == first
    drawn = []
    for trial in range(6):
        point = propose(space, config, first, [], drawn, trial, results)
        assert space.check_point(point) == point
        if space.key(point) in {space.key(other) for other in drawn}:
            assert space is SPACES[2]
        if space is not SPACES[2]:
            assert first.box.contains(point)
        drawn.append(point)
