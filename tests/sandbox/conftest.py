"""What makes the sandbox's results."""

import pytest

from seedvr_cli.sandbox.upscale.upscale import upscale


@pytest.fixture
def av():
    return pytest.importorskip("av")


@pytest.fixture
def render(tmp_path):
    """Upscale into a folder of its own each time."""
    folders = (tmp_path / f"out{number}" for number in range(1000))

    def render(endpoint, source, seed=1, bare=False, **params):
        return upscale(endpoint, source, next(folders), params, seed=seed, bare=bare)

    return render
