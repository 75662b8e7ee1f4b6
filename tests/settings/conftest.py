"""A home without settings."""

import os

import pytest


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """SEEDVR_HOME: a folder that does not exist yet. HOME is another, and nothing else is set."""
    for name in list(os.environ):
        if name.startswith(("SEEDVR_", "PIXAZO_", "XDG_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SEEDVR_HOME", str(tmp_path / "seedvr"))
    return tmp_path / "seedvr"
