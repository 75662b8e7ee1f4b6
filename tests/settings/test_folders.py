"""Where config, state and cache are."""

import os
import sys

import pytest

from seedvr_cli.settings.folders import config_file, state_folder
from seedvr_cli.values.errors import UsageError


def test_one_folder_holds_everything(folder):
    """SEEDVR_HOME puts the config file and the state under one folder."""
    assert config_file() == str(folder / "config" / "config.toml")
    assert state_folder() == str(folder / "state")


def test_the_folder_may_be_written_short(tmp_path, monkeypatch):
    """SEEDVR_HOME may begin with ~ or be relative, and is a whole path in the end."""
    monkeypatch.setenv("SEEDVR_HOME", "~/x")
    assert config_file() == str(tmp_path / "home" / "x" / "config" / "config.toml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEEDVR_HOME", "y")
    assert state_folder() == str(tmp_path / "y" / "state")


@pytest.mark.skipif(os.name == "nt", reason="on Windows the user's folders are not under HOME")
def test_without_it_the_system_decides(tmp_path, monkeypatch):
    """Without SEEDVR_HOME the files are in the user's own folders, config and state apart."""
    monkeypatch.delenv("SEEDVR_HOME")
    assert config_file().startswith(str(tmp_path / "home"))
    assert state_folder().startswith(str(tmp_path / "home"))
    assert os.path.basename(os.path.dirname(config_file())) == "seedvr"
    if sys.platform == "linux":
        assert os.path.dirname(config_file()) != state_folder()


@pytest.mark.skipif(os.name == "nt", reason="Windows always knows the user's folders")
def test_a_user_without_a_home_is_told_what_to_set(monkeypatch):
    """No HOME and no entry in the system's list of users is one line, not a traceback."""

    def unknown(*_, **__):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("SEEDVR_HOME")
    monkeypatch.setattr("platformdirs.user_state_dir", unknown)
    with pytest.raises(UsageError, match="no home folder") as caught:
        state_folder()
    assert "SEEDVR_HOME" in str(caught.value.hint)
