"""The key: where it is found, and that no key is shown whole."""

import io
import sys

import pytest
from helpers.config import KEY_CHARACTERS, write
from hypothesis import given, settings
from hypothesis import strategies as st

from seedvr_cli.settings.file import load
from seedvr_cli.settings.key import check_key, find_key, mask
from seedvr_cli.settings.profile import Settings
from seedvr_cli.values.errors import KeyMissing, UsageError

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


def test_a_command_that_does_not_end_gives_no_key():
    """Who asks says how long the command may take; what it is, which may have a secret in it, is not said."""
    with pytest.raises(KeyMissing) as caught:
        find_key(Settings("default", "x", {"api-key-command": "exec sleep 60 # hunter2"}), seconds=0.1)
    assert caught.value.message == "api_key_command did not end in 0.1 seconds"


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


@pytest.mark.parametrize(
    "content",
    [
        "abcdefgh12345678\n",
        "\ufeffabcdefgh12345678\r\n",
        "PIXAZO_API_KEY=abcdefgh12345678\n",
        'OTHER=x\nexport SEEDVR_API_KEY="abcdefgh12345678"\n',
        "PIXAZO_API_KEY = 'abcdefgh12345678'",
        "\n\nabcdefgh12345678\n",
    ],
)
def test_a_key_file_in_any_usual_form(tmp_path, content):
    """A key stands alone, or as a variable as .env files have it, quotes and a byte order mark or not."""
    (tmp_path / "key").write_text(content, encoding="utf-8")
    assert find_key(Settings("default", "config.toml"), str(tmp_path / "key"))[0] == "abcdefgh12345678"
