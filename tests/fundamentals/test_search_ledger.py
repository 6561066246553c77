"""The ledger of rounds: read it, take a round back, start another search from one."""

from caviar.search import History, Searcher, branched, in_force, propose, refine, undone
from caviar.space import Space

SPACE = Space.parse(
    {
        "lr": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log"},
        "layers": {"type": "int", "low": 1, "high": 6},
    }
)


def loss(params) -> float:
    return abs(SPACE.to_unit(params)[0] - 0.6) + abs(params["layers"] - 4) / 20


def searched(trials: int) -> Searcher:
    searcher = Searcher(SPACE, goal="minimize")
    for _ in range(trials):
        point = searcher.ask()
        searcher.tell(point, loss(point.params))
    return searcher


def test_a_round_says_all_that_it_rests_on():
    """The box before and after on each parameter's own scale, the trials behind it, and the reason."""
    first, second = searched(20).rounds[:2]
    view = second.to_view(before=first.box)
    assert view.before["lr"].low == 1e-4
    assert view.before["lr"].low < view.box["lr"].low < view.box["lr"].high
    assert view.support[0] == second.incumbent
    assert view.reason == second.reason


def test_a_round_is_taken_back():
    """Undo adds a round and deletes none; the search goes on from the box before, for a whole rhythm at least."""
    searcher = searched(20)
    rounds = list(searcher.rounds)
    history = History(SPACE, "minimize", searcher.results)
    rounds.append(undone(rounds, 2, history, "ada"))
    assert rounds[-1].box == rounds[1].box
    assert rounds[-1].reason.startswith(f"Rounds 2 to {len(rounds) - 2} were taken back by ada")
    assert in_force(rounds) == {0, 1, len(rounds) - 1}
    assert refine(SPACE, searcher.settings, rounds, history) is None


def test_another_search_starts_from_a_round():
    """A branch has no trials yet: its first ones lie in the box, and the results so far are from elsewhere to it."""
    searcher = searched(20)
    first = branched(searcher.rounds[2], "digits", searcher.rounds[2].results)
    known = searcher.results[: searcher.rounds[2].results]
    points = [propose(SPACE, searcher.settings, first, [], [], n, known) for n in range(4)]
    assert all(first.box.contains(point) for point in points)
