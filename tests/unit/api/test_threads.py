"""On which cores the service's threads run."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a process to a core")
def test_a_service_keeps_to_one_core_and_its_child_does_not() -> None:
    """Threads that are started later keep to it too: here one that asks where it may run."""
    script = """
import os, threading
from caviar.api.threads import keep_to_one_core, use_all_cores
seen = []
look = lambda: seen.append(len(os.sched_getaffinity(0)))
keep_to_one_core()
thread = threading.Thread(target=look)
thread.start()
thread.join()
use_all_cores()
look()
print(*seen)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", str(len(os.sched_getaffinity(0)))]
