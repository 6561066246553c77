"""How a trial ended, as its run in MLflow says it in a tag. See ``record``; apart from it, because slots load this."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from caviar.contract.messages import Curve, Number, ParameterValue, Step

MOST_TEXT = 7_500
"""Characters of a tag; MLflow takes 8,000."""
_SHORTEST = 500


def in_pieces(key: str, text: str) -> dict[str, str]:
    """A text of any length as tags: ``key``, ``key.1``, ``key.2``, ..."""
    starts = range(0, max(1, len(text)), MOST_TEXT)
    return {
        f"{key}.{place}" if place else key: text[start : start + MOST_TEXT]
        for place, start in enumerate(starts)
    }


def from_pieces(tags: Mapping[str, str], key: str) -> str | None:
    """The text that :func:`in_pieces` has divided; None where there is none."""
    if key not in tags:
        return None
    text, place = tags[key], 1
    while (piece := tags.get(f"{key}.{place}")) is not None:
        text, place = text + piece, place + 1
    return text


Whole = Annotated[int, Field(ge=0, lt=2**31)]


class Entry(BaseModel):
    """Something that MLflow is told, with the version of how."""

    # What a search keeps for itself may be infinite, or no number.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")
    v: Literal[1] = 1


class TrialChange(BaseModel):
    """A value that was set while a trial trained; the parameter's own name is the key of before and after."""

    model_config = ConfigDict(frozen=True, extra="allow")
    after_step: Step | None
    by: str = Field(default="", max_length=255)
    why: str = Field(default="", max_length=500)

    @classmethod
    def to_tag(
        cls,
        parameter: str,
        before: ParameterValue | None,
        value: ParameterValue,
        step: int | None,
        by: str,
        why: str,
    ) -> str:
        told = {"after_step": step, parameter: [before, value], "by": by, "why": why}
        return json.dumps(told)

    def change(self) -> tuple[str, tuple[ParameterValue | None, ParameterValue]]:
        """The parameter, and its values before and after. Raises ValueError where that is not what stands there."""
        match list((self.model_extra or {}).items()):
            case [(str(name), [before, (bool() | int() | float() | str()) as value])]:
                if before is None or isinstance(before, (bool, int, float, str)):
                    return name, (before, value)
        raise ValueError("no change of one parameter")


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
