"""A round: one state of the search, and an entry of its ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from caviar.contract.views import RoundView
from caviar.errors import InputError, Problem
from caviar.space import Box, Space

Kind = Literal["start", "shrink", "widen", "move", "restart", "keep", "undo", "branch", "reopen"]


@dataclass(frozen=True, slots=True)
class Round:
    """Where the search looks, and why.

    ``changes`` says for each parameter: narrowed, widened, moved or kept, with the edge that was hit; ``edges``
    names that edge, or the study's own bound, where the best trial sat at one.
    ``support`` are the numbers of the trials whose region the box is; ``results`` is how many finished
    trials the round was computed from, ``best`` and ``incumbent`` the value and number of the best of them.
    ``memory`` is the strategy's own, in JSON.
    """

    index: int
    box: Box
    kind: Kind
    reason: str
    changes: Mapping[str, str] = field(default_factory=dict)
    parent: int | None = None
    support: tuple[int, ...] = ()
    results: int = 0
    best: float | None = None
    incumbent: int | None = None
    memory: Mapping[str, Any] = field(default_factory=dict)
    edges: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "index": self.index,
            "box": self.box.to_json(),
            "kind": self.kind,
            "reason": self.reason,
            "changes": dict(self.changes),
            "parent": self.parent,
            "support": list(self.support),
            "results": self.results,
            "best": self.best,
            "incumbent": self.incumbent,
            "memory": dict(self.memory),
            "edges": dict(self.edges),
        }

    @classmethod
    def from_json(cls, space: Space, data: Mapping[str, Any]) -> Round:
        """Raises InputError where the box does not fit the space or the kind is unknown."""
        if data["kind"] not in get_args(Kind):
            raise InputError(Problem(("kind",), f"unknown kind of round {data['kind']!r}"))
        box = Box.from_json(space, data["box"])
        return cls(**{**data, "box": box, "support": tuple(data["support"])})

    def to_view(
        self, run_id: str | None = None, before: Box | None = None, undone: bool = False
    ) -> RoundView:
        """``before`` is the box just before it in the ledger; ``undone`` says that it was taken back."""
        return RoundView(
            round=self.index,
            box=self.box.to_views(),
            reason=self.reason,
            changes=dict(self.changes),
            kind=self.kind,
            before=before.to_views() if before else {},
            edges=dict(self.edges),
            support=list(self.support),
            undone=undone,
            parent=self.parent,
            trials=self.results,
            best=self.best,
            run_id=run_id,
        )
