"""The process's own standard streams, which may be closed, full, or read by nobody any more."""

import io
import os
import sys
from contextlib import suppress

# Exit code of a command whose reader went away: 128 + SIGPIPE, as a shell reports it.
PIPE_CLOSED = 141


def open_missing_streams() -> None:
    """Where a caller closed a standard stream, its number would go to the next file that is opened: the ledger.

    What is written to a closed standard output fails, as it would have; a closed standard error swallows all.
    """
    for number, name, flags in ((0, "stdin", os.O_RDONLY), (1, "stdout", os.O_RDONLY), (2, "stderr", os.O_WRONLY)):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, flags)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            stream = open(number, "r" if name == "stdin" else "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def forgive_encoding() -> None:
    """Help and tables show a `?` where an encoding lacks a character; data is written as bytes, and exact."""
    if isinstance(sys.stdout, io.TextIOWrapper) and "utf" not in sys.stdout.encoding.lower():
        sys.stdout.reconfigure(errors="replace")


def forget_stdout() -> int:
    """Nobody reads it any more: let the interpreter's last flush go nowhere. The exit code that says so."""
    _drop(sys.stdout.fileno())
    return PIPE_CLOSED


def flush_last() -> bool:
    """Flush both streams before the interpreter does; False where standard output could not be written to.

    A standard error that cannot be written to is dropped.
    """
    is_written = True
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            if stream is sys.stdout:
                raise
            _drop(2)
        except (OSError, ValueError):
            is_written = is_written and stream is not sys.stdout
            with suppress(OSError, ValueError):
                _drop(stream.fileno())
    return is_written


def _drop(number: int) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)
