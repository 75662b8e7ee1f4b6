"""A copy of the config file to edit: private, checked whole, and put in place or kept."""

import os
import stat

import pytest
from helpers.config import read, write

from seedvr_cli.settings.draft import EMPTY, Draft
from seedvr_cli.settings.folders import config_file
from seedvr_cli.values.errors import UsageError

TEXT = "# mine\n[default]\nscale = 2\n"


def edited(text):
    """A draft in which somebody has written this."""
    draft = Draft.begin()
    with open(draft.path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    return draft


def test_it_begins_as_the_file_and_ends_in_its_place(folder):
    """The copy is the file's text; put in place it is the file, comments and all, and nothing is left beside it."""
    write(TEXT)
    draft = Draft.begin()
    assert (draft.is_changed, draft.mistakes()) == (False, [])
    draft = edited(TEXT.replace("2", "4"))
    assert draft.is_changed
    draft.put_in_place()
    assert read() == TEXT.replace("2", "4")
    assert stat.S_IMODE(os.stat(config_file()).st_mode) == 0o600


def test_without_a_file_it_begins_with_a_profile(folder):
    """Without a config file the copy has an empty profile, and a word on what may stand there."""
    draft = Draft.begin()
    with open(draft.path, encoding="utf-8") as file:
        assert file.read() == EMPTY
    assert (draft.is_changed, draft.mistakes()) == (False, [])
    draft.drop()
    assert os.listdir(folder / "config") == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_the_copy_is_the_users_alone():
    """The copy may have a key in it: its folder and it are the user's alone, whatever the umask."""
    umask = os.umask(0)
    try:
        draft = Draft.begin()
    finally:
        os.umask(umask)
    assert stat.S_IMODE(os.stat(draft.path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(draft.path)).st_mode) == 0o700


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[default\n", ["at line 1"]),
        (b"[default]\nformat = '\xff'\n", ["can't decode"]),
        ("scale = 2\n", ["line 1: 'scale' stands outside a profile"]),
        ("[default]\nscael = 2\n", ["line 2: [default]: there is no setting 'scael' (did you mean scale?)"]),
        (
            "[default]\n# twice\nscale = 99\n\n[ 'work' ]  # mine\n'jobs' = 0\n",
            ["line 3: [default] scale: ", "line 6: [work] jobs: "],
        ),
        ("default.scale = 99\n", ["[default] scale: "]),
    ],
)
def test_each_mistake_is_told_with_its_line(text, says):
    """What is no TOML, unknown or wrong is told with its line, and all of it at once."""
    found = edited(text).mistakes()
    assert [says_ in line for says_, line in zip(says, found, strict=True)] == [True] * len(says), found


def test_a_key_that_is_none_is_not_shown():
    """A mistake in a key does not show it."""
    (told,) = edited('[default]\napi-key = "two words"\n').mistakes()
    assert "two words" not in told


def test_what_somebody_else_wrote_meanwhile_is_not_lost():
    """A file that was changed while it was edited is left as it is, and the copy is named and kept."""
    write(TEXT)
    draft = edited(TEXT + "jobs = 2\n")
    write(TEXT + "jobs = 3\n")
    with pytest.raises(UsageError, match="was changed meanwhile") as caught:
        draft.put_in_place()
    assert draft.path in caught.value.message
    assert read() == TEXT + "jobs = 3\n"
    assert os.path.exists(draft.path)


def test_a_copy_that_is_gone_or_has_no_place_is_a_usage_error(folder):
    """A copy that the editor has removed, and a folder in which there can be none, are usage errors."""
    draft = Draft.begin()
    os.unlink(draft.path)
    with pytest.raises(UsageError, match="No such file"):
        _ = draft.is_changed
    assert "No such file" in draft.mistakes()[0]
    draft.drop()
    os.rmdir(folder / "config")
    (folder / "config").write_text("in the way")
    with pytest.raises(UsageError, match=r"config\.toml"):
        Draft.begin()
