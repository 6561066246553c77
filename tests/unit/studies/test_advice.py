"""Many models or one: what fits the slots, the time of a training and the hours that are left."""

from __future__ import annotations

from caviar.studies.advice import which


def test_one_slot_for_a_night_of_long_trainings_is_for_one_model() -> None:
    """Two whole trainings leave nothing to choose from."""
    mode, why = which(slots=1, trials=60, trial_hours=5.0, hours=12.0)
    assert mode == "panda"
    assert why.startswith("12 h on one slot are 2 trainings of 5 h: too few for a search")


def test_eight_slots_for_the_same_night_are_for_many() -> None:
    """Nineteen trainings are a search."""
    assert which(slots=8, trials=60, trial_hours=5.0, hours=12.0) == (
        "caviar",
        "12 h on 8 slots are 19 trainings of 5 h: enough for a search over many models.",
    )


def test_without_any_figure_the_budget_of_trials_decides() -> None:
    """Nobody knows how long one takes before the first has ended."""
    assert which(slots=2, trials=60, trial_hours=None, hours=None)[0] == "caviar"
    assert which(slots=1, trials=3, trial_hours=None, hours=8.0)[0] == "panda"
