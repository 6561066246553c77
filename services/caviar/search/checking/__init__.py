"""Whether a champion still holds: which trainings a check needs, one after the other, and what they say.

Pure: from the trainings so far to the next one, or to the verdict. Nothing is remembered, so a restart goes on.
"""

from caviar.search.checking.deciding import next_training, verdict
from caviar.search.checking.neighbours import points_to_check
from caviar.search.checking.reopening import reopened
from caviar.search.checking.terms import Drift, Terms, Training, Verdict, Word

__all__ = [
    "Drift",
    "Terms",
    "Training",
    "Verdict",
    "Word",
    "next_training",
    "points_to_check",
    "reopened",
    "verdict",
]
