"""A place for recipes: a list, hosts that are this machine, and a gateway that counts."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from helpers.places import ROOT
from helpers.recipes import environment_of, make_home, text_of
from helpers.sandbox import SandboxServer
from helpers.sources import urls, write
from helpers.waiting import PATIENCE

COUNT, SHARES = 24, 8
# The command of this work tree, which tells its words.
SEEDVR = f"""#!/bin/sh
echo "$*" >>"$RAN"
PYTHONPATH="{ROOT}" exec "{sys.executable}" -m seedvr_cli "$@"
"""
# A host is a home of its own here; what is to run there comes as ssh gets it. One that is LOST is not reached.
SSH = """#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
host=$1
shift
if [ "$1" = -- ]; then shift; fi
if [ "$host" = "$LOST" ]; then exit 255; fi
echo "$host" >>"$HOSTS"
export SEEDVR_HOME="$HOSTS-$host"
exec sh -c "$*"
"""


@dataclass(frozen=True)
class Place:
    """Where a recipe runs: its data, the environment of its machine, the gateway, and what there is to do."""

    data: Path
    environment: dict[str, str]
    server: SandboxServer
    sources: list[str]

    def text(self, recipe: str) -> str:
        return text_of(recipe, self.data)

    def run(self, command: list[str], **more: str) -> list[str]:
        """Run a command to its end; the lines that it prints."""
        done = subprocess.run(
            command, cwd=self.data, env=self.environment | more, capture_output=True, text=True, timeout=PATIENCE
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    def accepted(self) -> dict[str, int]:
        """How often each source was submitted."""
        counts = self.server.by_source()
        return {source: counts[source] for source in self.sources}

    def once(self) -> dict[str, int]:
        """What it is to be."""
        return dict.fromkeys(self.sources, 1)

    def shares(self) -> list[str]:
        """The shares that the command was run with."""
        return sorted(line.split("--shard ")[1].split()[0] for line in (self.data / "ran").read_text().splitlines())

    def hosts(self) -> set[str]:
        """The hosts that were sent something."""
        return set((self.data / "hosts").read_text().split())


@pytest.fixture
def place(tmp_path, sandbox, postgres_server) -> Place:
    """A place whose machines share a ledger."""
    data, scripts = tmp_path / "data", tmp_path / "bin"
    for folder in (data, scripts):
        folder.mkdir()
    for name, text in {"seedvr": SEEDVR, "ssh": SSH}.items():
        (scripts / name).write_text(text)
        (scripts / name).chmod(0o755)
    for home in ("hosts-host-1", "hosts-host-2", *(f"home-{number}" for number in range(SHARES))):
        make_home(data / home)
    sources = urls(COUNT)
    write(data / "urls.txt", sources)
    environment = environment_of(tmp_path / "home", sandbox.url)
    environment |= {"SEEDVR_LEDGER_URL": postgres_server.database()}
    environment |= {"HOSTS": str(data / "hosts"), "RAN": str(data / "ran")}
    # GNU parallel runs its commands in it; without one it looks for a parent that is a shell.
    environment["SHELL"] = "/bin/sh"
    environment["PATH"] = os.pathsep.join([str(scripts), environment["PATH"]])
    return Place(data, environment, sandbox, sources)
