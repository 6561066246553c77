"""This machine: where its embedded service keeps everything, and who is asking."""

from __future__ import annotations

import getpass
import os
from pathlib import Path


def default_home() -> Path:
    """The embedded service's folder: CAVIAR_HOME, otherwise ``~/.caviar``."""
    given = os.environ.get("CAVIAR_HOME")
    return Path(given).expanduser() if given else Path.home() / ".caviar"


def user_name() -> str | None:
    """Who runs this command, for the record; None where the system does not know."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return None
