"""Machines that share a ledger, over the real command: homes of their own, one board, one gateway."""

import json
import random
import signal
import subprocess
import threading
import uuid
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from fakes.gateway import CUT as LOST
from fakes.gateway import STATUS_PATH, Reply
from fakes.media import picture
from fakes.odd import OddAnswers
from helpers.bucket import BUCKET
from helpers.command import KEY, Bench
from helpers.postgres import name_of
from helpers.sources import new_url, urls, write
from helpers.waiting import PATIENCE, wait_for

from seedvr_cli.values.catalog import KEY_HEADER

pytestmark = pytest.mark.slow

KILLS = 30
# Lines of which the last ones are read when the first jobs have ended.
LONG_LIST = 700
# Ends all connections of the command.
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'seedvr'"


@pytest.fixture
def board(postgres_server):
    """The environment of machines that share a ledger."""
    return {"SEEDVR_LEDGER_URL": postgres_server.database()}


@pytest.fixture(params=["postgres", "s3"])
def any_board(request):
    """The environment of machines that share a ledger, of either kind."""
    if request.param == "postgres":
        return request.getfixturevalue("board")
    return {**request.getfixturevalue("store"), "SEEDVR_LEDGER_URL": f"s3://{BUCKET}/{uuid.uuid4().hex}"}


@pytest.fixture
def machines(tmp_path):
    """Three machines: their folders, and the command on each."""
    made = []
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        made.append(Bench(tmp_path / name))
    yield made
    for bench in made:
        bench.close()


def board_states(board):
    """The states of all records."""
    with psycopg.connect(board["SEEDVR_LEDGER_URL"]) as connection:
        return [row[0] for row in connection.execute("SELECT state FROM seedvr_board").fetchall()]


def test_the_same_list_on_three_machines_is_paid_for_once(machines, any_board, sandbox):
    """The same list on several machines is paid for once, and each machine has all of the results."""
    sources = urls(8)
    for bench in machines:
        done = bench.run("image", "--from", write(bench.work / "list", sources), to=sandbox, env=any_board)
        assert (done.rc, len(done.lines)) == (0, 8), done.stderr
        assert "seedvr: claims stand in the shared ledger" in done.stderr
    assert [sandbox.accepted(source) for source in sources] == [1] * 8


def test_machines_at_the_same_time_pay_once(machines, any_board, sandbox_server):
    """While one machine waits for a job, the others attach to it."""
    server = sandbox_server("--instant", "--latency", "0.5s")
    sources = urls(40)
    processes = [
        bench.start("image", "--from", write(bench.work / "list", sources), "-q", to=server, env=any_board)
        for bench in machines
    ]
    for process in processes:
        out, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode, len(out.splitlines())) == (0, 40), errors.decode()
    assert set(server.by_source().values()) == {1}
    assert server.accepted() == 40


def test_machines_that_fill_one_folder_leave_each_other_alone(machines, board, gateway, tmp_path):
    """Results of equal names, brought to one folder by machines with homes of their own, all arrive, each once."""
    sources = [f"https://example.com/{number}/photo.png" for number in range(24)]
    pictures = {source: picture(number) for number, source in enumerate(sources)}
    together = threading.Barrier(8)  # bodies come at the same time

    def script(heard):
        if not heard.path.startswith("/media/"):
            return None
        with suppress(threading.BrokenBarrierError):
            together.wait(PATIENCE)
        return Reply(200, pictures[heard.source])

    fake = gateway(script)
    processes = []
    for number, bench in enumerate(machines, 1):
        lines = write(bench.work / "list.txt", sources)
        words = ("image", "--from", lines, "--shard", f"{number}/3", "-o", f"{tmp_path}/big/", "--json")
        processes.append(bench.start(*words, to=fake, env=board))
    found = []
    for process in processes:
        out, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, errors.decode()
        found += [json.loads(line) for line in out.splitlines()]
    assert {result["source"]: Path(result["files"][0]["path"]).read_bytes() for result in found} == pictures
    assert len(list((tmp_path / "big").iterdir())) == len(sources)


def test_a_cap_hides_nothing_that_another_machine_has_paid_for(machines, board, sandbox):
    """In a long list whose --max-cost is reached, what another machine has paid for is delivered for nothing."""
    first, second, _ = machines
    sources = urls(LONG_LIST)
    assert first.run("image", sources[-1], to=sandbox, env=board).rc == 0
    lines = write(second.work / "list", sources)
    done = second.run("image", "--from", lines, "--max-cost", "0.002", "-j", "1", "--json", to=sandbox, env=board)
    assert (done.rc, len(done.objects)) == (4, LONG_LIST), done.stderr
    (last,) = [one for one in done.objects if one["source"] == sources[-1]]
    assert (last["status"], last["charge"], len(last["files"])) == ("COMPLETED", "listed", 1)
    assert sandbox.accepted(sources[-1]) == 1
    assert sum(map(sandbox.accepted, sources)) == 3


def test_the_cap_of_a_day_hides_nothing_either(machines, any_board, sandbox, sandbox_server):
    """Where the day's money is spent, a machine attaches to what another has paid for, and says what is unknown."""
    first, second, _ = machines
    garbled = sandbox_server("--instant", "--fault", "garbled=1")
    paid, lost = urls(2)
    second.configure('[default]\nmax-cost-per-day = "0.001"\n')
    for server, source, code in ((sandbox, paid, 0), (garbled, lost, 7)):
        assert first.run("image", source, to=server, env=any_board).rc == code
        done = second.run("image", source, to=server, env=any_board)
        assert done.rc == code, done.stderr
        assert second.run("image", new_url(), to=server, env=any_board).rc == 4
        assert server.accepted(source) == 1


def test_what_was_unknown_on_another_machine_is_delivered_once_it_is_paid_for(machines, board, gateway, url):
    """What a machine was told of as unknown it attaches to when --new has paid for it elsewhere, and shows so."""
    fake = gateway()
    fake.script = lambda heard: Reply(200, b"{") if heard.method == "POST" and len(fake.posts()) == 1 else None
    first, second, _ = machines
    for bench in (first, second):
        assert bench.run("image", url, to=fake, env=board).rc == 7
    assert first.run("image", url, "--new", to=fake, env=board).rc == 0
    done = second.run("image", url, to=fake, env=board)
    assert (done.rc, done.lines) == (0, ["photo-upscaled.png"]), done.stderr
    assert second.run("status", "--unknown", to=fake).lines == []
    assert len(fake.posts()) == 2


def test_the_cap_of_a_day_holds_across_midnight(machines, board, sandbox_server):
    """What a run drew on the day before, and gives back when it ends, does not widen the cap of the day after."""
    server = sandbox_server("--instant", "--latency", "3s")
    before_midnight = (
        "import seedvr_cli.ledger.postgres as p\n"
        "draw, today = p.PostgresBoard.draw, p.sql.DRAW\n"
        "yesterday = today.replace('clock_timestamp()', \"(clock_timestamp() - interval '1 day')\")\n"
        "async def drawing(self, gateway, amount, *caps):\n"
        "    p.sql.DRAW = yesterday if amount > 0 else today\n"
        "    return await draw(self, gateway, amount, *caps)\n"
        "p.PostgresBoard.draw = drawing\n"
    )
    first, second, _ = machines
    second.configure('[default]\nmax-cost-per-day = "0.005"\n')
    lines, sources = second.work / "list", urls(8)
    command = ("image", "--from", write(lines, sources), "--no-wait", "-q")
    assert second.run("ledger", "init", env=board).rc == 0
    process = first.start("image", new_url(), to=server, env=board, inject=before_midnight)
    wait_for(lambda: board_states(board))
    assert second.run(*command, to=server, env=board).rc == 4
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    with psycopg.connect(board["SEEDVR_LEDGER_URL"]) as connection:
        days = connection.execute("SELECT spent FROM seedvr_days ORDER BY day").fetchall()
    assert days == [(1_000,), (5_000,)]
    assert second.run(*command, to=server, env=board).rc == 4
    assert sum(map(server.accepted, sources)) == 5


def test_one_machine_asks_the_gateway(machines, board, gateway, url):
    """Machines that attach to a job look at the shared ledger while the one that has it asks the gateway."""
    fake, done = gateway(), threading.Event()
    fake.script = lambda heard: (
        fake.view(heard, "PROCESSING") if heard.path.startswith(STATUS_PATH) and not done.is_set() else None
    )

    def polls(key):
        return [one for one in fake.polls() if one.headers[KEY_HEADER.lower()] == key]

    keys = [f"{KEY}-{number}" for number in range(2)]
    first = machines[0].start("image", url, "-q", to=fake, key=keys[0], env=board)
    wait_for(lambda: len(polls(keys[0])) > 2)
    second = machines[1].start("image", url, "-q", to=fake, key=keys[1], env=board)
    wait_for(lambda: polls(keys[1]))
    before = len(polls(keys[0]))
    wait_for(lambda: len(polls(keys[0])) > before + 10)
    assert len(polls(keys[1])) == 1
    left = machines[2].run("image", url, "--skip-claimed", "--json", to=fake, key="another-key-0123", env=board)
    assert (left.rc, left.object["charge"], polls("another-key-0123")) == (6, "maybe", [])
    assert "left to another machine" in left.stderr
    done.set()
    for process in (first, second):
        out, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode, out) == (0, b"photo-upscaled.png\n"), errors.decode()
    assert fake.accepted().total() == 1


def test_a_machine_that_dies_with_a_post_in_the_air(machines, any_board, gateway, url):
    """What a dead machine was sending is unknown to the others when its lease is over, until somebody settles it."""
    held, fake = threading.Event(), gateway()
    fake.script = lambda heard: (
        replace(fake.accept(heard.source), held=held) if heard.method == "POST" and not fake.accepted() else None
    )
    short = "import seedvr_cli.ledger.board as b\nb.LEASE_SECONDS = 5.0\n"
    first, second, third = machines
    process = first.start("image", url, "-q", to=fake, env=any_board, inject=short)
    wait_for(fake.posts)
    left = second.run("image", url, "--skip-claimed", to=fake, env=any_board)
    assert (left.rc, "left to another seedvr" in left.stderr) == (6, True), left.stderr
    process.kill()
    process.wait(PATIENCE)
    held.set()
    done = second.run("image", url, "--timeout", "60s", "--json", to=fake, env=any_board, inject=short)
    assert (done.rc, done.object["charge"]) == (7, "unknown"), done.stderr
    assert third.run("image", url, to=fake, env=any_board).rc == 7
    assert len(fake.posts()) == 1
    assert len(third.run("status", "--unknown", to=fake).lines) == 1
    assert third.run("forget", "--all", "--base-url", fake.url, env=any_board).rc == 0
    done = third.run("image", url, to=fake, env=any_board)
    assert done.rc == 0, done.stderr
    assert len(fake.posts()) == 2


def test_a_ledger_from_before_is_pushed(machines, board, sandbox, url):
    """A machine that has paid before says what to do; after that the others attach to what it has paid for."""
    first, second, _ = machines
    assert first.run("image", url, to=sandbox).rc == 0
    refused = first.run("image", new_url(), to=sandbox, env=board)
    assert refused.rc == 1
    assert "seedvr ledger push" in refused.stderr
    pushed = first.run("ledger", "push", env=board)
    assert (pushed.rc, "1 job" in pushed.stderr) == (0, True), pushed.stderr
    assert first.run("image", url, to=sandbox, env=board).rc == 0
    assert second.run("image", url, to=sandbox, env=board).rc == 0
    assert sandbox.accepted(url) == 1


def test_the_shared_ledger_is_shown(bench, board, sandbox, url):
    """`ledger init` makes it, `status` says what it is and has, `export` prints it all; without one that is said."""
    assert bench.run("ledger", "init", env=board).rc == 0
    assert bench.run("image", url, to=sandbox, env=board).rc == 0
    shown = bench.run("ledger", "status", env=board).lines
    assert shown[1].startswith("shared\tthe shared ledger ")
    assert shown[2:] == ["completed\t1"]
    assert bench.run("ledger", "status", "--json", env=board).object["jobs"] == {"completed": 1}
    (exported,) = bench.run("ledger", "export", env=board).objects
    assert (exported["state"], exported["price"], exported["facts"]["source"]) == ("completed", 1000, url)
    assert bench.run("ledger", "status").lines[1] == "shared\t-"
    alone = bench.run("ledger", "push")
    assert (alone.rc, "SEEDVR_LEDGER_URL" in alone.stderr) == (2, True)


def test_the_url_comes_from_the_profile_or_a_command(bench, board, sandbox, url):
    """The profile may have the URL, or a command that prints it; a password is not shown."""
    address = board["SEEDVR_LEDGER_URL"]
    for name, value in (("ledger-url", address), ("ledger-url-command", f"echo '{address}'")):
        assert bench.run("config", "set", name, value).rc == 0
        assert "claims stand in" in bench.run("image", f"{url}?{name}", to=sandbox).stderr
        assert bench.run("config", "unset", name).rc == 0
    bench.run("config", "set", "ledger-url", "postgresql://me:hunter2@db.example/x")
    assert "hunter2" not in bench.run("config", "list").stdout
    bench.run("config", "unset", "ledger-url")
    bench.run("config", "set", "ledger-url-command", "exit 3")
    done = bench.run("image", url, to=sandbox)
    assert (done.rc, sandbox.accepted(url)) == (2, 0)
    assert "ledger_url_command ended with exit code 3" in done.stderr


def test_without_its_package_a_shared_ledger_says_what_to_install(run, board, sandbox, url):
    """A shared ledger is never silently left out: nothing is sent, and the line has the command that helps."""
    hide = "import sys\nsys.modules['psycopg'] = None\n"
    done = run("image", url, to=sandbox, env=board, inject=hide)
    assert (done.rc, sandbox.accepted(url)) == (2, 0)
    assert "pip install 'seedvr-cli[postgres]'" in done.stderr


def test_a_server_that_is_away_pays_nothing(run, sandbox, url):
    """Where the shared ledger is not to be had, nothing is sent, and the local one does not stand in for it."""
    env = {"SEEDVR_LEDGER_URL": "postgresql://me:secret@127.0.0.1:1/none"}
    impatient = "import seedvr_cli.ledger.postgres_link as p\np.PATIENCE = 0.1\n"
    done = run("image", url, to=sandbox, env=env, inject=impatient)
    assert (done.rc, done.stdout, sandbox.accepted(url)) == (1, "", 0)
    assert "the shared ledger 127.0.0.1/none cannot be used" in done.stderr
    assert "secret" not in done.stderr


def test_an_empty_variable_is_no_ledger_of_this_machine(run, sandbox, url):
    """A secret that CI does not have here would be one more ledger, and a second payment."""
    done = run("image", url, to=sandbox, env={"SEEDVR_LEDGER_URL": " "})
    assert (done.rc, sandbox.accepted(url)) == (2, 0)
    assert done.stderr.startswith("seedvr: SEEDVR_LEDGER_URL is empty")


def test_the_same_command_delivers_without_the_server(run, board, sandbox):
    """Where the server is away from the start, what is paid for is delivered, and nothing is submitted."""
    paid, new = urls(2)
    assert run("image", paid, "--no-wait", to=sandbox, env=board).rc == 0
    away = {"SEEDVR_LEDGER_URL": "postgresql://me:secret@127.0.0.1:1/x"}
    impatient = "import seedvr_cli.ledger.postgres_link as link\nlink.PATIENCE = 0.0\n"
    done = run("image", paid, new, to=sandbox, env=away, inject=impatient)
    assert (done.rc, len(done.lines), sandbox.accepted(new)) == (1, 1, 0), done.stderr
    assert "cannot be used" in done.stderr
    assert "secret" not in done.stderr


def test_what_is_paid_for_is_delivered_without_the_server(run, board, sandbox, url):
    """`download` needs no shared ledger: what this machine has paid for it fetches while that is away."""
    submitted = run("image", url, "--no-wait", to=sandbox, env=board)
    assert submitted.rc == 0, submitted.stderr
    impatient = "import seedvr_cli.ledger.postgres_link as p\np.PATIENCE = 0.1\n"
    done = run("download", to=sandbox, env={"SEEDVR_LEDGER_URL": "postgresql://127.0.0.1:1/none"}, inject=impatient)
    assert (done.rc, done.lines) == (0, ["photo-upscaled.png"]), done.stderr


def test_a_server_that_goes_away_under_a_run(run, postgres_server, board, gateway, work):
    """What is paid for is waited for and delivered, nothing more is claimed, and the next run tells what was left."""
    name, sources = name_of(board["SEEDVR_LEDGER_URL"]), urls(3)
    fake = gateway()

    def script(heard):
        if heard.method == "POST" and not fake.accepted():
            postgres_server.do(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            postgres_server.do(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'seedvr'"
            )

    fake.script = script
    impatient = "import seedvr_cli.ledger.postgres_link as p\np.PATIENCE = 0.2\np.PAUSE = 0.05\n"
    command = ("image", "--from", write(work / "list", sources), "-j", "1")
    done = run(*command, to=fake, env=board, inject=impatient)
    assert (done.rc, done.lines) == (1, ["picture-0-upscaled.png"]), done.stderr
    assert "cannot be used" in done.stderr
    assert "was not told what became of 1 job" in done.stderr
    assert fake.accepted().total() == 1
    postgres_server.do(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    again = run(*command, to=fake, env=board)
    assert (again.rc, len(again.lines)) == (0, 3), again.stderr
    assert set(fake.accepted().values()) == {1}
    assert board_states(board) == ["completed"] * 3


def test_a_machine_that_was_stopped_past_its_lease_sends_nothing_more(machines, board, gateway, url):
    """A held submission whose machine slept while another took it over is refused its POST when it wakes."""
    fake = gateway()
    wait = Reply(429, b"", {"Retry-After": "2"})
    fake.script = lambda heard: wait if heard.method == "POST" and len(fake.posts()) == 1 else None
    first, second, _ = machines
    process = first.start("image", url, "--timeout", "60s", to=fake, env=board)
    wait_for(lambda: fake.posts() and board_states(board) == ["free"])
    process.send_signal(signal.SIGSTOP)
    try:
        done = second.run("image", url, to=fake, env=board)
        assert done.rc == 0, done.stderr
    finally:
        process.send_signal(signal.SIGCONT)
    out, errors = process.communicate(timeout=PATIENCE)
    assert "another machine has the job now" in errors.decode()
    assert (process.returncode, len(out.splitlines()), len(fake.posts())) == (0, 1, 2), errors.decode()


def test_a_board_that_is_away_at_the_end_hides_no_outcome(run, board, gateway, postgres_server, url):
    """That the board was not told is said, and the code is still that of the submission whose answer was lost."""
    name = name_of(board["SEEDVR_LEDGER_URL"])

    def script(heard):
        if heard.method == "POST":
            postgres_server.do(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            postgres_server.do(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
            return LOST
        return None

    impatient = "import seedvr_cli.ledger.postgres_link as p\np.PATIENCE = 0.2\np.PAUSE = 0.05\n"
    done = run("image", url, to=gateway(script), env=board, inject=impatient)
    assert done.rc == 7, done.stderr
    assert "was not told what became of 1 job" in done.stderr


def test_a_gateway_that_is_busy_leaves_nothing_out(machines, board, gateway):
    """What waits to be sent again may be taken by another machine: it is attached to, and each machine has it all."""
    fake = gateway()
    dice = random.Random(7)
    busy = Reply(503, b"", {"Retry-After": "0"})
    fake.script = lambda heard: busy if heard.method == "POST" and dice.random() < 0.4 else None
    hasty = "import seedvr_cli.run.pace as p\np.SLOWEST = 5.0\n"
    sources = urls(12)
    lists = [write(bench.work / "list.txt", sources) for bench in machines]
    processes = [
        bench.start("image", "--from", lines, "-o", "out/", "-j", "4", to=fake, env=board, inject=hasty)
        for bench, lines in zip(machines, lists, strict=True)
    ]
    for process in processes:
        out, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode, len(out.splitlines())) == (0, 12), errors.decode()
    assert set(fake.accepted().values()) == {1}


def test_sigkill_at_random_instants_on_three_machines_pays_for_nothing_twice(machines, board, gateway):
    """Machines with one list and one board, killed over and over: nothing is accepted twice, the rest is delivered."""
    dice = random.Random(5)
    fake = gateway()
    fake.script = odd = OddAnswers(fake, random.Random(6), share=0.1)
    sources = urls(KILLS * 8)
    short = "import seedvr_cli.ledger.postgres as p\np.LEASE_SECONDS = 1.0\n"
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    kills = 0
    lists = [write(bench.work / "list.txt", sources) for bench in machines]
    while kills < KILLS:
        processes = [
            bench.start(
                "image", "--from", lines, "-o", "out/", "-q", "-j", "2", to=fake, env=board, inject=short, **silent
            )
            for bench, lines in zip(machines, lists, strict=True)
        ]
        before = fake.accepted().total()
        wait_for(lambda: fake.accepted().total() > before or all(p.poll() is not None for p in processes))  # noqa: B023
        for process in processes:
            try:
                process.wait(dice.uniform(0, 0.2))
            except subprocess.TimeoutExpired:
                process.kill()
                kills += 1
            process.wait(PATIENCE)
        if before == fake.accepted().total():
            break
    odd.share = 0.0
    last = [
        bench.run("image", "--from", lines, "-o", "out/", "-q", to=fake, env=board, inject=short)
        for bench, lines in zip(machines, lists, strict=True)
    ]
    assert kills >= KILLS, "the lists were through before they were killed often enough"
    assert all(done.rc in {0, 7} for done in last), [done.stderr for done in last]
    assert set(fake.accepted().values()) == {1}
    unknown = {line.split("\t")[4] for line in machines[0].run("status", "--unknown", to=fake).lines}
    assert set(sources) - unknown <= set(fake.accepted())


def test_a_rate_that_is_shared(machines, any_board, gateway):
    """Machines with --shared-rate submit no faster together than one of them would alone."""
    gateway = gateway()
    processes = [
        bench.start("image", *urls(12), "--rate", "10/s", "--shared-rate", "-q", to=gateway, env=any_board)
        for bench in machines
    ]
    for process in processes:
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, errors.decode()
    instants = sorted(heard.at for heard in gateway.posts())
    assert len(instants) == 36
    assert instants[-1] - instants[0] > 2.5  # 1.1 for each by itself, 3.5 for all


def test_a_rate_is_shared_with_somebody(run, sandbox, url, board):
    """Without a ledger that is shared, or without a rate, --shared-rate is a usage error."""
    for words, env in ((("--rate", "1/s"), None), ((), board)):
        done = run("image", url, "--shared-rate", *words, to=sandbox, env=env)
        assert (done.rc, len(done.stderr.splitlines())) == (2, 1), done.stderr
        assert "--shared-rate" in done.stderr
    assert sandbox.accepted(url) == 0
