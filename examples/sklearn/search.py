"""Tune a support vector machine on handwritten digits, in this process: `python examples/sklearn/search.py`"""

from __future__ import annotations

import json

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from caviar.integrations.sklearn import CaviarSearchCV

SPACE = {
    "svc__C": {"type": "float", "low": 1e-3, "high": 1e3, "scale": "log"},
    "svc__gamma": {"type": "float", "low": 1e-5, "high": 1.0, "scale": "log"},
}


def main() -> None:
    """Search by cross-validation on three quarters of the digits, then score the best on the last one."""
    x, y = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0, stratify=y)
    search = CaviarSearchCV(
        make_pipeline(StandardScaler(), SVC()), SPACE, n_iter=16, cv=3, random_state=0
    )
    search.fit(x_train, y_train)
    for round_ in search.rounds_:
        print(f"r{round_.index}  {round_.reason}")
    result = {
        "params": search.best_params_,
        "cv_accuracy": search.best_score_,
        "test_accuracy": search.score(x_test, y_test),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
