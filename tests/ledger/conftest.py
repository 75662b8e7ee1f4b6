"""The board's server."""

import pytest
from helpers.postgres import postgres


@pytest.fixture(scope="session")
def server():
    """PostgreSQL."""
    with postgres() as running:
        yield running


@pytest.fixture
def database(server):
    """The URL of an empty database."""
    return server.database()
