"""Tiers are where the search begins, not where it ends."""

import numpy as np
import pytest

from caviar.search.zoom.model import TIER_TRUST, prior_log_lengths
from caviar.space import Space


def space(*tiers: int | None) -> Space:
    """One number for each tier; None: no tier is declared or known by name."""
    ends = {"type": "float", "low": 0.0, "high": 1.0}
    given = [{} if tier is None else {"tier": tier} for tier in tiers]
    return Space.parse({f"x{i}": ends | extra for i, extra in enumerate(given)})


def test_what_matters_more_is_believed_to_change_over_shorter_lengths():
    """Tier 1 before 2 before 3 before 4, and one without a tier in the middle."""
    lengths = prior_log_lengths(space(1, 2, None, 3, 4))
    assert list(lengths) == sorted(lengths)
    assert len(set(lengths)) == 5


def test_only_differences_between_tiers_count():
    """A space whose parameters are all alike is searched like one without tiers, to the last bit."""
    alike = prior_log_lengths(space(None, None, None))
    for tier in (1, 2, 3, 4):
        assert prior_log_lengths(space(tier, tier, tier)) == pytest.approx(alike, abs=1e-12)
    assert len(set(alike)) == 1
    assert np.array_equal(prior_log_lengths(space(None, None, None), 500), alike)


def test_a_tier_fades_as_results_come_in():
    """Whole up to a dozen results, then in proportion: after a hundred an eighth is left."""

    def apart(results: int) -> float:
        lengths = prior_log_lengths(space(1, 4, 4), results)
        return float(lengths[1] - lengths[0])

    assert apart(0) == apart(TIER_TRUST) == pytest.approx(1.0)
    assert apart(8 * TIER_TRUST) == pytest.approx(1 / 8)
