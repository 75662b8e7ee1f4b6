"""What the README shows for a shell is run."""

import re
import shutil
import subprocess

import pytest
from helpers.command import Bench
from helpers.examples import prepare
from helpers.places import DATA, ROOT
from helpers.waiting import PATIENCE
from readme import README, without_files

BLOCKS = re.findall(r"```sh\n(.*?)```", without_files(README.read_text(encoding="utf-8")), re.DOTALL)
# How those begin that need more than a shell and a gateway, and where that is run.
ELSEWHERE = {
    "pipx install": ".ci/packages",
    "python3 -m venv": ".ci/run",
    "seedvr config set upload s3:": "cli/test_uploads.py",
    "seedvr image --watch": "cli/test_watch.py",
    "seedvr sandbox --port": "cli/test_sandbox.py",
    "export SEEDVR_LEDGER_URL": "cli/test_shared.py",
    "seedvr image --from s3:": "cli/test_objects.py",
    "export HTTPS_PROXY": "gateway/test_proxies.py",
    "seedvr config set public-url": "cli/test_listen.py",
}
RUN = [block for block in BLOCKS if not block.startswith(tuple(ELSEWHERE))]
# How blocks end whose last line has something to say: that balances do not agree, that there is no list of failures.
CODES = {"seedvr reconcile": 1, "seedvr image --from urls.txt -x 2 -j 64": 2}

pytestmark = pytest.mark.slow


@pytest.fixture
def stage(tmp_path, sandbox):
    """A folder with what the blocks name, and the programs of others that they use."""
    bench = Bench(tmp_path)
    environment = prepare(bench, sandbox.url)
    opener = bench.home / "bin" / "open"
    opener.write_text('#!/bin/sh\ntest -s "$1"\n')
    opener.chmod(0o755)
    shutil.copy(DATA / "photo.jpg", bench.work / "big" / "photo.jpg")
    yield bench.work, environment | {"SIGNED_URL": "https://example.com/photo.jpg?Expires=1", "BROWSER": "true"}
    bench.close()


@pytest.mark.parametrize("block", RUN, ids=lambda block: block.partition("\n")[0][:60])
def test_a_block_does_what_it_shows(block, stage, requires):
    """Each block of the README runs as it stands, line after line, against the sandbox."""
    requires("jq")
    work, environment = stage
    done = subprocess.run(
        ["bash", "--norc", "-eo", "pipefail", "-c", block],
        cwd=work,
        env=environment,
        input="test-key-0123456789\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == next((code for start, code in CODES.items() if block.startswith(start)), 0), done.stderr


def test_most_blocks_are_run():
    """What is run elsewhere is the lesser part, and the file that runs it is there."""
    assert len(RUN) >= 2 * (len(BLOCKS) - len(RUN))
    assert all((ROOT / where).exists() or (ROOT / "tests" / where).exists() for where in ELSEWHERE.values())
