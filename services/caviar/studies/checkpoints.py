"""The section ``checkpoints`` of a study file: how many a trial keeps, and what becomes of the last one."""

from __future__ import annotations

from typing import cast, get_args

from caviar.contract.messages import AfterTrial, Checkpoints
from caviar.studies.fields import Fields

CHECKPOINT_KEYS = ("keep", "after")
MAX_KEEP = 100


def read_checkpoints(root: Fields, keep: int = 2) -> Checkpoints:
    """``checkpoints: {keep: 2, after: delete}``."""
    fields = root.section("checkpoints", "`checkpoints: {keep: 2, after: keep}`", required=False)
    fields.only(*CHECKPOINT_KEYS)
    return Checkpoints.model_construct(  # what is wrong has been noted, and refuses the file
        keep=fields.whole("keep", 1, MAX_KEEP, default=keep),
        after=cast(AfterTrial, fields.choice("after", get_args(AfterTrial), "delete")),
    )
