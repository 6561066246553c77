from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks
from caviar.integrations.sklearn import CaviarSearchCV
C = {"C": {"type": "float", "low": 0.01, "high": 100.0, "scale": "log"}}
A = {"alpha": {"type": "float", "low": 0.01, "high": 100.0, "scale": "log"}}
import pytest
@pytest.mark.filterwarnings("ignore::UserWarning","ignore::sklearn.exceptions.FitFailedWarning","ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([CaviarSearchCV(LogisticRegression(), C, n_iter=2, cv=2, random_state=0, error_score="raise"), CaviarSearchCV(Ridge(), A, n_iter=2, cv=2, random_state=0, error_score="raise")])
def test_x(estimator, check):
    check(estimator)
