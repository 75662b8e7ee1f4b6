"""When text has colours."""

import io

import pytest

from seedvr_cli.render.colour import BOLD, paint, wants_colour


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("environment", "on_a_terminal", "in_a_pipe"),
    [
        ({}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
        ({"FORCE_COLOR": "1"}, True, False),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"CLICOLOR_FORCE": "1"}, True, False),
        ({"CLICOLOR": "0"}, False, False),
        ({"CLICOLOR": "1"}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, False),
    ],
    ids=str,
)
def test_what_the_environment_says(environment, on_a_terminal, in_a_pipe, monkeypatch):
    """NO_COLOR goes over FORCE_COLOR, that over CLICOLOR=0 and a dumb terminal; a pipe never has colours."""
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm", **environment}.items():
        monkeypatch.setenv(name, value)
    assert wants_colour(Terminal()) is on_a_terminal
    assert wants_colour(io.StringIO()) is in_a_pipe


def test_a_stream_that_is_closed_has_none(monkeypatch):
    """A stream that is closed is no terminal."""
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    stream = io.StringIO()
    stream.close()
    assert wants_colour(stream) is False


def test_an_old_console_has_none(monkeypatch):
    """A console of Windows that shows the codes themselves has no colours."""
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM", "WT_SESSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "win32")
    assert wants_colour(Terminal()) is False
    monkeypatch.setenv("WT_SESSION", "1")
    assert wants_colour(Terminal()) is True


def test_a_style_ends_with_its_text():
    """Painted text begins its style and takes it back."""
    assert paint("word", BOLD) == "\x1b[1mword\x1b[0m"
