"""The page for agents: its commands are run."""

import json
import re

import pytest
from helpers.command import Bench
from helpers.examples import prepare, run_example
from readme import SKILL

TEXT = SKILL.read_text(encoding="utf-8")
LINES = re.findall(r"(?m)^\| .* \| `(seedvr [^`]+)` \|$", TEXT)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stage(tmp_path_factory, sandbox):
    """A folder where the commands can be run, one after the other."""
    bench = Bench(tmp_path_factory.mktemp("skill"))
    yield bench, prepare(bench, sandbox.url)
    bench.close()


@pytest.mark.parametrize("line", LINES)
def test_a_command_does_what_the_page_says(line, stage):
    """Each command of the page ends with 0 against the sandbox, and with --json it prints objects."""
    done = run_example(f"{line} 2>/dev/null", *stage)
    assert done.returncode == 0, done.stdout
    if "--json" in line:
        assert all(isinstance(json.loads(text), dict) for text in done.stdout.splitlines())


def test_the_page_names_what_there_is():
    """The page is short, has the commands that an agent needs, and each `seedvr` word in it is a command."""
    from seedvr_cli.cli.app import COMMANDS

    assert len(LINES) >= 10
    assert len(TEXT.splitlines()) < 80
    assert set(re.findall(r"`seedvr ([a-z]+)", TEXT)) <= set(COMMANDS)


def test_help_prints_the_page(run):
    """`seedvr help skill` prints the page as it is."""
    done = run("help", "skill", key=None)
    assert done.rc == 0
    assert done.stdout.strip() == TEXT.strip()
