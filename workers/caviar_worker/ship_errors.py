"""What a call to MLflow may end with, apart from its client, which takes a second to import."""

from __future__ import annotations


class MlflowAway(Exception):
    """MLflow does not answer or fails: the spool keeps everything, the call is made again later."""


class MlflowRefused(Exception):
    """MLflow understood and refuses (a run that was deleted, say): a repetition changes nothing."""
