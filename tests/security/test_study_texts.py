"""Study files that were made to cost: small files that become enormous, deep ones, endless ones."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from caviar.errors import InputError
from caviar.studies.source import MAX_BYTES
from caviar.studies.spec import load_study
from tests.support.two_teams import STUDY, House

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
)
"""Nine to the power of ten strings, in 600 bytes."""

BOMBS = {
    "a billion laughs": LAUGHS,
    "laughs in a merge key": "a: &a {x: 1}\nb: &b {<<: [*a, *a, *a]}\n",
    "itself": "a: &a [*a]\n",
    "deep brackets": "a: " + "[" * 20_000 + "]" * 20_000,
    "deep braces": "a: " + "{b: " * 10_000 + "}" * 10_000,
    "deep indentation": "".join(f"{' ' * i}a:\n" for i in range(700)),
    "deep dashes": "- " * 50_000,
    "an object": "a: !!python/object/apply:os.system ['touch /tmp/owned']\n",
    "a name": "a: !!python/name:os.system\n",
    "a tag of its own": "a: !include /etc/passwd\n",
    "a set": "a: !!set {x, y}\n",
    "binary": "a: !!binary aGVsbG8=\n",
    "two documents": STUDY.format(name="a", more="") + "---\nname: b\n",
    "too large": "a: " + "x" * MAX_BYTES,
    "an anchor": "a: &x 1\n",
    "an endless key": "? " + "k" * 100_000 + "\n: 1\n",
    "a directive": "%YAML 9.9\n---\nname: a\n",
    "a long number": f"name: a\nbudget: {{trials: {'9' * 100_000}}}\n",
    "a long exponent": f"name: a\nbudget: {{trials: 1e{'9' * 1000}}}\n",
    "sexagesimal": "name: a\nbudget: {trials: 1:0:0:0:0}\n",
    "half of a pair": "name: \ud800\n",
    "nothing": "",
    "only a comment": "#" * 50_000,
    "nulls": "\x00" * 1000,
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_before_it_is_built(text: str) -> None:
    """In some hundred times the memory of the largest file that is read, not in what it would become."""
    tracemalloc.start()
    try:
        with pytest.raises(InputError):
            load_study(text, "study.yaml")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 256 * MAX_BYTES, f"{peak / 1e6:.0f} MB"


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_a_bomb_that_is_submitted_is_the_senders_error(standing: House, text: str) -> None:
    """422 with words; nothing is kept, and the service goes on."""
    answer = standing.client.post(
        "/api/v1/studies",
        content=json.dumps({"text": text}),
        headers={
            "Authorization": f"Bearer {standing.tokens['alpha/submitter']}",
            "Content-Type": "application/json",
        },
    )
    assert answer.status_code == 422, answer.text[:300]
    assert len(answer.text) < 20_000
    assert standing.store.studies() == []
