"""The data plane: claims trials, trains each in a process of its own, ships what they report to MLflow."""

from caviar_worker.checkpoints import Checkpoint
from caviar_worker.trial import Trial

__all__ = ["Checkpoint", "Trial"]
