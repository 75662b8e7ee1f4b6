"""Where results go, as far as it is known before there are any: the folder to check, the fields a name needs."""

import os

import pytest

from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.naming import Output, parse_output, working_folder

PARAMS = {"upscale_factor": 2}


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("a.png", ""),
        ("out/a.png", "out"),
        ("/out/deep/a.png", "/out/deep"),
        (None, ""),
        ("-", ""),
        ("out/", "out"),
        ("out/{stem}{ext}", "out"),
        ("out/{date}/{stem}{ext}", "out"),
        ("out/of-{stem}/a{ext}", "out"),
        ("{stem}/a{ext}", ""),
        ("/a{{b}}/{stem}{ext}", "/a{b}"),
        ("/a{{b}}/c.png", "/a{b}"),
    ],
)
def test_the_folder_of_all_results(text, folder):
    """What must be writable before anything is paid is the part of the path that no field is in."""
    assert parse_output(text, PARAMS).folder == folder


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("out/{key}-{index:05}{ext}", {"key", "index", "ext"}),
        ("{{key}}{ext}", {"ext"}),
        ("key.png", set()),
        (None, {"stem", "scale", "ext"}),
        ("out/", {"stem", "scale", "ext"}),
        ("-", set()),
    ],
)
def test_the_fields_that_names_are_made_with(text, fields):
    """A field is used where it stands in a template, and not where its braces are doubled or the name is fixed."""
    output = parse_output(text, PARAMS)
    known = {"key", "index", "ext", "stem", "scale", "date"}
    assert {field for field in known if output.uses(field)} == fields


def test_a_folder_that_was_deleted_is_said(monkeypatch):
    """Where the current folder is gone, a relative name leads nowhere: a usage error with a way out."""

    def gone():
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(os, "getcwd", gone)
    with pytest.raises(UsageError, match="the current folder is gone") as caught:
        working_folder()
    assert "absolute path" in caught.value.hint
    with pytest.raises(UsageError):
        _ = Output("file", "a.png", "a.png").absolute


def test_an_absolute_name_needs_no_folder(monkeypatch, tmp_path):
    """A name from the root is remembered without a look at the current folder, and without detours."""
    monkeypatch.setattr(os, "getcwd", lambda: pytest.fail("nobody needs to know"))
    name = str(tmp_path / "out" / ".." / "a.png")
    assert Output("file", name, name).absolute == str(tmp_path / "a.png")
    assert Output("stdout", "{stem}{ext}", "-").absolute is None
    assert Output("template", "{stem}{ext}").absolute is None
