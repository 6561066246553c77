"""The search space: parameters, their scales and tiers, and boxes in the unit cube. Pure."""

from caviar.space.advice import warnings
from caviar.space.box import Box, Interval, Kept, Side
from caviar.space.lattice import Lattice, every_point, grid_lattice
from caviar.space.parameter import Categorical, Numeric, Parameter
from caviar.space.parsing import did_you_mean
from caviar.space.space import Params, Space
from caviar.space.tiers import usual_tier
from caviar.space.words import counted, ordinal

__all__ = [
    "Box",
    "Categorical",
    "Interval",
    "Kept",
    "Lattice",
    "Numeric",
    "Parameter",
    "Params",
    "Side",
    "Space",
    "counted",
    "did_you_mean",
    "every_point",
    "grid_lattice",
    "ordinal",
    "usual_tier",
    "warnings",
]
