"""Caviar: hyperparameter tuning for teams that use MLflow."""

__version__ = "0.1.0"
