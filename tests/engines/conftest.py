"""Engines of data, as they are installed, with workers that are killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from helpers.recipes import environment_of, holders, text_of
from helpers.sandbox import SandboxServer
from helpers.sources import urls, write
from helpers.waiting import PATIENCE, wait_for

# Sources of a run, and how many of them are submitted when a worker is killed.
COUNT, MIDDLE = 64, 20
# Loaded by each interpreter: it is a machine of its own, whose lease is short, so that its death is soon known.
OWN_HOME = """
import os, pathlib
home = pathlib.Path(os.environ["HOMES"], str(os.getpid()))
(home / "config").mkdir(parents=True, exist_ok=True)
(home / "config" / "config.toml").write_text("[default]\\npoll_interval = 0.1\\n")
os.environ["SEEDVR_HOME"] = str(home)
import seedvr_cli.ledger.board
seedvr_cli.ledger.board.LEASE_SECONDS = 3.0
"""


@dataclass(frozen=True)
class Place:
    """Where a recipe runs: its data, the homes of its workers, a gateway that counts, and what the recipe prints."""

    data: Path
    homes: Path
    server: SandboxServer
    environment: dict[str, str]
    sources: list[str]

    def run(self, recipe: str, *, before: str = "", kill: bool = False, **other: str) -> str:
        """Run a recipe to its end, and in the middle kill one of its workers; what it prints.

        `other` are words of it that are others here.
        """
        program, said = self.data / recipe, self.data / "said"
        text = text_of(recipe, self.data)
        for word, instead in other.items():
            assert text.count(word) == 1
            text = text.replace(word, instead)
        program.write_text(before + text)
        with said.open("w") as stream, subprocess.Popen(
            [sys.executable, program], cwd=self.data, env=self.environment, stdout=stream, stderr=stream, text=True
        ) as process:  # fmt: skip
            try:
                if kill:
                    wait_for(lambda: self.server.accepted() >= MIDDLE or process.poll() is not None)
                    os.kill(min(self.workers()), signal.SIGKILL)
                process.wait(3 * PATIENCE)  # an engine has to start and to end as well
            finally:
                process.kill()
        assert process.returncode == 0, said.read_text()
        return said.read_text()

    def workers(self) -> set[int]:
        """The processes that have a run under way."""
        found = {pid for runs in self.homes.glob("**/runs") for pid in holders(runs)}
        assert found, "no worker runs"
        return found


@pytest.fixture(params=["one machine", "many machines"])
def place(request, tmp_path, sandbox_server) -> Iterator[Place]:
    """Workers that have one ledger here, and workers each with a home of its own, and a ledger that they share."""
    data, homes, site = tmp_path / "data", tmp_path / "homes", tmp_path / "site"
    for folder in (data, homes, site):
        folder.mkdir()
    sources = urls(COUNT)
    write(data / "urls.txt", sources)
    write(data / "pictures.csv", ["source,number", *(f"{source},{number}" for number, source in enumerate(sources))])
    server = sandbox_server("--instant", "--latency", "1s")
    environment = environment_of(homes, server.url)
    if request.param == "many machines":
        board: Callable[[], str] = request.getfixturevalue("postgres_server").database
        (site / "sitecustomize.py").write_text(OWN_HOME)
        environment |= {"SEEDVR_LEDGER_URL": board(), "HOMES": str(homes)}
        environment["PYTHONPATH"] = os.pathsep.join([str(site), environment["PYTHONPATH"]])
    return Place(data, homes, server, environment, sources)
