"""A home without settings, and a keyring that keeps nothing."""

import os

import keyring
import pytest
from helpers.keyrings import Keeper
from keyring.backends.null import Keyring as Nothing


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """SEEDVR_HOME: a folder that does not exist yet. HOME is another, and nothing else is set."""
    for name in list(os.environ):
        if name.startswith(("SEEDVR_", "PIXAZO_", "XDG_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr("keyring.core._keyring_backend", Nothing())  # the developer's own is no test's
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SEEDVR_HOME", str(tmp_path / "seedvr"))
    return tmp_path / "seedvr"


@pytest.fixture
def keeper(folder):
    """The system's keyring, in memory; what it keeps is there to be seen."""
    keyring.set_keyring(made := Keeper())
    return made
