"""LightGBM: reports each round's evaluation, ends a trial that fell behind, saves and resumes.

caviar = CaviarCallback(trial, rounds=500)
booster = lightgbm.train(
    params, train, caviar.rounds_left, valid_sets=[valid], valid_names=["valid"],
    init_model=caviar.model, callbacks=[caviar],
)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lightgbm import Booster
from lightgbm.callback import CallbackEnv, EarlyStopException

from caviar.integrations.course import Course

if TYPE_CHECKING:
    from caviar_worker import Trial

_FILE = "model.txt"


class CaviarCallback:
    """Metrics are called as MLflow's autologging calls them: ``valid-binary_logloss``.

    Also for the scikit-learn estimators, and for ``lightgbm.cv``, which reports means and has no checkpoint.
    """

    order = 25
    """Before ``early_stopping`` (30), which ends the round for whoever comes after it."""
    before_iteration = False

    def __init__(self, trial: Trial, *, rounds: int, every: int = 50) -> None:
        """``rounds``: of a whole training; ``every``: rounds between checkpoints."""
        self._course = Course(trial, every)
        self._rounds = rounds
        # LightGBM trains one round at least: from a checkpoint of the last one, that one again.
        self._start = min(self._course.start, rounds - 1)

    @property
    def rounds_left(self) -> int:
        """How many rounds are to be trained yet, for ``num_boost_round``."""
        return self._rounds - self._start

    @property
    def model(self) -> Booster | None:
        """The booster to go on from, for ``init_model``; None at the start."""
        found = self._course.checkpoint
        if found is None or self._start == 0:
            return None
        whole = Booster(model_file=found.path / _FILE)
        return Booster(model_str=whole.model_to_string(num_iteration=self._start))

    def __call__(self, env: CallbackEnv) -> None:
        """Raises EarlyStopException, which ends the training, where the trial is to stop; ValueError where there
        is a checkpoint and ``init_model`` was left out.
        """
        if env.begin_iteration != self._start:
            raise ValueError(
                f"Training begins at round {env.begin_iteration}, and the checkpoint goes on at {self._start}: "
                "call train(params, data, caviar.rounds_left, init_model=caviar.model, callbacks=[caviar])."
            )
        step, model = env.iteration, env.model
        results = env.evaluation_result_list or []
        metrics = {f"{data}-{name}": value for data, name, value, *_ in results}
        stop = self._course.report(step, metrics)
        last = stop or step + 1 == self._rounds
        if isinstance(model, Booster) and (last or self._course.is_due(step)):
            self._course.save(
                step, lambda folder: model.save_model(folder / _FILE, num_iteration=-1)
            )
        if stop:
            raise EarlyStopException(step, results)
