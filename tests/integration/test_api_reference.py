"""docs/reference/api.md: what it shows works, and it speaks of every problem."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from caviar.api.problems import KINDS
from tests.support.real_api import TOKEN, serving

TEXT = (Path(__file__).parents[2] / "docs" / "reference" / "api.md").read_text(encoding="utf-8")


@pytest.mark.real
def test_every_example_runs(tmp_path: Path) -> None:
    """In their order, in one shell, against a real service: each curl fails where the answer is a problem."""
    blocks = re.findall(r"^```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    with serving(tmp_path) as service:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(blocks)],
            cwd=tmp_path,
            env={
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "CAVIAR_URL": service.url,
                "CAVIAR_TOKEN": TOKEN,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        with service.client() as client:
            (study,) = client.get("/studies").json()
            assert client.get(f"/studies/{study['id']}").json()["name"] == "api-example"
    assert "}304\n" in done.stdout, "If-None-Match"
    assert "event: study" in done.stdout
    assert 'rel="next"' in done.stdout


def test_every_problem_is_documented() -> None:
    """With the status that it has."""
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \|", TEXT, re.MULTILINE)
    assert {kind: int(status) for kind, status in rows} == {
        kind: status for kind, (status, _) in KINDS.items()
    }
