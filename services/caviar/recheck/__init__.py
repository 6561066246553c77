"""Whether a study's champion still holds: what calls for a check, and what people decide."""

from caviar.recheck.checks import Checks

__all__ = ["Checks"]
