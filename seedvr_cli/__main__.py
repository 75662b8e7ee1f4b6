"""The command `seedvr`. What needs no command line does not wait for one to be loaded."""

import sys

from seedvr_cli import __version__


def main() -> None:
    """Run the command and exit with its code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        print(f"seedvr {__version__}")
        return
    from seedvr_cli.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
