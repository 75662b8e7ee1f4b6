"""What a terminal can do beyond text, and the codes for it."""

from collections.abc import Mapping
from pathlib import Path

# Terminals that open what is linked (OSC 8), by what they put into the environment.
_LINKING_PROGRAMS = frozenset({"iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "Tabby", "rio"})
_LINKING_VARIABLES = frozenset({"KITTY_WINDOW_ID", "WT_SESSION", "KONSOLE_VERSION", "DOMTERM"})
_LINKING_TERMS = ("xterm-kitty", "xterm-ghostty", "alacritty", "foot", "contour", "wezterm")
# Of GNOME's terminal and its like: the first version whose links do no harm.
_VTE = 5000

BELL = "\a"
# The title that there was is put aside, and taken back at the end (xterm's 22 and 23).
SAVE_TITLE, RESTORE_TITLE = "\x1b[22;2t", "\x1b[23;2t"
END_LINK = "\x1b]8;;\x1b\\"


def has_links(environ: Mapping[str, str]) -> bool:
    """Whether the terminal is known to have links. One inside tmux or screen is not."""
    term = environ.get("TERM", "")
    if term.startswith(("screen", "tmux")) or "TMUX" in environ:
        return False
    vte = environ.get("VTE_VERSION", "")
    return (
        environ.get("TERM_PROGRAM") in _LINKING_PROGRAMS
        or not _LINKING_VARIABLES.isdisjoint(environ)
        or term.startswith(_LINKING_TERMS)
        or (vte.isdecimal() and int(vte) >= _VTE)
    )


def begin_link(path: str) -> str:
    """The code before the text that leads to a file."""
    return f"\x1b]8;;{Path(path).absolute().as_uri()}\x1b\\"


def title(text: str) -> str:
    """The code that names the window; `text` is clean."""
    return f"\x1b]2;{text}\x1b\\"
