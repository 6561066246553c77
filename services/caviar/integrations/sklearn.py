"""scikit-learn: ``CaviarSearchCV``, in the place of ``RandomizedSearchCV`` or ``GridSearchCV``.

search = CaviarSearchCV(SVC(), {"C": {"type": "float", "low": 0.01, "high": 100, "scale": "log"}}, n_iter=30)
search.fit(X, y)
search.best_params_, search.best_score_, search.rounds_[-1].reason
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection._search import BaseSearchCV  # whose _run_search is for subclasses
from sklearn.utils import Tags, check_random_state, get_tags

from caviar.search import Asked, Exhausted, Searcher
from caviar.space import Space, every_point

_ALL_FAILED = "fits failed"
"""What scikit-learn says where no fit of a batch worked: of a whole search to its own, of a point or two here."""


class CaviarSearchCV(BaseSearchCV):
    """Coarse to fine search over an estimator's parameters, by cross-validation, in this process.

    Attributes after ``fit`` are those of scikit-learn's searches (``best_params_``, ``best_score_``,
    ``best_estimator_``, ``cv_results_``, ...), and ``rounds_``: the search's boxes in order, each with the reason why
    it moved. A point whose fits all fail is told to the search and warned of; it is not in ``cv_results_``.
    """

    def __init__(
        self,
        estimator: BaseEstimator,
        space: Mapping[str, Mapping[str, Any]],
        *,
        n_iter: int = 30,
        strategy: str = "zoom",
        scoring: str | Callable[..., Any] | Iterable[str] | Mapping[str, Any] | None = None,
        n_jobs: int | None = None,
        refit: bool | str | Callable[..., int] = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        random_state: int | np.random.RandomState | None = None,
        error_score: float | str = np.nan,
        return_train_score: bool = False,
    ) -> None:
        """``space``: parameters as in a study file; ``n_iter``: points to try, fewer where the space has fewer.

        With several scorers ``refit`` names the one that is tuned. ``n_jobs`` trains folds side by side, of as many
        points at once as that takes; each of these is chosen without knowing the others, so a search with
        another ``n_jobs`` may find other points. The other arguments are scikit-learn's.
        """
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.space = space
        self.n_iter = n_iter
        self.strategy = strategy
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        """What targets the estimator takes, the search takes: several at once, for instance."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = get_tags(self.estimator).target_tags.multi_output
        return tags

    def _run_search(
        self, evaluate_candidates: Callable[[list[dict[str, Any]]], Mapping[str, Any]]
    ) -> None:
        """Raises InputError for a space or strategy that is none, ValueError for an ``n_iter`` below 1."""
        if self.n_iter < 1:
            raise ValueError(f"n_iter={self.n_iter!r} is no number of points: 1 or more.")
        space = Space.parse(self.space)
        lattice = every_point(space)
        total = self.n_iter if lattice is None else min(self.n_iter, lattice.size)
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        searcher = Searcher(
            space, goal="maximize", strategy=self.strategy, seed=seed, budget=self.n_iter
        )
        at_once = math.ceil(effective_n_jobs(self.n_jobs) / self.n_splits_)
        tried = 0
        failure: ValueError | None = None
        succeeded = False
        while tried < total:
            points: list[Asked] = []
            with suppress(Exhausted):
                while len(points) < min(at_once, total - tried):
                    points.append(searcher.ask())
            if not points:
                break
            tried += len(points)
            try:
                results = evaluate_candidates([dict(point.params) for point in points])
            except ValueError as error:
                if _ALL_FAILED not in str(error):
                    raise
                failure = error
                warnings.warn(str(error), FitFailedWarning, stacklevel=2)
                for point in points:
                    searcher.tell(point, None)
                continue
            succeeded = True
            scores = results[self._tuned(results)][-len(points) :]
            for point, score in zip(points, scores, strict=True):
                searcher.tell(point, float(score))
        if failure is not None and not succeeded:
            raise failure
        self.rounds_ = searcher.rounds

    def _tuned(self, results: Mapping[str, Any]) -> str:
        """The column of the scores to maximise; scikit-learn's scorers are all better where they are greater."""
        for column in ("mean_test_score", f"mean_test_{self.refit}"):
            if column in results:
                return column
        names = [
            name.removeprefix("mean_test_") for name in results if name.startswith("mean_test_")
        ]
        raise ValueError(
            f"There are several scorers, and refit={self.refit!r} names none of them: "
            f"it says which one is tuned. One of {', '.join(names)}."
        )
