"""The HTTP API: what clients and workers may ask of the scheduler."""

from caviar.api.app import create_app

__all__ = ["create_app"]
