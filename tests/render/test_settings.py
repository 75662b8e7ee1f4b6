"""Settings as columns: as wide as the terminal, and no wider."""

import pytest
from rich.cells import cell_len

from seedvr_cli.render.settings import show, table
from seedvr_cli.values.setting import Setting

ROWS = [
    Setting("jobs", 64, 16, "project", "/home/me/project/seedvr.toml", "project file", "Jobs in flight at once."),
    Setting(
        "base-url", "https://" + "x" * 90, "https://gateway.example", "environment", "SEEDVR_BASE_URL", "", "Where."
    ),
    Setting("output", "名前の長い写真" * 6, None, "profile", "/home/me/config.toml", "", "Where results go. " * 12),
    Setting("body-webhook-events", None, None, "default", None, "default", "What it is called for."),
]


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 140, 200])
def test_no_line_is_wider_than_the_terminal(width):
    """On a terminal of any width no line is wider than it, nothing set is lost, and what is not set is dim."""
    lines = list(table(ROWS, width))
    assert [line.plain for line in lines if cell_len(line.plain) > width] == []
    text = "\n".join(line.plain for line in lines)
    for word in ("jobs", "64", "project", "SEEDVR_BASE_URL", "Jobs", "名前", "results"):
        assert word in text
    assert {line.style for line in lines if "body-webhook" in line.plain} == {"dim"}


def test_a_sentence_stands_beside_where_there_is_room():
    """On a wide terminal a setting is a line, else its sentence stands below; a narrow one has no columns."""
    wide, usual, narrow = ([line.plain for line in table(ROWS[:1], width)] for width in (140, 60, 24))
    assert wide == [
        "NAME  VALUE  DEFAULT  SOURCE   MEANING",
        "jobs  64     16       project  Jobs in flight at once.",
    ]
    assert usual == ["NAME  VALUE  DEFAULT  SOURCE", "jobs  64     16       project", "    Jobs in flight at once."]
    assert narrow == ["jobs = 64", "    project, default 16:", "    Jobs in flight at", "    once."]


def test_a_value_is_shown_as_it_would_be_typed():
    """Switches are words, and lists have commas, as `config set` takes them."""
    assert [show(value) for value in (True, False, ["start", "*"], 2.5, "x")] == [
        "true",
        "false",
        "start,*",
        "2.5",
        "x",
    ]
