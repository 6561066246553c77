"""`CaviarSearchCV` is a search as scikit-learn's own: its estimator checks, and what is different."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from caviar.errors import InputError
from caviar.integrations.sklearn import CaviarSearchCV

C = {"C": {"type": "float", "low": 0.001, "high": 100.0, "scale": "log"}}
ALPHA = {"alpha": {"type": "float", "low": 0.01, "high": 100.0, "scale": "log"}}
SMALL = {"n_iter": 2, "cv": 2, "random_state": 0, "error_score": "raise"}
X, Y = load_iris(return_X_y=True)


@parametrize_with_checks(
    [CaviarSearchCV(LogisticRegression(), C, **SMALL), CaviarSearchCV(Ridge(), ALPHA, **SMALL)]
)
def test_scikit_learns_own_checks(
    estimator: BaseEstimator, check: Callable[[BaseEstimator], None]
) -> None:
    """None is expected to fail; scikit-learn excuses its own searches from two of them."""
    with warnings.catch_warnings():  # about data that the checks make hard on purpose
        for kind in (UserWarning, RuntimeWarning, ConvergenceWarning, FitFailedWarning):
            warnings.simplefilter("ignore", kind)
        check(estimator)


def search(**changes: Any) -> CaviarSearchCV:
    given = {"n_iter": 8, "cv": 3, "random_state": 0} | changes
    space = given.pop("space", C)
    return CaviarSearchCV(LogisticRegression(max_iter=1000), space, **given)


def test_the_best_is_the_best_of_what_was_tried_and_is_trained_on_all() -> None:
    """The surface that users of RandomizedSearchCV know, and the rounds with their reasons."""
    found = search().fit(X, Y)
    scores = found.cv_results_["mean_test_score"]
    assert len(scores) == 8
    assert found.best_score_ == scores.max() > 0.9
    again = cross_val_score(
        LogisticRegression(max_iter=1000, **found.best_params_), X, Y, cv=3
    ).mean()
    assert found.best_score_ == pytest.approx(again)
    assert found.predict(X).shape == Y.shape
    assert found.best_params_["C"] == found.best_estimator_.C
    assert found.rounds_[0].reason
    assert len(found.rounds_) >= 2


def test_the_same_seed_tries_the_same_points() -> None:
    """Another seed tries others."""
    first, second, other = (
        search(n_iter=4, random_state=seed).fit(X, Y).cv_results_["params"] for seed in (3, 3, 4)
    )
    assert first == second
    assert first != other


def test_folds_and_points_run_side_by_side() -> None:
    """With more jobs than folds several points are out at once; the number of points stays."""
    with parallel_config("threading"):
        found = search(n_iter=5, n_jobs=4).fit(X, Y)
    assert len(found.cv_results_["params"]) == 5


def test_a_space_is_not_tried_twice() -> None:
    """Four points are four trainings, whatever n_iter says, with a grid as well."""
    space = {
        "fit_intercept": {"type": "categorical", "choices": [True, False]},
        "C": {"type": "categorical", "choices": [0.1, 1.0]},
    }
    for strategy in ("zoom", "grid"):
        tried = search(space=space, n_iter=20, strategy=strategy).fit(X, Y).cv_results_["params"]
        assert len(tried) == len({tuple(sorted(point.items())) for point in tried}) == 4


def test_with_several_scorers_refit_names_the_one_that_is_tuned() -> None:
    """Without a name there is nothing to tune, and the error says so."""
    scoring = ["accuracy", "neg_log_loss"]
    found = search(scoring=scoring, refit="neg_log_loss").fit(X, Y)
    assert found.best_score_ == found.cv_results_["mean_test_neg_log_loss"].max()
    with pytest.raises(ValueError, match="names none of them"):
        search(scoring=scoring, refit=False).fit(X, Y)


def test_points_that_fail_are_passed_over() -> None:
    """The search goes on and avoids them, as with trials that fail; only where none works it fails."""
    space = {"solver": {"type": "categorical", "choices": ["lbfgs", "no such solver"]}, **C}
    with pytest.warns(FitFailedWarning, match="no such solver"):
        found = search(space=space).fit(X, Y)
    assert found.best_params_["solver"] == "lbfgs"
    assert 0 < len(found.cv_results_["params"]) < 8
    space = {"solver": {"type": "categorical", "choices": ["none", "no such solver"]}}
    with (
        pytest.warns(FitFailedWarning),
        pytest.raises(ValueError, match="'solver' parameter of LogisticRegression"),
    ):
        search(space=space).fit(X, Y)


def test_a_wrong_space_is_told_with_its_place() -> None:
    """At fit, as scikit-learn does it: a constructor only keeps what it is given."""
    wrong = search(space={"C": {"type": "float", "low": 0.0, "high": 1.0, "scale": "log"}})
    with pytest.raises(InputError, match=r"C\.low: a log scale cannot reach 0"):
        clone(wrong).fit(X, Y)
    with pytest.raises(ValueError, match="n_iter=0"):
        search(n_iter=0).fit(X, Y)
