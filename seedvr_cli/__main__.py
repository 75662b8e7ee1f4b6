"""The command `seedvr`. What needs no command line does not wait for one to be loaded."""

import gc
import os
import sys
from contextlib import suppress

from seedvr_cli import __version__


def main() -> None:
    """Run the command and exit with its code."""
    _open_missing_streams()
    if sys.argv[1:] in (["--version"], ["-V"]):
        with suppress(BrokenPipeError):  # nobody reads it any more
            os.write(1, f"seedvr {__version__}\n".encode())
        return
    gc.disable()  # nothing that is loaded here is ever garbage; a batch turns it on again
    from seedvr_cli.cli.app import run

    code = run(sys.argv[1:])
    gc.freeze()  # nor does the exit need to look for any
    sys.exit(code)


def _open_missing_streams() -> None:
    """Where a caller closed a standard stream, its number would go to the next file that is opened: the ledger."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - as long as the process


if __name__ == "__main__":
    main()
