"""A folder for results, and who asks for them."""

import pytest
from fakes.media import Owner

from seedvr_cli.download import partial as delivery


@pytest.fixture(autouse=True, scope="module")
def _long_bodies():
    """The bodies here are to be written as they come, as long ones are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivery, "SHORT_BODY", 0)
        yield


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "results"
    made.mkdir()
    return made


@pytest.fixture
def owner(folder):
    return Owner(folder)
