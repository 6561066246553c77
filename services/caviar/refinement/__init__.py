"""The refinement job: read results from MLflow, shrink the box, write the next round."""

from caviar.refinement.refiner import Refiner

__all__ = ["Refiner"]
