"""Where the embedded service keeps everything."""

from __future__ import annotations

import os
from pathlib import Path


def default_home() -> Path:
    """The embedded service's folder: CAVIAR_HOME, otherwise ``~/.caviar``."""
    given = os.environ.get("CAVIAR_HOME")
    return Path(given).expanduser() if given else Path.home() / ".caviar"
