"""The whole service on one machine, from one command: a private Redis, MLflow, scheduler, refiner and a worker."""

from caviar.embedded.service import Service, service

__all__ = ["Service", "service"]
