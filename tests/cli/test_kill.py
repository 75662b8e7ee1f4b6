"""SIGKILL between any two writes of the ledger, and the same command again."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

# Loaded by the interpreter of the killed run: it dies at the point that KILL_AT names.
SITECUSTOMIZE = """
import functools, os, signal

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def after(owner, name):
    real = getattr(owner, name)
    @functools.wraps(real)
    async def wrapped(*args, **kwargs):
        result = await real(*args, **kwargs)
        die()
        return result
    setattr(owner, name, wrapped)

def before(owner, name):
    setattr(owner, name, die)

point = os.environ.get("KILL_AT")
if point:
    from seedvr_cli.download import partial as delivery
    from seedvr_cli.gateway.client import Gateway
    from seedvr_cli.ledger.files import Deliveries
    from seedvr_cli.ledger.jobs import Ledger
    if point == "before the claim": before(Ledger, "claim")
    if point == "after the claim": after(Ledger, "claim")
    if point == "after the answer": after(Gateway, "submit")
    if point == "after the id is recorded":
        real = Ledger.record
        async def record(self, job, answer, **more):
            result = await real(self, job, answer, **more)
            die()
        Ledger.record = record
    if point == "after the end is recorded":
        real = Ledger.record
        async def record(self, job, answer, **more):
            result = await real(self, job, answer, **more)
            if answer.status == "COMPLETED":
                die()
            return result
        Ledger.record = record
    if point == "after the name is chosen": after(Deliveries, "place")
    if point == "while bytes come in":
        real = delivery.Partial._write
        def write(self, chunk):
            real(self, chunk[: len(chunk) // 2])
            die()
        delivery.Partial._write = write
    if point == "before the rename": before(delivery, "_rename")
    if point == "between link and unlink":
        def rename(part, path, *, overwrite):
            os.link(part, path)
            die()
        delivery._rename = rename
    if point == "after the rename":
        real = delivery._rename
        def rename(part, path, *, overwrite):
            real(part, path, overwrite=overwrite)
            die()
        delivery._rename = rename
    if point == "after the file is recorded": after(Deliveries, "delivered")
"""
UNKNOWN_POINTS = ["after the claim", "after the answer"]
KNOWN_POINTS = [
    "before the claim",
    "after the id is recorded",
    "after the end is recorded",
    "after the name is chosen",
    "while bytes come in",
    "before the rename",
    "between link and unlink",
    "after the rename",
    "after the file is recorded",
]


@pytest.fixture(scope="module")
def gateway_url(tmp_path_factory: pytest.TempPathFactory):
    """A sandbox server that is as quick as it can be."""
    folder = tmp_path_factory.mktemp("sandbox")
    command = [sys.executable, "-m", "seedvr_cli", "sandbox", "--port", "0", "--latency", "0s", "-q"]
    with subprocess.Popen([*command, "--folder", str(folder)], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        yield re.search(r"http://[\d.:]+", server.stdout.readline())[0]
        server.terminate()


@pytest.fixture
def bench(tmp_path: Path, gateway_url: str):
    """A folder to work in, a picture of its own, and the command with the power to die."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SITECUSTOMIZE)
    (tmp_path / "work").mkdir()
    photo = tmp_path / "photo.jpg"
    shutil.copy(Path(__file__).parent / "data" / "photo.jpg", photo)
    root = Path(__file__).parent.parent
    tail = ["--base-url", gateway_url, "--poll-interval", "0.05", str(photo), "-x", "2"]

    def run(*arguments: str, kill_at: str = "") -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("SEEDVR", "PIXAZO"))}
        environment |= {"SEEDVR_HOME": str(tmp_path / "home"), "PYTHONPATH": f"{tmp_path / 'site'}:{root}"}
        environment |= {"SEEDVR_API_KEY": "a-key", "KILL_AT": kill_at}
        return subprocess.run(
            [sys.executable, "-m", "seedvr_cli", "image", *tail, *arguments],
            cwd=tmp_path / "work",
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def accepted() -> int:
        counts = httpx.get(f"{gateway_url}/sandbox/accepted").json()["by_source"]
        return counts.get(photo.as_uri(), 0)

    def files() -> list[str]:
        return sorted(os.listdir(tmp_path / "work"))

    return run, accepted, files


@pytest.mark.parametrize("point", KNOWN_POINTS)
@pytest.mark.parametrize("output", [(), ("-o", "mine.png")], ids=["default", "named"])
def test_the_same_command_finishes_what_a_killed_one_began(bench, point, output):
    """After SIGKILL at this point the same command pays once in all, and its one file stands under its plain name."""
    run, accepted, files = bench
    killed = run(*output, kill_at=point)
    assert killed.returncode == -signal.SIGKILL
    again = run(*output, "--json")
    assert again.returncode == 0, again.stderr
    assert accepted() == 1
    name = "mine.png" if output else "photo-2x.png"
    assert files() == [name]
    assert json.loads(again.stdout)["files"][0]["path"] == name
    third = run(*output)
    assert (third.returncode, third.stdout, accepted(), files()) == (0, f"{name}\n", 1, [name])


@pytest.mark.parametrize("point", UNKNOWN_POINTS)
def test_a_submission_in_the_air_is_not_sent_again(bench, point):
    """A run that is killed while its POST may be in the air leaves an unknown outcome, sent again only with --new."""
    run, accepted, files = bench
    assert run(kill_at=point).returncode == -signal.SIGKILL
    before = accepted()
    for _ in range(2):
        again = run("--json")
        assert again.returncode == 7, again.stderr
        assert json.loads(again.stdout)["charge"] == "unknown"
        assert "--new" in again.stderr
        assert accepted() == before
    assert run("--new").returncode == 0
    assert (accepted(), files()) == (before + 1, ["photo-2x.png"])
    assert run().returncode == 0
    assert accepted() == before + 1
