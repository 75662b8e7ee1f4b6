"""The config file and the key: where they are found, how they are written, and that no key is shown whole."""

import io
import os
import stat
import string
import sys
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seedvr_cli.settings.file import load, store
from seedvr_cli.settings.folders import config_file, state_folder
from seedvr_cli.settings.key import check_key, find_key, mask
from seedvr_cli.settings.known import SETTINGS, setting_name
from seedvr_cli.settings.profile import Settings
from seedvr_cli.values.errors import KeyMissing, UsageError
from seedvr_cli.values.options import as_stored

KEY_CHARACTERS = string.ascii_letters + string.digits + string.punctuation


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """SEEDVR_HOME: a folder that does not exist yet. HOME is another, and nothing else is set."""
    for name in list(os.environ):
        if name.startswith(("SEEDVR_", "PIXAZO_", "XDG_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SEEDVR_HOME", str(tmp_path / "seedvr"))
    return tmp_path / "seedvr"


def write(text):
    """The config file with this text."""
    os.makedirs(os.path.dirname(config_file()), exist_ok=True)
    with open(config_file(), "w", encoding="utf-8") as file:
        file.write(text)


def read():
    with open(config_file(), encoding="utf-8") as file:
        return file.read()


# Where things are.


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


# What may be stored: good values in their stored form, and values that are refused.
VALUES = {
    "api-key": ([("abcdefgh12345678", "abcdefgh12345678"), (" abc \n", "abc")], ["", "a b", "ä", "a\x1bb", "\n"]),
    "api-key-command": ([("pass show seedvr", "pass show seedvr")], ["", 3]),
    "model": ([("7b", "7b"), ("3b", "3b")], ["5b", "", 7]),
    "scale": ([("2", 2), ("2.5", 2.5), (8, 8), ("2.0", "2.0")], ["9", "0.5", "x", "", True]),
    "width": ([("800", 800), (256, 256)], ["100", "5000", "800.5"]),
    "height": ([("800", 800), (4096, 4096)], ["255", "4097"]),
    "target": ([("720p", "720p"), ("2160p", "2160p")], ["480p", "", 720]),
    "format": ([("jpg", "jpg"), ("png", "png"), ("h265", "h265")], ["gif", "", 1]),
    "noise": ([("0.5", 0.5), ("0", 0)], ["1.1", "-0.1"]),
    "seed": ([("7", 7), ("2147483647", 2147483647)], ["-1", "2147483648", "1.5"]),
    "sync": ([("true", True), ("off", False), (False, False)], ["maybe", ""]),
    "quality": ([("high", "high")], ["best"]),
    "write-mode": ([("fast", "fast")], ["slow"]),
    "body-webhook": ([("https://example.com/h", "https://example.com/h")], ["http://example.com", "x"]),
    "body-webhook-events": ([("completed", "completed"), (["*"], ["*"])], ["", "none", []]),
    "webhook": ([("https://example.com/h", "https://example.com/h")], ["http://example.com", "x", 3]),
    "webhook-mode": ([("terminal", "terminal"), ("sync", "sync")], ["often", ""]),
    "output": ([("out/", "out/"), ("{stem}{ext}", "{stem}{ext}")], ["", 3]),
    "overwrite": ([("yes", True), (True, True)], ["perhaps", 2]),
    "recursive": ([("no", False)], ["perhaps"]),
    "jobs": ([("4", 4), (16, 16)], ["0", "-1", "1.5", "x", True]),
    "poll-interval": ([("10", "10"), (2.5, 2.5)], ["0", "-1", "soon"]),
    "timeout": ([("90s", "90s"), ("0", "0"), (60, 60)], ["-1", "soon", ""]),
    "max-cost": ([("0.05", "0.05"), ("$1", "$1"), (2, 2)], ["-1", "much", "nan", "1e999999"]),
    "max-cost-per-day": ([("5", "5")], ["-1", "much"]),
    "rate": ([("5", "5"), ("30/m", "30/m")], ["0", "fast", "-1"]),
    "json": ([("true", True)], ["2"]),
    "quiet": ([("1", True)], ["2"]),
    "verbose": ([("0", False)], ["2"]),
    "progress": ([("live", "live"), ("none", "none")], ["bar", True]),
    "base-url": ([("https://example.com/", "https://example.com"), ("http://127.0.0.1:1", "http://127.0.0.1:1")],
                 ["http://example.com", "https://a@b", "", 3]),
}  # fmt: skip


def test_the_values_below_are_of_every_setting():
    """There are examples of every setting that may be stored."""
    assert SETTINGS.keys() == VALUES.keys()


@pytest.mark.parametrize("name", VALUES)
def test_a_good_value_is_stored_and_read_back(name):
    """What a setting takes is read back as the value it was, and shown as it was written."""
    for given_, stored in VALUES[name][0]:
        value = SETTINGS[name].read(given_, "config set")
        kept = as_stored(value, given_)
        assert (kept, type(kept)) == (stored, type(stored))
        store("default", name, kept)
        assert (load().values, load().written) == ({name: value}, {name: stored})


@pytest.mark.parametrize("name", VALUES)
def test_a_bad_value_is_refused(name):
    """What a setting does not take is a usage error that says where it stood."""
    for value in VALUES[name][1]:
        with pytest.raises(UsageError, match=f"^config set {name}: "):
            SETTINGS[name].read(value, f"config set {name}")


def test_names_are_forgiving_but_known():
    """A setting's name may be written in several ways, and an unknown one names the nearest."""
    for written in ("write-mode", "write_mode", " Write-Mode ", "--write-mode"):
        assert setting_name(written, "config get") == "write-mode"
    with pytest.raises(UsageError, match=r"config get: there is no setting 'wirte-mode' \(did you mean write-mode\?\)"):
        setting_name("wirte-mode", "config get")
    with pytest.raises(UsageError, match=r"there is no setting 'job-id'"):
        setting_name("job-id", "config get")


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


# The key.

SOURCES = ("--api-key-file", "SEEDVR_API_KEY", "PIXAZO_API_KEY", "[default]", "api_key_command", "~/.pixazo/api-key")


def key_from(present, tmp_path, monkeypatch):
    """The key and its origin, where these sources of one are there; each key is named after its source."""
    for name in ("SEEDVR_API_KEY", "PIXAZO_API_KEY"):
        if name in present:
            monkeypatch.setenv(name, f"key-of-{SOURCES.index(name)}")
        else:
            monkeypatch.delenv(name, raising=False)
    lines = ["[default]"]
    if "[default]" in present:
        lines.append("api_key = 'key-of-3'")
    if "api_key_command" in present:
        lines.append(f"""api_key_command = '"{sys.executable}" -c "print(chr(107)+\\"ey-of-4\\")"'""")
    write("\n".join(lines))
    vendor = tmp_path / "home" / ".pixazo" / "api-key"
    vendor.parent.mkdir(parents=True, exist_ok=True)
    vendor.unlink(missing_ok=True)
    if "~/.pixazo/api-key" in present:
        vendor.write_text("key-of-5\n")
    file = tmp_path / "key"
    file.write_text("key-of-0\nand a second line\n")
    return find_key(load(), str(file) if "--api-key-file" in present else None)


@pytest.mark.parametrize("first", range(len(SOURCES)))
def test_the_key_comes_from_the_first_source_that_has_one(first, tmp_path, monkeypatch):
    """First comes the flag's file, then SEEDVR_API_KEY, PIXAZO_API_KEY, the config file, its command, the vendor's."""
    key, where = key_from(SOURCES[first:], tmp_path, monkeypatch)
    assert key == f"key-of-{first}"
    assert SOURCES[first] in where
    assert key not in where


@pytest.mark.parametrize("only", range(len(SOURCES)))
def test_each_source_is_enough(only, tmp_path, monkeypatch):
    """Any one source gives the key where the others have none."""
    assert key_from([SOURCES[only]], tmp_path, monkeypatch)[0] == f"key-of-{only}"


def test_no_source_has_a_key(tmp_path, monkeypatch):
    """Where no source has a key, the error says how to set one, and that the sandbox needs none."""
    with pytest.raises(KeyMissing) as caught:
        key_from([], tmp_path, monkeypatch)
    assert "seedvr config set api-key" in caught.value.hint
    assert "--sandbox needs none" in caught.value.hint


def test_an_empty_variable_is_no_source(tmp_path, monkeypatch):
    """A variable that is set to nothing counts as not set."""
    monkeypatch.setenv("SEEDVR_API_KEY", "")
    monkeypatch.setenv("PIXAZO_API_KEY", "abcdef")
    assert find_key(Settings("default", "x"))[0] == "abcdef"


def test_the_key_file_may_be_standard_input(monkeypatch):
    """`--api-key-file -` reads one line of standard input, and leaves the rest to others."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("from-stdin\nhttps://example.com/a.png\n"))
    assert find_key(Settings("default", "x"), "-") == ("from-stdin", "--api-key-file")
    assert sys.stdin.read() == "https://example.com/a.png\n"


def test_a_key_file_may_be_in_the_home_folder(tmp_path):
    """A path that begins with ~ is in the home folder."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "key").write_text("  abcdef  \n")
    assert find_key(Settings("default", "x"), "~/key")[0] == "abcdef"


@pytest.mark.parametrize(("content", "says"), [(None, "No such file"), (b"", "no API key"), (b"\n", "no API key"),
                                               (b"\xff\xfe\x00", "not a text file"), (b"two words", "no API key"),
                                               ("schlüssel".encode(), "no API key")])  # fmt: skip
def test_a_bad_key_file_is_a_usage_error(content, says, tmp_path):
    """A key file that is missing, empty or no key is a usage error that names the flag, and does not show it."""
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=f"^--api-key-file: .*{says}") as caught:
        find_key(Settings("default", "x"), str(path))
    assert "two words" not in caught.value.message


def test_standard_input_that_is_no_text_is_a_usage_error(monkeypatch):
    """Bytes that are no text on standard input are a usage error too."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe\n"), encoding="utf-8"))
    with pytest.raises(UsageError, match=r"^--api-key-file: .*not a text file"):
        find_key(Settings("default", "x"), "-")


def test_a_bad_vendor_file_is_called_by_its_name(tmp_path):
    """A vendor's key file that cannot be read is named itself, and not a flag that was not given."""
    (tmp_path / "home" / ".pixazo").mkdir(parents=True)
    (tmp_path / "home" / ".pixazo" / "api-key").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"\.pixazo/api-key") as caught:
        find_key(Settings("default", "x"))
    assert "--api-key-file" not in caught.value.message


@pytest.mark.parametrize("command", ["exit 3", "this-command-does-not-exist-anywhere"])
def test_a_command_that_fails_gives_no_key(command, capfd):
    """An api_key_command that fails is a missing key with its exit code."""
    with pytest.raises(KeyMissing, match="api_key_command ended with exit code"):
        find_key(Settings("default", "x", {"api-key-command": command}))
    capfd.readouterr()


def test_a_command_that_says_nothing_gives_no_key():
    """An api_key_command that prints no key is a usage error that names it."""
    with pytest.raises(UsageError, match=r"^api_key_command: that is no API key"):
        find_key(Settings("default", "x", {"api-key-command": "exit 0"}))


def test_a_command_does_not_read_standard_input():
    """An api_key_command finds its standard input empty, as that may be somebody's list."""
    command = f'"{sys.executable}" -c "import sys; print(len(sys.stdin.read()))"'
    assert find_key(Settings("default", "x", {"api-key-command": command}))[0] == "0"


@settings(deadline=None)
@given(st.text(min_size=1))
def test_a_refused_key_is_not_shown(text):
    """What is no key is refused without being repeated, as it may be most of one."""
    try:
        shown = check_key(text, "there")
    except UsageError as error:
        shown = error.message
    no_key = "there: that is no API key (one line of plain characters without spaces)"
    assert shown == no_key or (shown.isascii() and shown.isprintable() and " " not in shown and shown in text)


@settings(deadline=None)
@given(st.text(KEY_CHARACTERS, min_size=1, max_size=80))
def test_a_key_is_never_shown_whole(key):
    """Of a long key four characters are shown, of a short one none."""
    shown = mask(key).replace("…", "")
    assert len(shown) <= 4
    assert len(shown) <= len(key) / 3
    assert mask(key) != key
