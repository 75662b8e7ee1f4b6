"""What is found about the config file and the key, which is never told."""

import os

import pytest
from helpers.config import write

from seedvr_cli.settings.checkup import check_config, check_key_origin
from seedvr_cli.settings.file import load
from seedvr_cli.settings.folders import config_file

KEY = "k-0123456789abcdef"


def test_no_config_file_is_well(folder):
    """Without a config file there is nothing to mend, and none is made."""
    check = check_config()
    assert (check.state, "no config file" in check.message) == ("ok", True)
    assert not folder.exists()


@pytest.mark.parametrize(("mode", "state"), [(0o600, "ok"), (0o400, "ok"), (0o644, "warning"), (0o620, "warning")])
def test_a_config_file_is_its_owners_alone(mode, state):
    """A file that others may read or write is a warning, with the command that mends it."""
    write("[default]\nscale = 2\n")
    os.chmod(config_file(), mode)
    check = check_config()
    assert (check.state, check.hint) == (state, None if state == "ok" else f"chmod 600 {config_file()}")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[default\n", "config.toml"),
        ("scale = 2\n", "outside a profile"),
        ("[default]\nscael = 2\n", "scale"),
        ("[default]\n[other]\nscale = 'big'\n", "[other] scale"),
        ("[default]\nscale = 99\nfrob = 1\n", "scale"),
    ],
)
def test_a_config_file_that_is_wrong_is_a_problem(text, says):
    """What cannot be read, is unknown or has a wrong value is named, in whichever profile it stands."""
    write(text)
    check = check_config()
    assert (check.state, says in check.message) == ("problem", True), check


def test_a_projects_file_is_told_with_what_it_sets(tmp_path, monkeypatch):
    """What a project's file sets is told by name; one that is not read is a warning, with and without a config file."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "seedvr.toml"
    file.write_text("jobs = 2\nprofile = 'default'\n")
    assert check_config().message.endswith(f"; project file {file} sets profile, jobs")
    file.write_text("")
    assert check_config().message.endswith("sets nothing")
    if os.name != "nt":
        file.chmod(0o666)
        assert (check_config().state, "is not read: everybody" in check_config().message) == ("warning", True)
        write("[default]\n")
        os.chmod(config_file(), 0o600)
        assert (check_config().state, "is not read: everybody" in check_config().message) == ("warning", True)


def test_a_profile_has_to_be_there():
    """A profile that the file does not have is a problem; one that it has is named."""
    write("[default]\n[work]\n")
    os.chmod(config_file(), 0o600)
    assert "[work]" in check_config("work").message
    assert check_config("wrok").state == "problem"


def test_the_key_is_found_and_not_told(monkeypatch, tmp_path):
    """A key's origin is said, and the key itself is for the gateway alone; without one the remedy is said."""
    check, key = check_key_origin(load(), seconds=5)
    assert (check.state, key, "--sandbox needs none" in check.hint) == ("problem", None, True)
    monkeypatch.setenv("PIXAZO_API_KEY", KEY)
    check, key = check_key_origin(load(), seconds=5)
    assert (check.state, check.message, key) == ("ok", "from PIXAZO_API_KEY", KEY)
    (tmp_path / "key").write_text("two words\n")
    check, key = check_key_origin(load(), str(tmp_path / "key"), seconds=5)
    assert (check.state, key) == ("problem", None)
    assert "two words" not in str(check)
