"""The config file: what is read of it, and how it is written."""

import os
import stat
import tomllib

import pytest
from helpers.config import KEY_CHARACTERS, read, write
from hypothesis import given, settings
from hypothesis import strategies as st

from seedvr_cli.settings.file import load, store
from seedvr_cli.settings.folders import config_file
from seedvr_cli.settings.key import check_key
from seedvr_cli.settings.profile import Settings
from seedvr_cli.values.errors import UsageError

# Reading.


def test_no_file_is_no_setting():
    """Without a config file there is an empty default profile."""
    assert load() == Settings("default", config_file(), {})


def test_a_profile_is_a_table():
    """Each table of the file is a profile, and `default` is the one that counts where none is named."""
    write("[default]\nscale = 2\n[work]\nscale = 4\n")
    assert load().values == {"scale": 2}
    assert load("work") == Settings("work", config_file(), {"scale": 4})


def test_the_flag_goes_before_the_environment(monkeypatch):
    """The profile is that of the flag, else of SEEDVR_PROFILE, else `default`."""
    write("[default]\nscale = 2\n[work]\nscale = 3\n[home]\nscale = 4\n")
    monkeypatch.setenv("SEEDVR_PROFILE", "work")
    assert load().profile == "work"
    assert load("home").profile == "home"
    monkeypatch.setenv("SEEDVR_PROFILE", "")
    assert load().profile == "default"


def test_a_file_without_a_default_profile_is_fine():
    """The default profile need not be in the file, and any other must be."""
    write("[work]\nscale = 3\n")
    assert load().values == {}
    with pytest.raises(UsageError, match=r"no profile 'wrok' \(did you mean work\?\)"):
        load("wrok")


@pytest.mark.parametrize("written", ["poll-interval", "poll_interval", '"Poll-Interval"', '"--poll-interval"'])
def test_a_dash_and_an_underscore_are_the_same(written):
    """A setting may be written as the flag is, or with underscores."""
    write(f"[default]\n{written} = 7\n")
    assert load().values == {"poll-interval": 7}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[default\n", "config.toml"),
        ("scale = 2\n", "'scale' stands outside a profile"),
        ("[default]\nsclae = 2\n", "did you mean scale?"),
        ("[default]\napi_kye = 'a'\n", "did you mean api-key?"),
        ("[default]\nscale = 9\n", "[default] scale"),
        ("[default]\nscale = 'two'\n", "[default] scale"),
        ("[default]\nscale = nan\n", "[default] scale"),
        ("[default]\nseed = 1" + "0" * 400 + "\n", "[default] seed"),
        ("[default]\njobs = true\n", "[default] jobs"),
        ("[default]\njobs = " + "9" * 5000 + "\n", "a number of thousands of digits"),
        ("[default]\ntimeout = 2026-01-01\n", "[default] timeout"),
        ("[default]\nmax_cost = inf\n", "[default] max_cost"),
        ("[default]\nformat = ['png']\n", "[default] format"),
        ("[default]\nbody_webhook_events = [['*']]\n", "[default] body_webhook_events"),
        ("[default]\nbase_url = 'http://example.com'\n", "[default] base_url"),
        ("[default.deeper]\nscale = 2\n", "no setting 'deeper'"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(text, says):
    """A file that cannot be used is a usage error with its path and what is wrong in it."""
    write(text)
    with pytest.raises(UsageError) as caught:
        load()
    assert config_file() in caught.value.message
    assert says in caught.value.message


def test_a_file_that_cannot_be_read_is_a_usage_error(folder):
    """A config file that is no text, or no file, is a usage error with its path."""
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "config.toml").write_bytes(b"[default]\nformat = '\xff'\n")
    with pytest.raises(UsageError, match=r"config\.toml"):
        load()
    os.unlink(config_file())
    os.mkdir(config_file())
    with pytest.raises(UsageError, match=r"config\.toml"):
        load()
    with pytest.raises(UsageError, match=r"config\.toml"):
        store("default", "scale", 2)


# Writing.


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_the_file_is_the_users_alone(folder):
    """The config file has mode 0600 and its folder 0700, whatever the umask and the mode before."""
    umask = os.umask(0)
    try:
        store("default", "api-key", "abcdefgh12345678")
        assert stat.S_IMODE(os.stat(config_file()).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(folder / "config").st_mode) == 0o700
        os.chmod(config_file(), 0o644)
        store("default", "scale", 2)
        assert stat.S_IMODE(os.stat(config_file()).st_mode) == 0o600
    finally:
        os.umask(umask)


COMMENTED = """\
# my settings
[default]  # the usual
scale = 2  # twice
poll_interval = 7

# for work
[work]
format = "webp"
"""


def test_comments_are_kept():
    """A change touches its own line, and no comment, order or other profile."""
    write(COMMENTED)
    assert store("default", "scale", 4) == config_file()
    assert read() == COMMENTED.replace("scale = 2", "scale = 4")
    store("work", "format", "png")
    assert read() == COMMENTED.replace("scale = 2", "scale = 4").replace("webp", "png")


def test_a_change_takes_the_name_that_is_there():
    """A setting that stands in the file with underscores is changed there, not written twice."""
    write(COMMENTED)
    store("default", "poll-interval", 9)
    assert read() == COMMENTED.replace("poll_interval = 7", "poll_interval = 9")
    store("default", "poll-interval", None)
    assert read() == COMMENTED.replace("poll_interval = 7\n", "")


def test_a_new_profile_is_added():
    """Storing into a profile that is not there makes it."""
    write(COMMENTED)
    store("new", "scale", 3)
    assert read().startswith(COMMENTED)
    assert tomllib.loads(read())["new"] == {"scale": 3}


def test_removing_what_is_not_there_changes_nothing_else():
    """Removing a setting that is not stored leaves all others."""
    write(COMMENTED)
    before = tomllib.loads(read())
    store("default", "seed", None)
    assert tomllib.loads(read()) == before


@pytest.mark.parametrize("failing", ["replace", "fsync", "chmod"])
def test_a_failed_write_leaves_the_old_file(failing, monkeypatch, folder):
    """A write that fails at any step leaves the file as it was, and nothing beside it."""
    write(COMMENTED)

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(UsageError, match="No space left on device"):
        store("default", "scale", 4)
    assert read() == COMMENTED
    assert os.listdir(folder / "config") == ["config.toml"]


def test_the_file_is_never_half_written(monkeypatch):
    """Until the rename the old file stands whole under its name, and after it the new one."""
    write(COMMENTED)
    seen = []
    real = os.replace

    def replace(source, target):
        seen.append(read())
        with open(source, encoding="utf-8") as file:
            seen.append(file.read())
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    store("default", "scale", 4)
    assert seen == [COMMENTED, read()]


def test_a_link_stays_a_link(tmp_path):
    """A config file that is a link into a folder of dotfiles is written where it points to."""
    write("")
    os.unlink(config_file())
    real = tmp_path / "dotfiles.toml"
    real.write_text(COMMENTED, encoding="utf-8")
    os.symlink(real, config_file())
    store("default", "scale", 4)
    assert os.path.islink(config_file())
    assert "scale = 4" in real.read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["[default\n", "default = 3\n"])
def test_a_broken_file_is_not_written_over(text):
    """A file that is no valid config is left alone by a change."""
    write(text)
    with pytest.raises(UsageError, match=r"config\.toml"):
        store("default", "scale", 2)
    assert read() == text


@settings(deadline=None)
@given(st.text(KEY_CHARACTERS, min_size=1))
def test_any_key_is_read_back(key):
    """A key of whatever characters comes out of the file as it went in."""
    store("default", "api-key", check_key(key, "api-key"))
    assert load().values["api-key"] == key
