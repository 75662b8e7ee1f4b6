"""Annotations come back from GitHub's runner as what was meant."""

import pytest
from helpers.github import read_command

from seedvr_cli.render.ci import annotation, defused, is_ci, is_github
from seedvr_cli.render.talk import Talk

HARD = "50% of a,b: c::d%0A done\r\nand more %2C"


@pytest.mark.parametrize("text", [HARD, "", "::add-mask::x", "100%25", "über: alles"])
def test_an_annotation_comes_back(text):
    """Whatever stands in a message, the runner reads it as it was; a percent sign, a line's end and a colon too."""
    command = read_command(annotation("error", f"seedvr: {text}"))
    assert (command.name, command.properties, command.message) == ("error", {"title": "seedvr"}, text)


def test_a_title_comes_back():
    """What stands in the title ends neither it nor the command."""
    command = read_command(annotation("warning", "50%,x: what: is wrong"))
    assert (command.name, command.properties) == ("warning", {"title": "50%,x"})
    assert command.message == "what: is wrong"
    assert read_command(annotation("error", "only a message")).properties == {"title": "seedvr"}


def test_an_annotation_has_no_secret():
    """A URL stands without its query, a password and a key that the process knows do not stand at all."""
    text = "seedvr: https://u:hush@e.com/a.png?sig=abc was refused, with sk-1234"
    message = read_command(annotation("error", text, {"sk-1234"})).message
    assert message == "https://***@e.com/a.png was refused, with ***"


def test_no_line_is_a_command_by_accident():
    """The runner's old commands, which may stand anywhere in a line, are taken apart."""
    assert "##[" not in defused("seedvr: ##[add-mask]a.png: done")


@pytest.mark.parametrize(
    ("environment", "github", "any_ci"),
    [
        ({"GITHUB_ACTIONS": "true"}, True, True),
        ({"GITLAB_CI": "true"}, False, True),
        ({"GITHUB_ACTIONS": "false"}, False, False),
        ({}, False, False),
    ],
)
def test_where_it_runs(monkeypatch, environment, github, any_ci):
    """GITHUB_ACTIONS and GITLAB_CI say it, where they are true and nobody watches."""
    for name in ("GITHUB_ACTIONS", "GITLAB_CI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (is_github(), is_ci()) == (github, any_ci)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert (is_github(), is_ci()) == (False, False)


def test_talk_says_what_a_line_is(monkeypatch, capsys):
    """Errors and warnings are annotations there, other lines are not; -q leaves the errors."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    for talk in (Talk(secrets={"k3y"}), Talk(quiet=True)):
        talk.say("seedvr: a line")
        talk.warn("seedvr: odd")
        talk.error("seedvr: wrong: k3y")
    assert capsys.readouterr().err.splitlines() == [
        "seedvr: a line",
        "::warning title=seedvr::odd",
        "::error title=seedvr::wrong: ***",
        "::error title=seedvr::wrong: k3y",
    ]
