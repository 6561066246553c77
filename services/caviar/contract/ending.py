"""How a trial ended, as its run in MLflow says it in a tag. See ``record``; apart from it, because slots load this."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from caviar.contract.messages import Curve, Number

MOST_TEXT = 7_500
"""Characters of a tag; MLflow takes 8,000."""
_SHORTEST = 500

Whole = Annotated[int, Field(ge=0, lt=2**31)]


class Entry(BaseModel):
    """Something that MLflow is told, with the version of how."""

    # What a search keeps for itself may be infinite, or no number.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")
    v: Literal[1] = 1


class TrialEnd(Entry):
    """How a trial ended, as its worker reported it."""

    value: Number | None = None
    metrics: dict[str, Number] = {}
    steps: Whole = 0
    curve: Curve = ()
    error: str = ""
    seconds: float = Field(default=0.0, ge=0, allow_inf_nan=False)

    def to_tag(self) -> str:
        """At most MOST_TEXT characters: a long error loses its start, then curve and metrics are left out."""
        text = self.model_dump_json(exclude_defaults=True)
        if len(text) > MOST_TEXT:
            room = max(_SHORTEST, len(self.error) - (len(text) - MOST_TEXT))
            while len(text) > MOST_TEXT and room >= _SHORTEST:
                # A character of the error may be two or six in JSON.
                text = self._json(error=self.error[-room:])
                room = room * 3 // 4
        if len(text) > MOST_TEXT:
            text = self._json(error=self.error[-_SHORTEST:], curve=())
        if len(text) > MOST_TEXT:
            text = self._json(error="", curve=(), metrics={})
        return text

    def _json(self, **changed: Any) -> str:
        return self.model_copy(update=changed).model_dump_json(exclude_defaults=True)
