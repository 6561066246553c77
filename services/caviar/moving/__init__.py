"""Moving in: the search space of another tool as a study file, with a report of what became of each part of it.

Moving out: the trials of a study as CSV, Parquet or an Optuna study.

Files are data and never executed. A Ray Tune or a Hyperopt space consists of Python objects, so it is read where they
are, in the program that made them::

    from caviar.moving import from_ray

    moved = from_ray({"lr": tune.loguniform(1e-4, 1e-1)})
    Path("study.yaml").write_text(moved.text)
    print(moved.report)
"""

from caviar.moving.hyperopt import from_hyperopt
from caviar.moving.ray import from_ray
from caviar.moving.report import Line, Moved

__all__ = ["Line", "Moved", "from_hyperopt", "from_ray"]
