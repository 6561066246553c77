"""Coarse to fine search: from results to the next round, from a round to the next point. Pure."""

from caviar.search.history import History
from caviar.search.importance import importance
from caviar.search.ledger import branched, in_force, numbered, undone
from caviar.search.peers import missing_packages
from caviar.search.rounds import Round
from caviar.search.searcher import Asked, Searcher
from caviar.search.strategies import first_round, grid_size, propose, refine
from caviar.search.values import STRATEGIES, Exhausted, Result, Settings

__all__ = [
    "STRATEGIES",
    "Asked",
    "Exhausted",
    "History",
    "Result",
    "Round",
    "Searcher",
    "Settings",
    "branched",
    "first_round",
    "grid_size",
    "importance",
    "in_force",
    "missing_packages",
    "numbered",
    "propose",
    "refine",
    "undone",
]
