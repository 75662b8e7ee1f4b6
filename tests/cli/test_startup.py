"""What a command loads before it does anything: the list of modules, not the clock, is what is tested."""

import functools
import re
import signal
import subprocess
import sys

import pytest
from helpers.command import clean_environment

pytestmark = pytest.mark.slow

URL = "https://example.com/source"
# What asks the network, draws, keeps and measures: nothing that --help could need.
HEAVY = {"httpx", "httpcore", "h11", "anyio", "pycurl", "rich", "sqlite3", "PIL", "tomlkit", "av", "obstore"}
COMMANDS = ("image", "video", "status", "download", "config", "doctor", "report", "sandbox", "help", "schema")


def imported(home, *words, cwd=None):
    """The modules that the interpreter loads for these words, and the command's result."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *words],
        env=clean_environment(home),
        cwd=cwd or home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return set(re.findall(r"(?m)^import time:[^|]*\|[^|]*\|\s*([\w.]+)$", done.stderr)), done


@functools.cache
def loaded_by_python(folder):
    """What the bare interpreter loads here, by its site packages."""
    return imported(folder, "-c", "")[0]


@pytest.fixture(scope="module")
def loads(tmp_path_factory):
    """The modules that a command line loads beyond the interpreter's own; each command line is run once."""
    folder = tmp_path_factory.mktemp("startup")

    @functools.cache
    def run(*words):
        modules, done = imported(folder, "-m", "seedvr_cli", *words)
        assert done.returncode == 0, done.stderr
        assert "seedvr_cli" in modules
        return modules - loaded_by_python(folder), done.stdout

    return run


def packages(modules):
    return {module.partition(".")[0] for module in modules}


def test_the_list_of_modules_is_seen(tmp_path):
    """A module that is loaded is in the list, and one that is not is not."""
    modules, _ = imported(tmp_path, "-c", "import sqlite3")
    assert "sqlite3" in modules
    assert "httpx" not in modules


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_the_version_loads_nothing(flag, loads):
    """The version is printed without the command line's library, and without any other module of ours."""
    modules, stdout = loads(flag)
    assert re.fullmatch(r"seedvr \d+\.\d+\.\d+\S*\n", stdout)
    assert packages(modules) & (HEAVY | {"typer", "click", "asyncio"}) == set()
    assert {module for module in modules if module.startswith("seedvr_cli.")} <= {"seedvr_cli.__main__"}


@pytest.mark.parametrize(
    "words", [("--help",), ("-h",), *((command, "--help") for command in COMMANDS), ("help", "image")], ids=" ".join
)
def test_help_loads_nothing_heavy(words, loads):
    """Help is printed without the libraries for the network, the display, the ledger, pictures and the config file."""
    modules, stdout = loads(*words)
    assert "Usage" in stdout
    assert packages(modules) & HEAVY == set()
    assert packages(modules) & {"asyncio", "ssl"} == set()


def test_a_page_loads_nothing_heavy(loads):
    """Topics, the schema and the version are printed without those libraries as well."""
    for words in (("help", "money"), ("schema",), ("version",)):
        assert packages(loads(*words)[0]) & (HEAVY | {"asyncio", "ssl"}) == set()


@pytest.mark.parametrize("kind", ["image", "video"])
def test_a_dry_run_loads_no_network(kind, loads):
    """A dry run of a URL needs neither the network's library nor the display's, nor the ledger."""
    modules, stdout = loads(kind, "--dry-run", URL)
    assert URL in stdout
    assert packages(modules) & HEAVY == set()


def test_reading_the_config_does_not_load_its_writer(tmp_path, loads):
    """The config file, where there is one, is read by the standard library; what keeps comments is for writing."""
    assert "tomllib" not in packages(loads("config", "list")[0])
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text("[default]\njson = true\n")
    modules, done = imported(tmp_path, "-m", "seedvr_cli", "config", "list")
    assert "json" in done.stdout
    assert "tomllib" in packages(modules)
    assert packages(modules) & HEAVY - packages(loaded_by_python(tmp_path)) == set()


def test_the_keyring_is_loaded_where_a_key_is_looked_for_there(tmp_path, loads):
    """Neither help nor a dry run, nor a command whose key stands elsewhere, loads the keyring's library."""
    for words in (("config", "--help"), ("image", "--dry-run", URL), ("config", "path")):
        assert "keyring" not in packages(loads(*words)[0])
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text('[default]\napi-key = "k-0123456789"\n')
    assert "keyring" not in packages(imported(tmp_path, "-m", "seedvr_cli", "config", "list")[0])
    assert "keyring" in packages(loads("config", "list")[0])


def test_without_a_projects_file_nothing_is_read_for_it(loads):
    """Looking for a project's file loads no reader of such files."""
    modules, _ = loads("image", "--dry-run", URL)
    assert {"tomllib", "seedvr_cli.settings.text"} & modules == set()


def test_listing_jobs_loads_no_network(loads):
    """`status` without ids reads the ledger, asks nobody and waits for nobody."""
    modules, _ = loads("status")
    assert packages(modules) & (HEAVY | {"asyncio", "ssl"}) == {"sqlite3"}


def test_no_command_line_loads_what_only_tests_need(loads):
    """What the tests are written with is not loaded by the command."""
    for words in (("--help",), ("image", "--dry-run", URL), ("status",)):
        assert packages(loads(*words)[0]) & {"pytest", "hypothesis", "pexpect", "pyte", "setuptools"} == set()


@pytest.mark.parametrize(
    ("words", "path"),
    [((), "photo-upscaled.png"), (("-o", "mine.png"), "mine.png"), (("-o", "a/"), "a/photo-upscaled.png")],
)
def test_a_delivered_source_is_told_without_a_run(bench, sandbox, url, words, path):
    """What stands already is said from the ledger alone: without a key, the network's library or an event loop."""
    assert bench.run("image", url, *words, to=sandbox).rc == 0
    command = ("-m", "seedvr_cli", "image", url, *words, "--base-url", sandbox.url)
    modules, done = imported(bench.home, *command, cwd=bench.work)
    assert done.stdout == f"{path}\n"
    assert packages(modules) & (HEAVY | {"asyncio", "ssl"}) == {"sqlite3"}


# Loaded first: Ctrl-C strikes where this module is loaded, in code that is made of text, as that of dataclasses is:
# Python remembers such a one to its end.
INTERRUPTING = """
import os, signal, sys

class Finder:
    @staticmethod
    def find_spec(name, *_):
        if name == {module!r}:
            exec("os.kill(os.getpid(), signal.SIGINT); [one for one in range(10)]")

sys.meta_path.insert(0, Finder)
"""


@pytest.mark.parametrize("module", ["typer", *(f"seedvr_cli.cli.{name}" for name in ("app", "streams", "upscale"))])
def test_an_interrupt_while_it_loads_is_a_quiet_end(module, bench):
    """Ctrl-C before anything is done ends the command by its code, without a traceback."""
    done = bench.run("image", URL, "--sandbox", "-y", inject=INTERRUPTING.format(module=module))
    assert (done.rc, done.raw) == (130, b"")
    assert done.stderr in {"", "seedvr: interrupted\n"}


def test_an_interrupt_that_is_ignored_stays_ignored(bench):
    """Where whoever started it has Ctrl-C ignored, as nohup may, it goes on."""
    ignored = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)}
    done = bench.run("image", "--help", inject=INTERRUPTING.format(module="typer"), **ignored)
    assert (done.rc, done.stderr) == (0, "")
