"""SIGKILL between any two writes of the ledger, and the same command again."""

import os
import random
import shutil
import signal
import subprocess

import pytest
from fakes.odd import OddAnswers
from helpers.command import OVER_HTTPX
from helpers.sandbox import serve
from helpers.sources import urls, write
from helpers.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.slow

# Loaded by the interpreter of the killed run: it dies at the point that KILL_AT names.
DYING = """
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
    from seedvr_cli.download.destination import Destination
    from seedvr_cli.download.partial import Partial
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
        real = Partial._write
        def write(self, at, chunk):
            real(self, at, chunk[: len(chunk) // 2])
            die()
        Partial._write = write
    if point == "before the rename": before(Destination, "publish")
    if point == "between link and unlink":
        def publish(self):
            os.link(self.part, self.path)
            die()
        Destination.publish = publish
    if point == "after the rename":
        real = Destination.publish
        def publish(self):
            real(self)
            die()
        Destination.publish = publish
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
# How often the batch is killed; before a release, some hundred times.
KILLS = int(os.environ.get("SEEDVR_KILLS", "60"))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A sandbox that is as quick as it can be, and upscales for real."""
    with serve(tmp_path_factory.mktemp("sandbox"), "--latency", "0s") as running:
        yield running


@pytest.fixture
def killed(bench, server, photo, tmp_path):
    """A picture of its own, the command for it with the power to die, and how often the picture was accepted."""
    source = tmp_path / "photo.jpg"
    shutil.copy(photo, source)

    def run(*words, kill_at=None):
        return bench.run("image", source, "-x", "2", *words, to=server, inject=DYING, env={"KILL_AT": kill_at})

    return run, lambda: server.accepted(source.as_uri())


@pytest.mark.parametrize("point", KNOWN_POINTS)
@pytest.mark.parametrize("output", [(), ("-o", "mine.png")], ids=["default", "named"])
def test_the_same_command_finishes_what_a_killed_one_began(killed, bench, point, output):
    """After SIGKILL at this point the same command pays once in all, and its one file stands under its plain name."""
    run, accepted = killed
    assert run(*output, kill_at=point).rc == -signal.SIGKILL
    again = run(*output, "--json")
    assert again.rc == 0, again.stderr
    assert accepted() == 1
    name = "mine.png" if output else "photo-2x.png"
    assert bench.files() == [name]
    assert again.object["files"][0]["path"] == name
    third = run(*output)
    assert (third.rc, third.stdout, accepted(), bench.files()) == (0, f"{name}\n", 1, [name])


@pytest.mark.parametrize("point", UNKNOWN_POINTS)
def test_a_submission_in_the_air_is_not_sent_again(killed, bench, point):
    """A run that is killed while its POST may be in the air leaves an unknown outcome, sent again only with --new."""
    run, accepted = killed
    assert run(kill_at=point).rc == -signal.SIGKILL
    before = accepted()
    for _ in range(2):
        again = run("--json")
        assert again.rc == 7, again.stderr
        assert again.object["charge"] == "unknown"
        assert "--new" in again.stderr
        assert accepted() == before
    assert run("--new").rc == 0
    assert (accepted(), bench.files()) == (before + 1, ["photo-2x.png"])
    assert run().rc == 0
    assert accepted() == before + 1


def test_who_waits_for_its_turn_is_not_in_the_air(start, run, work, sandbox):
    """Jobs that --rate holds back when a run is killed were not sent, and are not called unknown."""
    sources = urls(5)
    batch = write(work / "list.txt", sources)
    process = start("image", "--from", batch, "--rate", "1/h", "-q", to=sandbox, stdout=subprocess.PIPE)
    assert process.stdout.readline()
    process.kill()
    process.wait(PATIENCE)
    assert run("status", "--unknown", to=sandbox).stdout == ""
    assert run("image", "--from", batch, "-q", to=sandbox).rc == 0
    assert [sandbox.accepted(source) for source in sources] == [1] * 5


def test_sigkill_at_random_instants_pays_for_nothing_twice(start, run, work, gateway):
    """A batch whose answers are odd now and then, killed over and over, accepts no source twice and delivers the rest.

    Half of the time three processes are at it.
    """
    dice, carriers = random.Random(2), (OVER_HTTPX, "")
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    fake = gateway()
    fake.script = odd = OddAnswers(fake, random.Random(3), share=0.15)
    sources = urls(KILLS * 4)
    batch = write(work / "list.txt", sources)
    command = ("image", "--from", batch, "-o", "out/", "-q", "--poll-interval", "0.2")
    kills = in_the_air = 0
    while kills < KILLS:
        jobs = "2" if kills < KILLS - 10 else "16" if kills < KILLS - 3 else "64"
        count = 3 if kills % 2 else 1
        processes = [start(*command, "-j", jobs, to=fake, inject=dice.choice(carriers), **silent) for _ in range(count)]
        before = fake.accepted().total()
        wait_for(lambda: fake.accepted().total() > before or all(p.poll() is not None for p in processes))  # noqa: B023
        for process in processes:
            try:
                process.wait(dice.uniform(0, 0.3))
            except subprocess.TimeoutExpired:
                process.kill()
                kills += 1
            in_the_air += int(jobs)
            process.wait(PATIENCE)
        if before == fake.accepted().total():
            break
    assert kills >= KILLS, "the batch was through before it was killed often enough"
    odd.share = 0.0
    last = run(*command, to=fake)
    assert last.rc in {0, 7}, last.stderr
    accepted = fake.accepted()
    assert set(accepted.values()) == {1}
    unknown = {line.split("\t")[4] for line in run("status", "--unknown", to=fake).lines}
    assert odd.left_open <= unknown
    assert len(unknown - odd.left_open) <= in_the_air
    assert set(sources) - unknown <= set(accepted)
    names = {f"picture-{number}-upscaled.png": source for number, source in enumerate(sources)}
    files = os.listdir(work / "out")
    assert {names[file] for file in files} == set(sources) - unknown
    assert len({(work / "out" / file).read_bytes() for file in files}) == 1
