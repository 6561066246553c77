"""Studies as the API would answer them, for the views."""

from __future__ import annotations

from typing import Any

from caviar.contract.views import (
    Best,
    Importance,
    MlflowView,
    ParameterView,
    RoundView,
    SideView,
    StudyView,
    TrialView,
)

PARAMETERS = [
    ParameterView(name="learning_rate", type="float", scale="log", low=0.0001, high=1.0, tier=1),
    ParameterView(name="momentum", type="float", scale="reverse_log", low=0.9, high=0.999, tier=2),
    ParameterView(name="hidden_units", type="int", scale="linear", low=16, high=256, tier=2),
    ParameterView(name="solver", type="categorical", choices=["sgd", "adam"], tier=2),
]


def trial(number: int, **fields: Any) -> TrialView:
    """A finished trial, apart from what ``fields`` say."""
    given: dict[str, Any] = {
        "id": f"digits-mlp-abc-{number}",
        "number": number,
        "round": 0,
        "state": "done",
        "attempt": 1,
        "params": {"learning_rate": 0.00312, "momentum": 0.99123, "solver": "sgd"},
        "value": 0.9 + number / 1000,
    }
    return TrialView(**(given | fields))


def importance(name: str, share: float, tier: int, place: str) -> Importance:
    verdict = f"declared tier {tier}, measured {place} of three"
    return Importance(name=name, share=share, tier=tier, verdict=verdict)


def rounds() -> list[RoundView]:
    """Three: the whole space, a shrunken box, a smaller one."""
    whole = {
        "learning_rate": SideView(low=0.0001, high=1.0),
        "momentum": SideView(low=0.9, high=0.999),
        "hidden_units": SideView(low=16, high=256),
        "solver": SideView(choices=["sgd", "adam"]),
    }
    half = whole | {"learning_rate": SideView(low=0.001, high=0.1)}
    small = half | {
        "learning_rate": SideView(low=0.002, high=0.02),
        "solver": SideView(choices=["sgd"]),
    }
    return [
        RoundView(round=0, box=whole, reason="The whole space."),
        RoundView(
            round=1,
            box=half,
            reason="The best 6 of 16 trials lie in here.",
            changes={"learning_rate": "narrowed"},
            kind="shrink",
            parent=0,
            trials=16,
            best=0.95,
        ),
        RoundView(
            round=2, box=small, reason="adam fell behind.", kind="shrink", parent=1, trials=32
        ),
    ]


def digits_study(**fields: Any) -> StudyView:
    """A running study with one failure, apart from what ``fields`` say."""
    given: dict[str, Any] = {
        "id": "digits-mlp-abc",
        "name": "digits-mlp",
        "project": "digits-mlp",
        "state": "running",
        "metric": "val_accuracy",
        "goal": "maximize",
        "strategy": "zoom",
        "budget": 60,
        "counts": {"done": 23, "running": 2, "failed": 1, "queued": 1},
        "best": Best(
            trial=17,
            value=0.98611,
            params={
                "learning_rate": 0.0031234,
                "momentum": 0.99123,
                "hidden_units": 120,
                "solver": "sgd",
            },
            metrics={"test_accuracy": 0.97222},
        ),
        "parameters": PARAMETERS,
        "rounds": rounds(),
        "importance": [
            importance("momentum", 0.21, 2, "second"),
            importance("learning_rate", 0.62, 1, "first"),
            importance("hidden_units", 0.17, 2, "third"),
        ],
        "running": [
            trial(24, state="running", value=None, step=7, last=0.9611),
            trial(25, state="running", value=None),
        ],
        "failures": [
            trial(
                9,
                state="failed",
                value=None,
                error="Traceback (most recent call last):\n  File x\nValueError: [bold]no\x1b[2J digits\n",
            )
        ],
        "created": 1000.0,
        "left_s": 18.2,
        "mlflow": MlflowView(uri="http://127.0.0.1:5000", experiment_id="1", run_id="abc"),
    }
    return StudyView(**(given | fields))
