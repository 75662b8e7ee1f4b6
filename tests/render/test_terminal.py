"""What a terminal can do."""

import pytest

from seedvr_cli.render.terminal import begin_link, has_links


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "6800"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "4800"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "new"}, False),
        ({"TERM": "xterm-256color", "WT_SESSION": "1"}, True),
        ({"TERM": "tmux-256color", "VTE_VERSION": "6800"}, False),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux"}, False),
    ],
)
def test_links_only_where_they_are_known_to_work(environ, expected):
    """A terminal has links if it says who it is and is known for them, and it is not hidden behind another."""
    assert has_links(environ) == expected


def test_a_link_leads_to_the_file(tmp_path, monkeypatch):
    """The code has the file's absolute address, with what an address may not have in it escaped."""
    monkeypatch.chdir(tmp_path)
    assert begin_link("a b#.png") == f"\x1b]8;;{tmp_path.as_uri()}/a%20b%23.png\x1b\\"
