"""Coarse to fine: a box around the best trials, narrowed, moved and widened round by round."""

from caviar.search.zoom.narrowing import refine
from caviar.search.zoom.proposing import START, candidates

__all__ = ["START", "candidates", "refine"]
