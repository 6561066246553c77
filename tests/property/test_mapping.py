"""What holds for the mapping of foreign runs, whatever they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from caviar.space import Space
from caviar.studies.mapping import mapped, typed

SPACE = Space.parse(
    {
        "learning_rate": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log"},
        "layers": {"type": "int", "low": 1, "high": 6, "default": 2},
        "solver": {"type": "categorical", "choices": ["sgd", "adam", 0.5, 3, True]},
        "beta1": {"type": "float", "low": 0.5, "high": 0.99, "when": {"solver": ["adam"]}},
    }
)
NAMES = st.sampled_from(
    [*SPACE.names, "lr", "opt.lr", "opt/layers", "num_layers", "adam_beta1", "Solver", "seed"]
)
VALUES = st.one_of(
    st.text(max_size=8),
    st.floats(),
    st.integers(),
    st.booleans(),
    st.floats(0, 7).map(str),
    st.sampled_from(["sgd", "ADAM", "1", "1.0", "true", "3"]),
)
RUNS = st.lists(
    st.tuples(st.dictionaries(NAMES, VALUES, max_size=8), st.one_of(st.none(), st.floats())),
    max_size=8,
)
PLACES = st.lists(st.floats(0, 1), min_size=len(SPACE), max_size=len(SPACE))


@given(RUNS)
def test_every_run_is_a_point_of_the_space_or_is_counted(runs: list) -> None:
    """Nothing raises, nothing is lost, and what is taken passes the space's own check."""
    found = mapped(SPACE, runs)
    assert len(found.taken) + sum(found.left_out.values()) == len(runs)
    for point, _ in found.taken:
        assert SPACE.check_point(point) == point


@given(PLACES)
def test_a_point_survives_being_logged(places: list[float]) -> None:
    """Written as MLflow writes parameters and read back, it is the same point."""
    point = SPACE.from_unit(places)
    text = {name: str(value) for name, value in point.items()}
    ((back, value),) = mapped(SPACE, [(text, 0.25)]).taken
    assert (back, value) == (point, 0.25)
    assert typed(SPACE, text) == point
