"""A view that MLflow's page of an experiment offers under *Views*: a study's trials, best first, with their columns and
charts.

MLflow shows no column of a metric or a parameter until somebody chooses them. It keeps views as tags of the experiment,
which any of its clients may write; their content is its page's own, so a later one may leave this view out.
"""

from __future__ import annotations

import json

from caviar.adapters.sql import StudyRecord
from caviar.contract import pages
from caviar.contract.names import TAG_ROUND, TAG_STATE
from caviar.studies.spec import Study

KEY = "mlflow.sharedViewState.caviar-trials"
"""One a project: MLflow takes 40 views of an experiment, and most of them are people's own."""
NAME = "Newest study: trials, best first"
MOST_COLUMNS = 80
MOST_AXES = 12


def view_of(record: StudyRecord, study: Study) -> dict[str, str]:
    """The tag of the experiment that makes the view that of this study."""
    metric = f"metrics.`{study.metric.name}`"
    bounded = [f"metrics.`{each.metric}`" for each in study.constraints]
    columns = [metric, *bounded, *(f"params.`{name}`" for name in study.space.names)]
    columns += [f"tags.`{name}`" for name in (TAG_STATE, TAG_ROUND)]
    # The chart leaves out every trial that lacks one of its parameters.
    always = [view.name for view in study.space.to_views() if view.when is None]
    state = {
        "searchFilter": pages.trials_filter(record.id),
        "orderByKey": metric,
        "orderByAsc": study.metric.goal == "minimize",
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": columns[:MOST_COLUMNS],
        "runsHiddenMode": "FIRST_20_RUNS",
        "hideEmptyCharts": True,
        "useGroupedValuesInCharts": True,
        "groupBy": None,
        "compareRunSections": [
            _section("caviar-parameters", "Parameters and result") | {"columns": 1},
            _section("caviar-metrics", "Model metrics"),  # where the page puts those that it finds
        ],
        "compareRunCharts": [
            {
                "type": "PARALLEL",
                "uuid": "caviar-parallel",
                "metricSectionId": "caviar-parameters",
                "selectedParams": always[:MOST_AXES],
                "selectedMetrics": [study.metric.name],
                "showAllRuns": True,
                "runsCountToCompare": 10,
                "deleted": False,
                "isGenerated": False,
            }
        ],
    }
    at = round(record.created * 1000)
    told = {"name": NAME, "createdAt": at, "updatedAt": at, "state": json.dumps(state)}
    return {KEY: json.dumps(told)}


def _section(uuid: str, name: str) -> dict[str, object]:
    return {"uuid": uuid, "name": name, "display": True, "isReordered": False}
