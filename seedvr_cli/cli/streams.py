"""The process's own standard streams."""

import os
import sys

# Exit code of a command whose reader went away: 128 + SIGPIPE, as a shell reports it.
PIPE_CLOSED = 141


def forget_stdout() -> int:
    """Nobody reads it any more: let the interpreter's last flush go nowhere. The exit code that says so."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return PIPE_CLOSED
