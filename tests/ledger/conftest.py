"""A board and the machines that share it."""

import pytest
from fakes.board import MemoryBoard

from seedvr_cli.ledger.shared import SharedLedger


@pytest.fixture
def board():
    return MemoryBoard()


@pytest.fixture
def machine(tmp_path, board):
    """Opens the ledger of a machine by its name."""
    return lambda name: SharedLedger(str(tmp_path / name), board)
