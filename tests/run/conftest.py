"""A run in process: a real ledger, a gateway that answers what a test has written down, a clock that is handed in."""

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.house import House

from seedvr_cli.values.items import Outcome


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A folder of its own for a test's runs."""
    return House(tmp_path)


@pytest.fixture
def go(house: House) -> Callable[..., list[Outcome]]:
    """Runs items against a scripted gateway."""
    return house.go
