"""Patience: how long a test waits before what it waits for has failed."""

import time
from collections.abc import Callable
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
