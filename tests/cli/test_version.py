"""`seedvr version`."""

import platform
import sys

import pytest

from seedvr_cli import __version__
from seedvr_cli.cli.surroundings import EXTRAS

pytestmark = pytest.mark.slow


def test_the_version_is_that_of_the_flag(run):
    """`version` prints what --version does, and needs nothing."""
    done = run("version", key=None)
    assert (done.rc, done.stderr) == (0, "")
    assert done.raw == run("--version").raw == f"seedvr {__version__}\n".encode()


def test_verbose_says_what_it_runs_on(run):
    """With -v it says Python, the platform, and of each extra the version or that it is not installed."""
    lines = run("version", "-v", key=None).lines
    assert lines[1] == f"python {platform.python_version()} ({sys.executable})"
    assert lines[2] == f"platform {platform.platform()}"
    assert [line.split(" ")[0] for line in lines[3:]] == [f"[{extra}]" for extra in EXTRAS]
    missing = run("version", "-v", inject="import importlib.metadata as m\n"
                  "def version(name): raise m.PackageNotFoundError(name)\nm.version = version\n").lines  # fmt: skip
    assert missing[3:] == [f"[{extra}] not installed" for extra in EXTRAS]


def test_as_an_object(run):
    """With --json it is one object."""
    assert run("version", "--json", key=None).object == {"v": 1, "seedvr": __version__}
    assert run("version", "--json", "-v", key=None).object["platform"] == platform.platform()
