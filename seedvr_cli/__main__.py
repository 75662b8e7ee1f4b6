"""The command `seedvr`. What needs no command line does not wait for one to be loaded."""

import gc
import os
import sys
import warnings
from contextlib import suppress

from seedvr_cli import __version__


def main() -> None:
    """Run the command and exit with its code."""
    if sys.stdin is None or sys.stdout is None or sys.stderr is None:
        from seedvr_cli.cli.streams import open_missing_streams

        open_missing_streams()
    if sys.argv[1:] in (["--version"], ["-V"]):
        with suppress(BrokenPipeError):  # nobody reads it any more
            try:
                os.write(1, f"seedvr {__version__}\n".encode())
            except OSError:
                sys.exit(1)
        return
    gc.disable()  # nothing that is loaded here is ever garbage; a batch turns it on again
    from seedvr_cli.cli.app import run
    from seedvr_cli.cli.streams import flush_last, forgive_encoding

    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # a library's warnings are for its developers
    forgive_encoding()
    code = run(sys.argv[1:])
    if not flush_last():
        code = code or 1
    gc.freeze()  # nor does the exit need to look for any
    sys.exit(code)


if __name__ == "__main__":
    main()
