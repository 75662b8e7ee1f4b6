"""Batches over the real command: lists, shares of them, what stops a run, and SIGKILL at random instants."""

import contextlib
import itertools
import json
import os
import random
import signal
import sqlite3
import subprocess
import urllib.request
import uuid
from collections import Counter
from pathlib import Path

import pytest
from helpers.waiting import PATIENCE, wait_for

# How often the batch is killed, and how many sources it has.
KILLS = 50
SOURCES = 500


def urls(count: int) -> list[str]:
    batch = uuid.uuid4()
    return [f"https://example.com/{batch}/picture-{number}.png" for number in range(count)]


def by_source(server) -> Counter[str]:
    with urllib.request.urlopen(f"{server.url}/sandbox/accepted", timeout=PATIENCE) as answer:
        return Counter(json.load(answer)["by_source"])


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


# Jobs in flight: few go over httpx, many over aiohttp.
CARRIERS = pytest.mark.parametrize("jobs", ["8", "64"], ids=["httpx", "aiohttp"])


def test_a_list_is_done_once(run, work, sandbox):
    """A list gives one path a line, and the same command again prints the same paths and pays for nothing."""
    sources = urls(30)
    batch = write(work / "list.txt", sources)
    first = run("image", "--from", batch, "-x", "2", to=sandbox)
    assert first.rc == 0, first.stderr
    assert sorted(first.lines) == sorted(f"picture-{number}-2x.png" for number in range(30))
    again = run("image", "--from", batch, "-x", "2", to=sandbox)
    assert (again.rc, sorted(again.lines)) == (0, sorted(first.lines))
    assert [sandbox.accepted(source) for source in sources] == [1] * 30


def test_duplicates_are_one_job_and_both_are_reported(run, work, sandbox):
    """A source that stands twice in a list is paid for once, and each line has its result."""
    source = urls(1)[0]
    batch = write(work / "list.txt", [source, source, source])
    done = run("image", "--from", batch, "--json", to=sandbox)
    assert done.rc == 0, done.stderr
    assert [value["source"] for value in done.objects] == [source] * 3
    assert {value["files"][0]["path"] for value in done.objects} == {"picture-0-upscaled.png"}
    assert sandbox.accepted(source) == 1


def test_lines_have_their_own_options(run, work, sandbox):
    """A line's own options go over the command's, its own size over the command's size, and output names its file."""
    one, two, three = urls(3)
    lines = [
        json.dumps({"source": one, "scale": 4, "output": "named.png"}),
        json.dumps({"source": two, "model": "3b", "target": "1080p"}),
        json.dumps({"source": three, "param": {"extra": [1]}}),
    ]
    done = run("image", "--from", write(work / "l.jsonl", lines), "-x", "2", "--json", to=sandbox)
    assert done.rc == 0, done.stderr
    found = {value["source"]: value for value in done.objects}
    assert found[one]["params"] == {"upscale_factor": 4}
    assert found[one]["files"][0]["path"] == "named.png"
    assert found[two]["endpoint"] == "3b-image"
    assert found[two]["params"] == {"target_resolution": "1080p", "upscale_mode": "target"}
    assert found[three]["params"] == {"upscale_factor": 2, "extra": [1]}


def test_names_that_differ_by_their_request_id_get_no_numbers(run, work, sandbox):
    """A template with {request_id} names every result after its own id alone."""
    done = run("image", "--from", write(work / "l", urls(5)), "-o", "{request_id}{ext}", "--json", to=sandbox)
    assert done.rc == 0, done.stderr
    assert [value["files"][0]["path"] for value in done.objects] == [f"{v['request_id']}.png" for v in done.objects]


def test_a_bad_line_of_a_file_stops_everything_before_it_costs(run, work, sandbox):
    """Any bad line of a regular file is named by file and number, and nothing is submitted: code 2."""
    good = urls(1)[0]
    batch = write(work / "list.txt", [good, "ftp://example.com/x.png", "", "nofile.png"])
    done = run("image", "--from", batch, to=sandbox)
    assert (done.rc, done.stdout) == (2, "")
    assert f"{batch}:2:" in done.stderr
    assert f"{batch}:4:" in done.stderr
    assert sandbox.accepted(good) == 0


def test_a_bad_line_of_standard_input_is_that_items_failure(run, work, sandbox):
    """On standard input the good lines are done, and a bad one is a failure: code 1."""
    one, two = urls(2)
    done = run("image", "--from", "-", "--failed-file", "f.txt", to=sandbox, stdin=f"{one}\nnofile.png\n{two}\n")
    assert done.rc == 1
    assert sorted(done.lines) == ["picture-0-upscaled.png", "picture-1-upscaled.png"]
    assert (work / "f.txt").read_text().splitlines()[1] == "nofile.png"


def test_standard_input_is_worked_on_as_it_comes(start, sandbox):
    """A line's result is there before the next line is written."""
    one, two = urls(2)
    process = start("image", "--from", "-", "-q", to=sandbox, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for number, source in enumerate((one, two)):
        process.stdin.write(f"{source}\n".encode())
        process.stdin.flush()
        assert process.stdout.readline() == f"picture-{number}-upscaled.png\n".encode()
    process.stdin.close()
    assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize("form", ["lines", "jsonl", "csv"])
def test_a_failed_file_is_a_list_again(run, work, sandbox_server, form):
    """What did not succeed is written in the list's own form with the reason, and runs as a list of its own."""
    server = sandbox_server("--instant", "--latency", "0s", "--fault", "error=1")
    one, two = urls(2)
    lines = {
        "lines": [one, two],
        "jsonl": [json.dumps({"source": one, "scale": 2}), json.dumps({"source": two})],
        "csv": ["source,scale", f"{one},2", f"{two},"],
    }[form]
    done = run("image", "--from", write(work / "list", lines), "--failed-file", "failed", to=server)
    assert done.rc == 1
    text = (work / "failed").read_text()
    assert one in text
    assert "ERROR" in text
    again = run("image", "--from", "failed", "--dry-run", "--json", key=None)
    assert again.rc == 0, again.stderr
    assert sorted(value["source"] for value in again.objects) == sorted([one, two])
    if form != "lines":
        assert {value["source"]: value["params"] for value in again.objects}[one] == {"upscale_factor": 2}


def test_no_failed_file_without_a_failure(run, work, sandbox):
    """Where all succeeds no failed-file is made."""
    assert run("image", urls(1)[0], "--failed-file", "failed", to=sandbox).rc == 0
    assert not (work / "failed").exists()


def test_fail_fast_submits_nothing_more(run, work, sandbox_server):
    """After the first failure --fail-fast submits nothing more, and says so of each item that was left."""
    server = sandbox_server("--instant", "--latency", "0s", "--fault", "error=1")
    sources = urls(40)
    done = run("image", "--from", write(work / "l", sources), "-j", "1", "--fail-fast", "--json", to=server)
    assert done.rc == 1
    assert server.accepted() < 10
    assert len(done.objects) == 40
    assert done.objects[-1]["charge"] == "none"


def test_an_empty_wallet_stops_submissions_and_finishes_what_is_paid(run, work, sandbox_server):
    """After a 402 what was paid for is delivered, nothing else is submitted, and the exit code is 4."""
    server = sandbox_server("--instant", "--latency", "0s", "--balance", "0.005")
    done = run("image", "--from", write(work / "l", urls(30)), "-j", "2", to=server)
    assert done.rc == 4
    assert len(done.lines) == server.accepted() == 5
    assert "not submitted" in done.stderr
    assert "the rest, and only the rest: seedvr image --from" in done.stderr


def test_max_cost_per_day_is_shared_by_processes(run, start, work, sandbox):
    """Two processes at once stay together below max-cost-per-day, jobs in flight included."""
    assert run("config", "set", "max-cost-per-day", "0.010").rc == 0
    sources = urls(40)
    halves = [write(work / f"l{half}", sources[half::2]) for half in range(2)]
    processes = [start("image", "--from", half, "-q", to=sandbox, stderr=subprocess.PIPE) for half in halves]
    assert [(process.communicate(timeout=PATIENCE), process.returncode)[1] for process in processes] == [4, 4]
    assert sum(sandbox.accepted(source) for source in sources) == 10


def test_spend_tells_each_charge_apart(run, sandbox_server):
    """`spend` sums list prices by day, endpoint and profile: listed, not charged, maybe and unknown apart."""
    server = sandbox_server("--instant", "--latency", "0s")
    failing = sandbox_server("--instant", "--latency", "0s", "--fault", "fail=1")
    assert run("image", *urls(3), to=server).rc == 0
    (row,) = run("spend", "--json", "--base-url", server.url).objects
    assert (row["jobs"], row["listed_usd"], row["maybe_usd"], row["endpoint"]) == (3, 0.003, 0, "7b-image")
    assert run("image", urls(1)[0], to=failing).rc == 1
    (row,) = run("spend", "--json", "--base-url", failing.url).objects
    assert (row["listed_usd"], row["maybe_usd"]) == (0, 0.001)
    assert run("spend", "--since", "2099-01-01", "--base-url", server.url).stdout == ""
    assert run("spend", "--since", "tomorrow").rc == 2


def test_unknown_outcomes_are_listed_and_settled(run, work, sandbox_server):
    """`status --unknown` lists them with their sources, `forget` settles one or all, and then they are submitted."""
    server = sandbox_server("--instant", "--latency", "0s", "--fault", "lost-submit=1")
    healthy = sandbox_server("--instant", "--latency", "0s")
    one, two = urls(2)
    assert run("image", one, two, to=server).rc == 7
    shown = run("status", "--unknown", to=server)
    assert sorted(line.split("\t")[4] for line in shown.lines) == sorted([one, two])
    assert run("forget", "https://example.com/other.png", "--base-url", server.url).rc == 2
    assert run("forget", one, "--base-url", server.url).lines == [one]
    assert [line.split("\t")[4] for line in run("status", "--unknown", to=server).lines] == [two]
    assert run("image", two, to=server).rc == 7
    assert server.accepted(two) == 1
    assert run("image", one, to=server).rc == 7
    assert server.accepted(one) == 2
    assert run("forget", "--all", "--base-url", server.url).rc == 0
    assert run("status", "--unknown", to=server).stdout == ""
    assert healthy.accepted() == 0


def test_shards_share_a_list(run, start, work, sandbox):
    """Four shares as four processes find every item once."""
    sources = urls(60)
    batch = write(work / "list.txt", sources)
    processes = [
        start("image", "--from", batch, "--shard", f"{number}/4", "-q", to=sandbox, stdout=subprocess.PIPE)
        for number in range(1, 5)
    ]
    shares = [process.communicate(timeout=PATIENCE)[0].decode().split() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert sorted(itertools.chain(*shares)) == sorted(f"picture-{number}-upscaled.png" for number in range(60))
    assert all(shares)
    assert [sandbox.accepted(source) for source in sources] == [1] * 60


@pytest.mark.parametrize(
    "environment",
    [
        {"JOB_COMPLETION_INDEX": "1", "JOB_COMPLETIONS": "3"},
        {"SLURM_ARRAY_TASK_ID": "6", "SLURM_ARRAY_TASK_COUNT": "3", "SLURM_ARRAY_TASK_MIN": "5"},
        {"AWS_BATCH_JOB_ARRAY_INDEX": "1", "AWS_BATCH_JOB_ARRAY_SIZE": "3"},
    ],
    ids=["kubernetes", "slurm", "aws"],
)
def test_the_cluster_says_which_share_this_is(run, work, environment):
    """`--shard auto` takes the share that the cluster's environment names."""
    batch = write(work / "list.txt", urls(40))
    by_hand = run("image", "--from", batch, "--shard", "2/3", "--dry-run", key=None)
    assert 0 < len(by_hand.lines) < 40
    assert (
        run("image", "--from", batch, "--shard", "auto", "--dry-run", key=None, env=environment).lines == by_hand.lines
    )


def test_shards_that_make_no_sense_are_refused(run, work):
    """A share outside 1 to N, and `auto` where no cluster says anything, are usage errors."""
    batch = write(work / "list.txt", urls(1))
    for shard in ("0/4", "5/4", "x", "1/0"):
        assert run("image", "--from", batch, "--shard", shard, "--dry-run").rc == 2
    assert "I/N" in run("image", "--from", batch, "--shard", "auto", "--dry-run").stderr


def test_a_changed_list_moves_no_other_items(run, work):
    """Each item stays in its share when other lines come and go."""
    sources = urls(30)

    def share(lines: list[str]) -> set[str]:
        batch = write(work / "list.txt", lines)
        done = run("image", "--from", batch, "--shard", "1/3", "--dry-run", "--json", key=None)
        return {value["source"] for value in done.objects}

    whole = share(sources)
    assert share(sources[7:]) == whole - set(sources[:7])


@CARRIERS
def test_requests_slow_down_together_after_a_429(jobs, run, work, sandbox_server):
    """A batch against a rate limit gets through, each source accepted once."""
    server = sandbox_server("--instant", "--latency", "0s", "--rate-limit", "20")
    sources = urls(30)
    done = run("image", "--from", write(work / "l", sources), "-j", jobs, to=server)
    assert done.rc == 0, done.stderr
    assert set(by_source(server).values()) == {1}


@CARRIERS
def test_the_gateway_may_go_away_and_come_back(jobs, start, work, sandbox_server, run, tmp_path):
    """A gateway that is killed and started again in the middle costs no job: the same command finishes the batch."""
    sources = urls(120)
    batch = write(work / "list.txt", sources)
    folder = tmp_path / "gateway"
    flags = ("--instant", "--latency", "0.2s", "--folder", folder)
    first = sandbox_server(*flags)
    port = first.url.rpartition(":")[2]
    command = ("image", "--from", batch, "-j", jobs, "-q")
    process = start(*command, to=first, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(lambda: len(list((folder / "jobs").glob("*.json"))) > 30)
    first.process.send_signal(signal.SIGKILL)
    first.process.wait(PATIENCE)
    second = sandbox_server(*flags, "--port", port)
    process.communicate(timeout=PATIENCE)
    again = run("image", "--from", batch, to=second)
    assert process.returncode in {0, 5, 7}
    assert again.rc in {0, 7}, again.stderr
    accepted = by_source(second)
    assert set(accepted.values()) == {1}
    unknown = {line.split("\t")[4] for line in run("status", "--unknown", to=second).lines}
    assert len(unknown) <= int(jobs)
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


def test_what_is_paid_is_recorded_though_file_handles_run_out(run, work, sandbox_server):
    """With more connections than file handles the ledger cannot be written: what was accepted is kept all the same."""
    server = sandbox_server("--instant", "--latency", "0.3s")
    sources = urls(150)
    batch = write(work / "list.txt", sources)
    few = "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
    first = run("image", "--from", batch, "-j", "128", to=server, inject=few)
    assert "unable to open database file" in first.stderr
    assert 0 < server.accepted() < 150
    assert run("status", "--unknown", to=server).lines == []
    again = run("image", "--from", batch, "-j", "128", to=server)
    assert (again.rc, len(again.lines)) == (0, 150), again.stderr
    assert set(by_source(server).values()) == {1}


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


@CARRIERS
def test_an_interrupt_keeps_the_ledger_whole(jobs, start, run, work, sandbox_server):
    """After Ctrl-C in the middle of a batch no outcome is unknown, and the command that is printed does the rest."""
    server = sandbox_server("--instant", "--latency", "0.3s")
    sources = urls(60)
    batch = write(work / "list.txt", sources)
    process = start("image", "--from", batch, "-j", jobs, to=server, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(lambda: server.accepted() >= 16)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert f"go on with: seedvr image --from {batch} -j {jobs} " in errors.decode().splitlines()[-1]
    again = run("image", "--from", batch, to=server)
    assert (again.rc, len(again.lines)) == (0, 60)
    assert set(by_source(server).values()) == {1}


def test_sigkill_at_random_instants_pays_for_nothing_twice(start, run, work, sandbox_server):
    """A batch of 500 that is killed fifty times, half of them with three processes at it, accepts no source twice."""
    dice = random.Random(2)
    server = sandbox_server("--instant", "--latency", "0.3s")
    sources = urls(SOURCES)
    batch = write(work / "list.txt", sources)
    command = ("image", "--from", batch, "-o", "out/", "-q", "--poll-interval", "0.2")
    kills = in_the_air = 0
    while kills < KILLS:
        jobs = "2" if kills < KILLS - 10 else "16" if kills < KILLS - 3 else "64"
        count = 3 if kills % 2 else 1
        processes = [
            start(*command, "-j", jobs, to=server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for _ in range(count)
        ]
        before = server.accepted()
        wait_for(lambda: server.accepted() > before or all(p.poll() is not None for p in processes))  # noqa: B023
        for process in processes:
            try:
                process.wait(dice.uniform(0, 0.3))
            except subprocess.TimeoutExpired:
                process.kill()
                kills += 1
            in_the_air += int(jobs)
            process.wait(PATIENCE)
        if before == server.accepted():
            break
    last = run(*command, to=server)
    assert kills >= KILLS, "the batch was through before it was killed often enough"
    assert last.rc in {0, 7}, last.stderr
    accepted = by_source(server)
    assert set(accepted.values()) == {1}
    unknown = {line.split("\t")[4] for line in run("status", "--unknown", to=server).lines}
    assert len(unknown) <= in_the_air
    names = {f"picture-{number}-upscaled.png": source for number, source in enumerate(sources)}
    files = os.listdir(work / "out")
    assert {names[file] for file in files if not file.endswith(".part")} == set(sources) - unknown
    assert not [file for file in files if file.endswith(".part")]
    assert len({(work / "out" / file).read_bytes() for file in files}) == 1
