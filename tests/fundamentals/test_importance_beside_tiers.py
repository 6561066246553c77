"""A tier is what is usually true; the results say what is true here."""

import pytest

from caviar.search import Searcher, importance
from caviar.space import Space

SPACE = Space.parse(
    {
        "learning_rate": {"type": "float", "low": 1e-4, "high": 1.0, "scale": "log"},
        "momentum": {"type": "float", "low": 0.9, "high": 0.999, "scale": "reverse_log"},
        "layers": {"type": "int", "low": 1, "high": 8},
        "epsilon": {"type": "float", "low": 1e-9, "high": 1e-6, "scale": "log"},
    }
)


def accuracy(params) -> float:
    """A task on which the number of layers decides, and the learning rate a little."""
    units = SPACE.to_unit(params)
    return 1.0 - 0.6 * abs(units[2] - 0.4) - 0.1 * abs(units[0] - 0.5)


@pytest.mark.parametrize("strategy", ["zoom", "optuna_tpe"])
def test_measured_importance_stands_beside_the_declared_tier(strategy):
    """Layers are tier 3 by their usual name; here they are measured first, and that is said."""
    searcher = Searcher(SPACE, goal="maximize", strategy=strategy, seed=0)
    for _ in range(50):
        point = searcher.ask()
        searcher.tell(point, accuracy(point.params))
    found = importance(SPACE, searcher.results)
    assert [item.name for item in found[:2]] == ["layers", "learning_rate"]
    assert found[0].verdict == (
        "declared tier 3, measured first of four. It mattered far more than declared."
    )
    assert sum(item.share for item in found) == pytest.approx(1.0)
