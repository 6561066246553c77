"""Grafana's dashboard, from a description that one can read: `python deploy/observability/dashboard.py` writes it.

The rows are the questions of somebody who was woken up, in the order in which they are asked: is something wrong, does
it train, who waits, what fails, do results reach MLflow, is the service quick, what does it use.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

TARGET: Final = Path(__file__).parent / "grafana" / "caviar.json"
SOURCE: Final = {"type": "prometheus", "uid": "caviar-prometheus"}
"""As in grafana/datasources.yml."""
WIDTH: Final = 24
"""Columns of Grafana's grid."""
GREEN, ORANGE, RED = "green", "orange", "red"

Steps = Sequence[tuple[float, str]]
"""From each value on its colour; below the first it is green."""


@dataclass(frozen=True)
class Panel:
    """``asks``: PromQL -> the legend of what it returns, with Grafana's ``{{label}}``."""

    title: str
    about: str
    asks: dict[str, str]
    kind: str = "timeseries"
    unit: str = "short"
    width: int = 8
    steps: Steps = ()
    words: dict[int, str] = field(default_factory=dict)
    """Value -> what is shown instead."""
    stacked: bool = False
    colours: dict[str, str] = field(default_factory=dict)
    """Name of a series -> its colour."""


ENDED = 'caviar_finishes_total{verdict="accepted"'
WORKER = 'route=~"/api/v1/worker/(claim|heartbeat|finish)"'


def quantile(q: float, series: str, by: str) -> str:
    return f"histogram_quantile({q}, sum by (le{by}) (rate({series}[$__rate_interval])))"


ROWS: Final[dict[str, tuple[int, list[Panel]]]] = {
    "Is something wrong?": (
        5,
        [
            Panel(
                "Parts",
                "DOWN: docker compose ps, then docs/how-to/watch.md. No data: the scheduler does not answer at all.",
                {'up{job="caviar"}': "service", "caviar_part_up": "{{part}}"},
                kind="stat",
                width=6,
                steps=[(0, RED), (1, GREEN)],
                words={0: "DOWN", 1: "up"},
            ),
            Panel(
                "Alerts",
                "What fires now. docs/how-to/watch.md says for each what to do.",
                {'sum by (alertname, severity) (ALERTS{alertstate="firing"})': ""},
                kind="table",
                width=6,
            ),
            Panel(
                "Slots that train",
                "Of all slots. Low while trials wait: see Who waits?",
                {"1 - sum(caviar_slots_free) / (sum(caviar_slots) > 0)": "busy"},
                kind="stat",
                unit="percentunit",
                width=3,
            ),
            Panel(
                "Trials that wait",
                "That would start if a slot were free.",
                {"sum(caviar_trials_waiting) or vector(0)": "waiting"},
                kind="stat",
                width=3,
            ),
            Panel(
                "Oldest result on a disk",
                "Since when the first ended trial waits to be complete in MLflow.",
                {"caviar_runs_waiting_seconds": "oldest"},
                kind="stat",
                unit="s",
                width=3,
                steps=[(300, ORANGE), (900, RED)],
            ),
            Panel(
                "Workers with a warning",
                "Their disk is nearly full, mostly: caviar doctor says what.",
                {"sum(caviar_workers_warning) + sum(caviar_workers_aside)": "workers"},
                kind="stat",
                width=3,
                steps=[(1, ORANGE)],
            ),
        ],
    ),
    "Does it train?": (
        8,
        [
            Panel(
                "Attempts that end, a minute",
                "By how they ended. stopped is early stopping at work, released a worker that shut down.",
                {f"60 * sum by (outcome) (rate({ENDED}}}[$__rate_interval]))": "{{outcome}}"},
                stacked=True,
                colours={
                    "done": GREEN,
                    "stopped": "blue",
                    "released": "purple",
                    "failed": ORANGE,
                    "crashed": RED,
                },
            ),
            Panel(
                "Slots",
                "All slots against those that train. All of them gone: the workers do not call.",
                {
                    "sum by (resource_class) (caviar_slots)": "{{resource_class}}: all",
                    "sum by (resource_class) (caviar_slots - caviar_slots_free)": "{{resource_class}}: busy",
                },
            ),
            Panel(
                "Trials that train, by team",
                "Who has the slots.",
                {"sum by (team) (caviar_trials_running)": "{{team}}"},
                stacked=True,
            ),
        ],
    ),
    "Who waits?": (
        8,
        [
            Panel(
                "Trials that wait, by team",
                "As far as the team's quota allows. caviar queue says why each study waits.",
                {"sum by (team) (caviar_trials_waiting)": "{{team}}"},
                stacked=True,
            ),
            Panel(
                "Slots: wanted and there",
                "Wanted without any there: nobody serves that class.",
                {
                    "caviar_slots_wanted": "{{resource_class}}: wanted",
                    "caviar_slots": "{{resource_class}}: there",
                },
            ),
            Panel(
                "Studies that go on",
                "By team; paused ones start nothing.",
                {"caviar_studies": "{{team}}: {{state}}"},
            ),
        ],
    ),
    "What fails?": (
        8,
        [
            Panel(
                "Share of attempts that fail or crash",
                "Near 1 for all at once: an image, a data set or a mount is gone, not a bad learning rate.",
                {
                    f'sum(rate({ENDED},outcome=~"failed|crashed"}}[10m])) / (sum(rate({ENDED}}}[10m])) > 0)': "share",
                },
                unit="percentunit",
                steps=[(0.2, ORANGE), (0.5, RED)],
            ),
            Panel(
                "Lost and given up",
                "In five minutes. Lost: a worker's host went away. Given up: a trial crashed or was lost too often.",
                {
                    "increase(caviar_attempts_lost_total[5m])": "lost",
                    "increase(caviar_trials_quarantined_total[5m])": "given up",
                    "caviar_tickets_unclaimed": "unclaimed",
                },
                colours={"lost": ORANGE, "given up": RED},
            ),
            Panel(
                "Workers",
                "aside: trials failed there that succeed elsewhere; caviar workers says why.",
                {
                    "sum by (resource_class) (caviar_workers)": "{{resource_class}}: call",
                    "sum by (resource_class) (caviar_workers_warning)": "{{resource_class}}: warn",
                    "sum by (resource_class) (caviar_workers_aside)": "{{resource_class}}: aside",
                },
            ),
        ],
    ),
    "Do results reach MLflow?": (
        8,
        [
            Panel(
                "Runs that wait, by host",
                "One host: its shipper or its disk. All: MLflow or the refiner. Nothing is lost: it waits on disks.",
                {"topk(10, caviar_host_runs_waiting)": "{{host}}"},
                width=12,
                stacked=True,
            ),
            Panel(
                "How long the first has waited",
                "Grows by a minute a minute: nothing arrives.",
                {"caviar_runs_waiting_seconds": "oldest"},
                unit="s",
                width=12,
                steps=[(300, ORANGE), (900, RED)],
            ),
        ],
    ),
    "Is the service quick?": (
        8,
        [
            Panel(
                "What workers ask, 99th percentile",
                "Claims, heartbeats and ends. Beyond a second the slots wait for the scheduler.",
                {
                    quantile(
                        0.99, f"caviar_request_seconds_bucket{{{WORKER}}}", ", route"
                    ): "{{route}}"
                },
                unit="s",
                steps=[(0.5, ORANGE), (1, RED)],
            ),
            Panel(
                "Silence against the lease",
                "A worker calls every quarter of the lease. One that is silent for all of it loses its trials.",
                {
                    "caviar_workers_silent_seconds": "{{resource_class}}",
                    "caviar_lease_seconds": "lease",
                },
                unit="s",
                colours={"lease": RED},
            ),
            Panel(
                "The scheduler's turns",
                "99th percentile, and how long ago the last one was.",
                {
                    quantile(0.99, "caviar_tick_seconds_bucket", ""): "99 %",
                    "caviar_tick_age_seconds": "since the last",
                },
                unit="s",
            ),
            Panel(
                "Requests a second, by status",
                "5xx is a fault of the service, 429 somebody who asks too often.",
                {
                    "sum by (status) (rate(caviar_request_seconds_count[$__rate_interval]))": "{{status}}"
                },
                unit="reqps",
                stacked=True,
            ),
            Panel(
                "Slowest routes, 95th percentile",
                "Of people and programs.",
                {
                    "topk(5, "
                    + quantile(
                        0.95, 'caviar_request_seconds_bucket{route!~"/api/v1/worker/.*"}', ", route"
                    )
                    + ")": "{{route}}"
                },
                unit="s",
            ),
            Panel(
                "Claims a second",
                "Refused ones are normal while a team is at its quota.",
                {
                    "sum by (granted) (rate(caviar_claims_total[$__rate_interval]))": "granted: {{granted}}"
                },
                unit="reqps",
            ),
        ],
    ),
    "What does it use?": (
        7,
        [
            Panel(
                "Memory",
                "Of the scheduler and of Prometheus itself. docker stats has the others.",
                {"process_resident_memory_bytes": "{{job}}"},
                unit="bytes",
            ),
            Panel(
                "CPU",
                "1 is a whole core.",
                {"rate(process_cpu_seconds_total[$__rate_interval])": "{{job}}"},
            ),
            Panel(
                "Restarts and open files",
                "Restarts in an hour: something kills the scheduler, its log says what.",
                {
                    'changes(process_start_time_seconds{job="caviar"}[1h])': "restarts",
                    'process_open_fds{job="caviar"} / process_max_fds{job="caviar"}': "open files, of the limit",
                },
            ),
        ],
    ),
}


def dashboard() -> dict[str, Any]:
    panels: list[dict[str, Any]] = []
    top = 0
    for title, (height, row) in ROWS.items():
        place = {"x": 0, "y": top, "w": WIDTH, "h": 1}
        panels.append(
            {"type": "row", "title": title, "gridPos": place, "collapsed": False, "panels": []}
        )
        top, left = top + 1, 0
        for panel in row:
            if left + panel.width > WIDTH:
                top, left = top + height, 0
            place = {"x": left, "y": top, "w": panel.width, "h": height}
            panels.append(_panel(panel) | {"gridPos": place})
            left += panel.width
        top += height
    for number, panel in enumerate(panels, start=1):
        panel["id"] = number
    return {
        "uid": "caviar",
        "title": "Caviar",
        "description": "Written by deploy/observability/dashboard.py.",
        "tags": ["caviar"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "graphTooltip": 1,  # one crosshair for all: what happened at the same time
        "templating": {"list": []},
        "annotations": {"list": [_restarts()]},
        "panels": panels,
    }


def _restarts() -> dict[str, Any]:
    return {
        "name": "Scheduler started",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "blue",
        "expr": 'changes(process_start_time_seconds{job="caviar"}[1m]) > 0',
        "titleFormat": "The scheduler started",
    }


def _panel(panel: Panel) -> dict[str, Any]:
    table = panel.kind == "table"
    targets = [
        {
            "refId": chr(ord("A") + index),
            "datasource": SOURCE,
            "expr": expression,
            "legendFormat": legend,
            "instant": table or panel.kind == "stat",
            "range": panel.kind == "timeseries",
            "format": "table" if table else "time_series",
        }
        for index, (expression, legend) in enumerate(panel.asks.items())
    ]
    steps = [{"color": GREEN, "value": None}]
    steps += [{"color": colour, "value": value} for value, colour in panel.steps]
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "thresholds": {"mode": "absolute", "steps": steps},
        "mappings": [
            {"type": "value", "options": {str(value): {"text": text}}}
            for value, text in panel.words.items()
        ],
        "min": 0,
    }
    if panel.kind == "timeseries":
        defaults["custom"] = {
            "fillOpacity": 30 if panel.stacked else 5,
            "lineWidth": 1,
            "showPoints": "never",
            "stacking": {"mode": "normal" if panel.stacked else "none"},
            "thresholdsStyle": {"mode": "line" if panel.steps else "off"},
        }
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "targets": targets,
        "fieldConfig": {
            "defaults": defaults,
            "overrides": [
                {
                    "matcher": {"id": "byName", "options": name},
                    "properties": [
                        {"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}
                    ],
                }
                for name, colour in panel.colours.items()
            ],
        },
        "options": _options(panel.kind),
    }


def _options(kind: str) -> dict[str, Any]:
    if kind == "stat":
        return {
            "colorMode": "background",
            "graphMode": "none",
            "reduceOptions": {"calcs": ["lastNotNull"]},
        }
    if kind == "table":
        return {"showHeader": False, "cellHeight": "sm"}
    legend = {"displayMode": "list", "placement": "bottom"}
    return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}


def text() -> str:
    """The file as it should be."""
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text())
