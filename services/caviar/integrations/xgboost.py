"""XGBoost: reports each round's evaluation, ends a trial that fell behind, saves and resumes.

caviar = CaviarCallback(trial, rounds=500)
booster = xgboost.train(
    params, train, caviar.rounds_left, evals=[(valid, "valid")],
    xgb_model=caviar.model, callbacks=[caviar],
)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from xgboost import Booster
from xgboost.callback import TrainingCallback

from caviar.integrations.course import Course

if TYPE_CHECKING:
    from caviar_worker import Trial

_FILE = "model.ubj"


class CaviarCallback(TrainingCallback):
    """Metrics are called as MLflow's autologging calls them: ``valid-logloss``.

    Also for the scikit-learn estimators, and for ``xgboost.cv``, which reports means and has no checkpoint.
    """

    def __init__(self, trial: Trial, *, rounds: int, every: int = 50) -> None:
        """``rounds``: of a whole training; ``every``: rounds between checkpoints."""
        self._course = Course(trial, every)
        self._rounds = rounds

    @property
    def rounds_left(self) -> int:
        """How many rounds are to be trained yet, for ``num_boost_round``."""
        return max(0, self._rounds - self._course.start)

    @property
    def model(self) -> Booster | None:
        """The booster to go on from, for ``xgb_model``; None at the start."""
        found = self._course.checkpoint
        return None if found is None else Booster(model_file=found.path / _FILE)

    def before_training(self, model: Any) -> Any:
        """Raises ValueError where there is a checkpoint and ``xgb_model`` was left out."""
        there = model.num_boosted_rounds()
        if there != self._course.start:
            raise ValueError(
                f"The booster has {there} rounds, and the checkpoint {self._course.start}: call "
                "train(params, data, caviar.rounds_left, xgb_model=caviar.model, callbacks=[caviar])."
            )
        return model

    def after_iteration(
        self, model: Any, epoch: int, evals_log: Mapping[str, Mapping[str, Any]]
    ) -> bool:
        """``epoch`` counts from 0 also in a training that goes on. True ends it."""
        step = self._course.start + epoch
        metrics = {
            f"{data}-{name}": _newest(values)
            for data, log in evals_log.items()
            for name, values in log.items()
        }
        stop = self._course.report(step, metrics)
        last = stop or step + 1 == self._rounds
        if isinstance(model, Booster) and (last or self._course.is_due(step)):
            self._course.save(step, lambda folder: model.save_model(folder / _FILE))
        return stop


def _newest(values: Any) -> Any:
    """The round's value; of a cross-validation the mean of (mean, deviation)."""
    value = values[-1]
    return value[0] if isinstance(value, tuple) else value
