"""Patience: how long a test waits before what it waits for has failed, and waits for the ends of processes."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Seconds after which whatever a test waits for has failed; nothing takes anywhere near as long.
PATIENCE = 60


def wait_for(condition: Callable[[], Any], what: str = "") -> Any:
    """The condition's value as soon as it is true; fails after PATIENCE."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {PATIENCE} seconds for {what or condition}"
        time.sleep(0.01)
    return value


def wait_for_end(process: int) -> None:
    """Until it has ended, whoever its parent is: nobody need have asked how."""
    wait_for(lambda: not _is_alive(process), f"the end of process {process}")


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # it has just ended, or this is no Linux
        return not Path("/proc/self/stat").exists()
