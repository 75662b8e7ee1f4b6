"""What breaks in the middle: gateways, disks, ledgers and handles, and what it costs."""

import contextlib
import os
import signal
import sqlite3
import subprocess

import pytest
from helpers.command import CARRIERS
from helpers.sources import urls, write
from helpers.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.slow


@CARRIERS
def test_requests_slow_down_together_after_a_429(carrier, run, work, sandbox_server):
    """A batch against a rate limit gets through, each source accepted once."""
    server = sandbox_server("--instant", "--latency", "0s", "--rate-limit", "20")
    sources = urls(30)
    done = run("image", "--from", write(work / "l", sources), "-j", "16", to=server, inject=carrier)
    assert done.rc == 0, done.stderr
    assert set(server.by_source().values()) == {1}


@CARRIERS
def test_the_gateway_may_go_away_and_come_back(carrier, start, work, sandbox_server, run, tmp_path):
    """A gateway that is killed and started again in the middle costs no job: the same command finishes the batch."""
    sources = urls(120)
    batch = write(work / "list.txt", sources)
    folder = tmp_path / "gateway"
    flags = ("--instant", "--latency", "0.2s", "--folder", folder)
    first = sandbox_server(*flags)
    port = first.url.rpartition(":")[2]
    command = ("image", "--from", batch, "-j", "16", "-q")
    process = start(*command, to=first, inject=carrier, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(lambda: len(list((folder / "jobs").glob("*.json"))) > 30)
    first.process.send_signal(signal.SIGKILL)
    first.process.wait(PATIENCE)
    second = sandbox_server(*flags, "--port", port)
    process.communicate(timeout=PATIENCE)
    again = run("image", "--from", batch, to=second)
    assert process.returncode in {0, 5, 7}
    assert again.rc in {0, 7}, again.stderr
    accepted = second.by_source()
    assert set(accepted.values()) == {1}
    unknown = {line.split("\t")[4] for line in run("status", "--unknown", to=second).lines}
    assert len(unknown) <= 16
    delivered = {
        f"https://example.com/{sources[0].split('/')[3]}/{name.replace('-upscaled', '')}" for name in again.lines
    }
    assert delivered | unknown == set(sources)


def test_a_full_disk_loses_and_pays_nothing(run, tmp_path, sandbox):
    """With no room for the ledger nothing is submitted; with no room for a result it is kept for later."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", disk]).returncode:
        pytest.skip("a small file system can only be mounted by root")
    try:
        full = disk / "filler"
        with contextlib.suppress(OSError), full.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        source, other = urls(2)
        done = run("image", source, to=sandbox, env={"SEEDVR_HOME": str(disk / "home")})
        assert done.rc == 1
        assert "space" in done.stderr or "disk" in done.stderr
        assert "Traceback" not in done.stderr
        assert sandbox.accepted(source) == 0
        target = str(disk / "picture.png")
        done = run("image", other, "-o", target, to=sandbox)
        assert done.rc in {1, 2}
        full.unlink()
        assert run("image", other, "-o", target, to=sandbox).rc == 0
        assert sandbox.accepted(other) == 1
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@CARRIERS
def test_what_is_paid_is_recorded_though_file_handles_run_out(carrier, run, work, sandbox_server):
    """With more connections than file handles the ledger cannot be written: what was accepted is kept all the same."""
    server = sandbox_server("--instant", "--latency", "0.3s")
    sources = urls(150)
    batch = write(work / "list.txt", sources)
    few = "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
    first = run("image", "--from", batch, "-j", "128", to=server, inject=carrier + few)
    assert "unable to open database file" in first.stderr
    assert 0 < server.accepted() < 150
    assert run("status", "--unknown", to=server).lines == []
    again = run("image", "--from", batch, "-j", "128", to=server)
    assert (again.rc, len(again.lines)) == (0, 150), again.stderr
    assert set(server.by_source().values()) == {1}


def test_a_folder_that_cannot_be_written_is_found_before_it_costs(run, work, sandbox):
    """Where results cannot be written the command ends with code 2 and has submitted nothing."""
    source = urls(1)[0]
    done = run("image", source, "-o", "/proc/nowhere/", to=sandbox)
    assert (done.rc, sandbox.accepted(source)) == (2, 0)
    assert "cannot write" in done.stderr


def test_a_ledger_that_another_process_locks_is_waited_for(run, start, home, sandbox):
    """While another process holds the ledger's lock the command waits, and then goes on."""
    assert run("image", urls(1)[0], to=sandbox).rc == 0
    connection = sqlite3.connect(home / "state" / "ledger.sqlite3", isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    source = urls(1)[0]
    process = start("image", source, "-q", to=sandbox, stdout=subprocess.PIPE)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)
    assert sandbox.accepted(source) == 0
    connection.execute("COMMIT")
    connection.close()
    assert process.wait(PATIENCE) == 0
    assert sandbox.accepted(source) == 1


def test_a_corrupt_ledger_is_set_aside_and_never_replaced(run, home, sandbox):
    """A damaged ledger is moved aside with a clear message, and no run begins a new one while it stands there."""
    source = urls(1)[0]
    assert run("image", source, to=sandbox).rc == 0
    ledger = home / "state" / "ledger.sqlite3"
    ledger.write_bytes(b"garbage" * 1000)
    for _ in range(2):
        done = run("image", source, to=sandbox)
        assert done.rc == 1
        assert "ledger.sqlite3.damaged" in done.stderr
    assert sandbox.accepted(source) == 1
    (home / "state" / "ledger.sqlite3.damaged").unlink()
    assert run("image", urls(1)[0], to=sandbox).rc == 0


@CARRIERS
def test_an_interrupt_keeps_the_ledger_whole(carrier, start, run, work, sandbox_server):
    """After Ctrl-C in the middle of a batch no outcome is unknown, and the command that is printed does the rest."""
    server = sandbox_server("--instant", "--latency", "0.3s")
    sources = urls(60)
    batch = write(work / "list.txt", sources)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = start("image", "--from", batch, "-j", "16", to=server, inject=carrier, **streams)
    wait_for(lambda: server.accepted() >= 16)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert f"go on with: seedvr image --from {batch} -j 16 " in errors.decode().splitlines()[-1]
    again = run("image", "--from", batch, to=server)
    assert (again.rc, len(again.lines)) == (0, 60)
    assert set(server.by_source().values()) == {1}
