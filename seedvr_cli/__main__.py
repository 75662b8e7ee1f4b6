"""The command `seedvr`. What needs no command line does not wait for one to be loaded."""

import gc
import os
import sys
import warnings

from seedvr_cli import __version__

# Exit code after Ctrl-C: 128 + SIGINT, as a shell reports it.
INTERRUPTED = 130

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, without the time that `typing` takes to load

if TYPE_CHECKING:
    from typing import NoReturn


def main() -> None:
    """Run the command and exit with its code."""
    if sys.stdin is None or sys.stdout is None or sys.stderr is None:
        from seedvr_cli.cli.streams import open_missing_streams

        open_missing_streams()
    if sys.argv[1:] in (["--version"], ["-V"]):
        _print_version()
        return
    is_quiet = _end_at_interrupts()
    gc.disable()  # nothing that is loaded here is ever garbage; a batch turns it on again
    from seedvr_cli.cli.app import run
    from seedvr_cli.cli.streams import flush_last, forgive_encoding

    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # a library's warnings are for its developers
    forgive_encoding()
    if is_quiet:
        _raise_at_interrupts()
    code = run(sys.argv[1:])
    if not flush_last():
        code = code or 1
    if code == INTERRUPTED:  # Python would end by the signal, had it struck where a class was made
        _end()
    _end_at_interrupts()
    gc.freeze()  # nor does the exit need to look for any
    sys.exit(code)


def _print_version() -> None:
    try:
        os.write(1, f"seedvr {__version__}\n".encode())
    except BrokenPipeError:  # nobody reads it any more
        pass
    except OSError:
        sys.exit(1)


def _end_at_interrupts() -> bool:
    """Where nothing is done yet, or all is done, Ctrl-C is an end without a word; False where it is ignored.

    An exception in the midst of an import would be told as one, or swallowed.
    """
    try:
        import signal
    except KeyboardInterrupt:
        _end()
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return False
    signal.signal(signal.SIGINT, _end)
    return True


def _raise_at_interrupts() -> None:
    import signal

    signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(*_: object) -> "NoReturn":
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
