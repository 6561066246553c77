"""The dashboard and the alerts ask for what a real scheduler tells."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.support.real_api import serving

promql_parser = pytest.importorskip("promql_parser", reason="no wheel of it for this platform")

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "observability"
PROMETHEUS = {"up", "ALERTS"}
"""What Prometheus itself adds."""
OF_A_FAULT = {'caviar_request_seconds_count{status=~"5.."}'}
"""Series that a service without faults does not have."""

Sample = tuple[str, dict[str, str]]


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    dashboard = json.loads((FOLDER / "grafana" / "caviar.json").read_text())
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries() -> dict[str, str]:
    """Where it is asked -> PromQL, as Grafana sends it."""
    found = {rule["alert"]: rule["expr"] for rule in rules()}
    for panel in panels():
        for target in panel["targets"]:
            where = f"{panel['title']}, {target['refId']}"
            found[where] = target["expr"].replace("$__rate_interval", "1m")
    return found


def selectors(expression: Any) -> Iterator[Any]:
    """The series that a parsed expression reads."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
    elif isinstance(expression, promql_parser.MatrixSelector):
        yield expression.vector_selector
    elif isinstance(expression, promql_parser.Call):
        for argument in expression.args:
            yield from selectors(argument)
    elif isinstance(expression, promql_parser.BinaryExpr):
        yield from selectors(expression.lhs)
        yield from selectors(expression.rhs)
    elif hasattr(expression, "expr"):
        yield from selectors(expression.expr)
    else:
        kinds = (promql_parser.NumberLiteral, promql_parser.StringLiteral)
        assert isinstance(expression, kinds), f"{type(expression)} is not looked into"


def fits(selector: Any, sample: Sample) -> bool:
    name, labels = sample
    if name != selector.name:
        return False
    for matcher in selector.matchers.matchers:
        if matcher.name == "job":  # Prometheus', by its own settings
            continue
        value, operation = labels.get(matcher.name, ""), str(matcher.op)
        same = value == matcher.value or (
            "Re" in operation and re.fullmatch(matcher.value, value) is not None
        )
        if same == ("Not" in operation):
            return False
    return True


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    """What a real scheduler tells after a study, over HTTP: a worker called, a result waits."""
    with serving(tmp_path_factory.mktemp("watched")) as service:
        service.work(service.submit(trials=2), 2)
        service.submit(name="another", trials=3)
        with service.client() as client:
            answer = client.get(f"{service.url}/metrics")
    answer.raise_for_status()
    return [
        (sample.name, sample.labels)
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    ]


@pytest.mark.parametrize("where", queries())
def test_what_is_asked_for_is_told(told: list[Sample], where: str) -> None:
    """Each series by its name and labels: a misspelt outcome or route would be an empty panel, or a silent alert."""
    found = list(selectors(promql_parser.parse(queries()[where])))
    assert found
    for selector in found:
        if selector.name in PROMETHEUS or str(selector) in OF_A_FAULT:
            continue
        assert any(fits(selector, sample) for sample in told), f"{selector} finds nothing"


def test_a_query_that_finds_nothing_is_noticed(told: list[Sample]) -> None:
    """The test above can fail: by a name, a label's value, and the syntax."""
    for wrong in ("caviar_slot", 'caviar_finishes_total{outcome=~"failing|broken"}'):
        selector = next(selectors(promql_parser.parse(f"sum(rate({wrong}[1m]))")))
        assert not any(fits(selector, sample) for sample in told)
    right = 'caviar_finishes_total{outcome=~"failed|crashed",verdict!="fenced"}'
    assert any(fits(next(selectors(promql_parser.parse(right))), sample) for sample in told)
    with pytest.raises(ValueError, match="parenthesis"):
        promql_parser.parse("sum(rate(caviar_finishes_total[1m])")


def test_legends_name_labels_that_are_there(told: list[Sample]) -> None:
    """Else Grafana shows an empty name."""
    known = {label for _, labels in told for label in labels} | {"job"}
    for panel in panels():
        for target in panel["targets"]:
            named = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            assert named <= known, panel["title"]


def test_the_dashboard_is_the_one_that_is_described() -> None:
    """`python deploy/observability/dashboard.py` was run after the last change."""
    described = runpy.run_path(str(FOLDER / "dashboard.py"))["text"]()
    assert described == (FOLDER / "grafana" / "caviar.json").read_text()


def test_the_panels_lie_beside_each_other() -> None:
    """No panel covers another, none is beyond the grid, and none is without a word of what to look for."""
    dashboard = json.loads((FOLDER / "grafana" / "caviar.json").read_text())
    taken: dict[tuple[int, int], str] = {}
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} covers {taken.get((x, y))}"
                taken[x, y] = panel["title"]
    assert all(panel["description"] for panel in panels())
    identifiers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(identifiers)) == len(identifiers)


def test_the_dashboard_asks_the_source_that_is_made_for_it() -> None:
    """By its identifier, everywhere."""
    made = yaml.safe_load((FOLDER / "grafana" / "datasources.yml").read_text())["datasources"]
    text = (FOLDER / "grafana" / "caviar.json").read_text()
    assert {source["uid"] for source in made} == set(re.findall(r'"uid": "(caviar-\w+)"', text))


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_each_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    """Its runbook is a part of a page that is there, under the alert's own name."""
    page, _, part = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), flags=re.MULTILINE)
    assert part == rule["alert"].lower()
    assert rule["alert"] in headings
    assert rule["annotations"]["summary"]
    assert rule["labels"]["severity"] in ("critical", "warning")


def test_the_alerts_hold_against_prometheus_own_judgement() -> None:
    """promtool runs them over made-up series, and checks the settings."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here; `apt-get install prometheus` brings one")
    for command in (
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts_test.yml"],
        ["check", "config", "--syntax-only", "prometheus.yml"],
    ):
        done = subprocess.run(
            [promtool, *command], cwd=FOLDER, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_files_that_are_deployed_are_the_ones_that_were_read() -> None:
    """The overlay mounts what these tests look at."""
    overlay = (FOLDER.parent / "compose.observability.yml").read_text()
    for name in ("prometheus.yml", "alerts.yml", "grafana/caviar.json", "grafana/datasources.yml"):
        assert f"./deploy/observability/{name}:" in overlay
