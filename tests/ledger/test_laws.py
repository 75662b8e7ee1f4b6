"""What is asked again and again costs the same however long the ledger is: steps of SQLite's machine, not seconds."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from helpers.jobs import draft, listed, nothing, run

from seedvr_cli.ledger import file, files, glance
from seedvr_cli.ledger.glance import forget_jobs, latest_jobs
from seedvr_cli.ledger.listing import Listing, Selection, find_ids, short_ids
from seedvr_cli.ledger.rows import now
from seedvr_cli.ledger.verdicts import OverCap, Terms
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.caps import Caps

SIZES = (500, 5000)


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory):
    """Ledgers of both sizes, all of whose jobs are done today, and a few of another gateway's."""
    made = []
    for size in SIZES:
        folder = tmp_path_factory.mktemp("ledger")
        run(folder, nothing)
        with closing(sqlite3.connect(folder / "ledger.sqlite3")) as connection, connection:
            connection.executemany(
                "INSERT INTO jobs (key, gateway, endpoint, source, name, params, price, profile, state, status,"
                " request_id, media_url, extra, submitted_at, ended_at, tags, run)"
                " VALUES (?, 'g', '7b-image', ?, 'a.png', '{}', 1000, 'default', 'completed', 'COMPLETED', ?, '[]',"
                " '{}', ?, ?, '[\"x\"]', 'run')",
                [
                    (f"key-{number}", f"https://a/{number}.png", f"job-{number % 10}{number}", now(), now() + 1)
                    for number in range(size)
                ],
            )
        made.append(folder)
    return made


@pytest.fixture
def steps(monkeypatch):
    """Counts what SQLite does, in tens of steps of its machine; a function that reads it and begins anew."""
    count = 0
    connect = sqlite3.connect

    def counting(*args, **options):
        connection = connect(*args, **options)

        def step():
            nonlocal count
            count += 1

        connection.set_progress_handler(step, 10)
        return connection

    monkeypatch.setattr(file.sqlite3, "connect", counting)

    def read():
        nonlocal count
        counted, count = count, 0
        return counted

    return read


def claim(caps):
    """A submission that the cap refuses."""

    async def ask(ledger):
        assert isinstance(await ledger.claim(draft("new", tags=("x",)), Terms(caps=caps)), OverCap)

    return ask


async def durations(ledger):
    assert await ledger.durations("g", "3b-video") == []


@pytest.mark.parametrize(
    "ask",
    [claim(Caps(day=1)), claim(Caps(month=1)), claim(Caps(tags={"x": 1})), durations],
    ids=["day", "month", "tag", "durations"],
)
def test_a_question_costs_the_same_in_a_long_ledger(ledgers, steps, ask):
    """A claim under a cap of the day, the month or a tag, and how long jobs take, are looked up by an index."""

    async def work(ledger):
        await ask(ledger)  # whatever the first one sets up
        steps()
        await ask(ledger)
        return steps()

    short, long = (run(folder, work) for folder in ledgers)
    assert long <= short + 5


@pytest.mark.parametrize("beginning", ["job-", "job-31", "nothing"])
def test_a_tab_costs_the_same_in_a_long_ledger(ledgers, steps, monkeypatch, beginning):
    """An id that is being typed is looked for among the latest jobs, and beyond those by an index."""
    monkeypatch.setattr(glance, "LATEST_JOBS", 100)
    costs = []
    for folder in ledgers:
        steps()
        rows = latest_jobs(str(folder), is_sandbox=False, beginning=beginning, limit=5)
        assert len(rows) == (0 if beginning == "nothing" else 5)
        assert all(row[0].startswith(beginning) for row in rows)
        costs.append(steps())
    short, long = costs
    assert long <= short * 1.5 + 20


def test_a_list_is_read_some_rows_at_a_time(ledgers):
    """`status` holds a page of jobs at a time, whatever the ledger has."""
    assert [len(jobs) for jobs in Listing(str(ledgers[1]), Selection(gateway="g"))] == [500] * 10


def test_ids_cost_the_same_in_a_long_ledger(ledgers, steps):
    """What an id's beginning stands for, and how short an id can be, is looked up by an index."""
    costs = []
    for folder in ledgers:
        steps()
        assert len(find_ids(str(folder), "job-31", 3)) == 3
        assert short_ids(str(folder), ["job-00", "job-11"]) == {"job-00": "job-00", "job-11": "job-11"}
        costs.append(steps())
    assert costs[1] <= costs[0] + 5


def test_a_screenful_costs_the_same_in_a_long_ledger(ledgers, steps):
    """`status` on a terminal reads the jobs that it shows, those with a tag, too."""
    costs = []
    for folder in ledgers:
        steps()
        for tags in ((), ("x",)):
            ((*_,),) = Listing(str(folder), Selection(gateway="g", tags=tags, limit=20))
        costs.append(steps())
    assert costs[1] <= costs[0] + 5


def test_what_is_unknown_costs_the_same_in_a_long_ledger(ledgers, steps):
    """`status --unknown` and `forget` find what was never answered, and what dead runs left, by an index."""
    costs = []
    for folder in ledgers:
        steps()
        assert listed(folder, states=["unknown"]) == []
        costs.append(steps())
    assert costs[1] <= costs[0] + 5


def test_the_sums_are_those_of_their_jobs(tmp_path):
    """Whatever becomes of jobs, the sum of the day, and of each tag, is what a sum over them would be."""

    async def work(ledger):
        async def claimed(key):
            return (await ledger.claim(draft(key, tags=("x",)), Terms())).job

        done, failed, lost, refused = [await claimed(key) for key in ("done", "failed", "lost", "refused")]
        await ledger.record(await ledger.record(done, Answer("1", "QUEUED")), Answer("1", "COMPLETED"))
        await ledger.record(failed, Answer("2", "ERROR"))
        await ledger.lose(lost, "lost")
        await ledger.release(refused)
        held = await claimed("held")
        await ledger.hold(held)
        await ledger.resume(held)
        forget_jobs(str(tmp_path), listed(tmp_path, states=["unknown"]))
        await ledger.adopt("stranger", "g", "default")

    run(tmp_path, work)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as connection:
        connection.execute("UPDATE jobs SET price = 5000 WHERE key = 'done'")
        (by_day,) = connection.execute("SELECT sum(spent) FROM days WHERE gateway = 'g'").fetchone()
        query = "SELECT sum(price) FROM jobs WHERE submitted_at IS NOT NULL AND state != 'error'"
        by_tag = dict(connection.execute("SELECT tag, spent FROM tags WHERE gateway = 'g'").fetchall())
        (by_job,) = connection.execute(query).fetchone()
    assert by_day == by_job == by_tag["x"] == 5000 + 1000 + 1000


# Names.


@pytest.fixture
def looks(monkeypatch):
    """Counts how often a name is looked for on disk; a function that reads it and begins anew."""
    count = 0
    lexists = os.path.lexists

    def counting(path):
        nonlocal count
        count += 1
        return lexists(path)

    monkeypatch.setattr(files.os.path, "lexists", counting)

    def read():
        nonlocal count
        counted, count = count, 0
        return counted

    return read


async def place_all(ledger, folder, count):
    """Results of so many jobs that would all have one name; their paths."""
    paths = []
    for number in range(count):
        job = (await ledger.claim(draft(f"key-{number}"), Terms())).job
        placed = await ledger.deliveries.place(job, 0, str(folder / "photo.png"))
        Path(placed.path).touch()
        paths.append(Path(placed.path).name)
    return paths


def test_the_same_name_costs_what_another_does(tmp_path, looks):
    """The thousandth result of one name is placed with as few looks as the third, and each gets the next number."""
    costs = {}
    for count in (20, 200):
        folder = tmp_path / str(count)
        folder.mkdir()
        looks()
        paths = run(folder, lambda ledger, to=folder, count=count: place_all(ledger, to, count))
        costs[count] = looks() / count
        assert paths == ["photo.png", *(f"photo-{number}.png" for number in range(2, count + 1))]
    assert costs[200] <= costs[20] + 1


def test_a_name_is_found_in_a_full_folder(tmp_path, looks):
    """Where thousands of files have the name already, the first result takes a few looks, and the next ones fewer."""
    (tmp_path / "photo.png").touch()
    for number in range(2, 3001):
        (tmp_path / f"photo-{number}.png").touch()
    looks()
    paths = run(tmp_path, lambda ledger: place_all(ledger, tmp_path, 3))
    assert paths == ["photo-3001.png", "photo-3002.png", "photo-3003.png"]
    assert looks() < 120


def test_a_gap_in_the_numbers_is_used_while_it_is_near(tmp_path):
    """Of a few taken names the lowest free number is found, and one that another item holds is left to it."""
    for name in ("photo.png", "photo-2.png", "photo-4.png"):
        (tmp_path / name).touch()
    assert run(tmp_path, lambda ledger: place_all(ledger, tmp_path, 2)) == ["photo-3.png", "photo-5.png"]
