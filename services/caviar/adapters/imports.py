"""Importing large packages without what they do not need."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

FRAMES = ("pandas", "pyarrow")
HEAVY = (*FRAMES, "sklearn", "scipy", "matplotlib")

imports_lock = threading.RLock()
"""Held while packages are hidden, and by whoever imports one of them in another thread."""


@contextmanager
def without(packages: tuple[str, ...]) -> Iterator[None]:
    """Have ``import`` of these fail for a moment: a None in sys.modules does that.

    The full MLflow imports pandas and its like when they are there, 185 MB that its client never uses; without them
    it does as mlflow-skinny does, 89 MB. scikit-learn imports pandas the same way.
    """
    with imports_lock:
        hidden = [name for name in packages if name not in sys.modules]
        sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
        try:
            yield
        finally:
            for name in hidden:
                sys.modules.pop(name, None)
