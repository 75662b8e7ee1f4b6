"""The ledger: states follow their arrows, whoever asks and in whatever order."""

import asyncio
import contextlib
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.jobs import draft, listed, nothing, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seedvr_cli.ledger import file as ledger_file
from seedvr_cli.ledger.files import Elsewhere, Placed
from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.ledger.verdicts import Claimed, Failed, Free, Held, Paid, Terms, Unanswered
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.errors import LedgerError
from seedvr_cli.values.job import File, Job
from seedvr_cli.values.version import Version

EVENTS = st.lists(
    st.tuples(
        st.sampled_from("AB"),
        st.sampled_from(["claim", "claim new", "retry", "hold", "resume", "release", "lose", "accept", "end", "die"]),
        st.sampled_from(["COMPLETED", "FAILED", "ERROR"]),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(EVENTS)
def test_states_follow_their_arrows(tmp_path_factory, events):
    """Whatever two runs do, and whenever one dies, nothing that may be paid for is submitted again unasked."""
    folder = tmp_path_factory.mktemp("ledger")

    async def play() -> None:
        async with contextlib.AsyncExitStack() as stack:
            ledgers = {name: await stack.enter_async_context(Ledger(str(folder))) for name in "AB"}
            owner: str | None = None  # whose POST may be in the air, or waits to be sent
            held = False
            current: Job | None = None
            believed = "free"  # free, air, held, running, completed, failed, unknown
            for name, event, word in events:
                ledger = ledgers[name]
                if event.startswith("claim") or event == "retry":
                    terms = Terms(again=event == "claim new", after_failure=event == "retry")
                    claim = await ledger.claim(draft(), terms)
                    if event == "claim new":
                        assert isinstance(claim, Claimed)
                        await ledger.release(claim.job)  # as if it had been refused: what was before counts again
                        continue
                    expected = {"air": Held, "held": Held, "running": Paid, "completed": Paid,
                                "unknown": Unanswered, "failed": Claimed if event == "retry" else Failed}  # fmt: skip
                    assert isinstance(claim, expected.get(believed, Claimed))
                    if isinstance(claim, Claimed):
                        owner, current, believed, held = name, claim.job, "air", False
                elif event == "die" and owner == name:
                    await stack.enter_async_context(_reborn(ledgers, name, folder))
                    believed = "unknown" if believed == "air" else "free" if believed == "held" else believed
                    owner = None
                elif owner != name or current is None:
                    continue
                elif event == "hold" and believed == "air":
                    await ledger.hold(current)
                    believed, held = "held", True
                elif event == "resume" and held and believed == "held":
                    await ledger.resume(current)
                    believed = "air"
                elif event == "release" and believed == "air":
                    await ledger.release(current)
                    believed = {Free: "free", Failed: "failed"}[type(await ledger.ask(draft(), Terms()))]
                    owner = None
                elif event == "lose" and believed == "air":
                    await ledger.lose(current, "lost")
                    believed, owner = "unknown", None
                elif event == "accept" and believed == "air":
                    current = await ledger.record(current, Answer("id", "QUEUED"))
                    believed = "running"
                elif event == "end" and believed == "running":
                    await ledger.record(current, Answer("id", word))
                    believed = {"COMPLETED": "completed", "FAILED": "failed", "ERROR": "free"}[word]
                    owner = None

    asyncio.run(play())


@contextlib.asynccontextmanager
async def _reborn(ledgers: dict[str, Ledger], name: str, folder: Path):
    """The run dies without a word: its lock is dropped, and nothing is settled; another one takes its place."""
    ledgers[name]._lock._file.close()
    ledgers[name]._lock._file = None
    async with Ledger(str(folder)) as ledger:
        ledgers[name] = ledger
        yield


def test_a_clean_end_settles_what_it_leaves(tmp_path):
    """A run that ends leaves nothing of what it had not sent, and calls unknown what may be in the air."""

    async def begin(ledger):
        held = (await ledger.claim(draft("held"), Terms())).job
        await ledger.hold(held)
        await ledger.claim(draft("air"), Terms())

    run(tmp_path, begin)
    jobs = listed(tmp_path)
    assert [(job.key, job.state) for job in jobs] == [("air", "unknown")]


def test_pending_is_what_is_paid_for_and_not_on_disk(tmp_path):
    """A job is pending until each of its media has been delivered."""

    async def work(ledger):
        job = (await ledger.claim(draft(), Terms())).job
        job = await ledger.record(job, Answer("id", "COMPLETED", ("https://a/1", "https://a/2")))
        seen = [len(await ledger.pending("g"))]
        for position in range(2):
            file = File(str(tmp_path / f"{position}.png"), 1, "s", "image/png")
            await ledger.deliveries.delivered(job, position, file, mtime_ns=1)
            seen.append(len(await ledger.pending("g")))
        return seen

    assert run(tmp_path, work) == [1, 1, 0]


def test_two_jobs_never_get_one_name(tmp_path):
    """Two jobs that want the same name at the same time get it and the next one."""

    async def work(ledger):
        jobs = [(await ledger.claim(draft(key), Terms())).job for key in "ab"]
        base = str(tmp_path / "x.png")
        return await asyncio.gather(*(ledger.deliveries.place(job, 0, base) for job in jobs))

    places = {Placed(str(tmp_path / "x-2.png")), Placed(str(tmp_path / "x.png"))}
    assert set(run(tmp_path, work)) == places


def test_a_file_that_another_run_ended_is_no_reason_for_a_second_name(tmp_path):
    """Who saw a dead run's record before yet another run went on with it must look again, and takes no other name."""
    base = str(tmp_path / "x.png")

    async def work(ledger):
        ledgers = {"first": ledger}
        job = (await ledger.claim(draft(), Terms())).job
        await ledger.deliveries.place(job, 0, base)
        async with Ledger(str(tmp_path)) as witness:
            async with _reborn(ledgers, "first", tmp_path):
                second = ledgers["first"]
                seen = frozenset(entry.mark for entry in await witness.deliveries.of(job))
                again = await second.deliveries.place(job, 0, base, known=seen)
                Path(base).write_bytes(b"x")  # renamed, and then the second run dies
            held = await witness.deliveries.place(job, 0, base, known=seen)
            now = frozenset(entry.mark for entry in await witness.deliveries.of(job))
            return again, held, await witness.deliveries.place(job, 0, base, known=now)

    assert run(tmp_path, work) == (Placed(base), Elsewhere(), Placed(str(tmp_path / "x-2.png")))


def test_one_operations_failure_is_not_the_others(tmp_path):
    """Operations that share a transaction fail one by one."""

    async def work(ledger):
        def broken(connection):
            raise ZeroDivisionError

        results = await asyncio.gather(
            ledger.claim(draft("a"), Terms()),
            ledger._write(broken),
            ledger.claim(draft("b"), Terms()),
            return_exceptions=True,
        )
        return [type(result).__name__ for result in results], len(listed(tmp_path))

    assert run(tmp_path, work) == (["Claimed", "ZeroDivisionError", "Claimed"], 2)


def test_a_lock_that_is_never_given_back_is_told(tmp_path, monkeypatch):
    """Where another process keeps the ledger locked the message says so, and nothing is recorded."""
    monkeypatch.setattr(ledger_file, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr("seedvr_cli.ledger.database.BUSY_SECONDS", 0.05)
    run(tmp_path, nothing)
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)) as other:

        async def work(ledger):
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(LedgerError, match="locked by another process"):
                await ledger.claim(draft(), Terms())
            other.execute("ROLLBACK")
            return listed(tmp_path)

        assert run(tmp_path, work) == []


def test_a_newer_ledger_is_left_alone(tmp_path):
    """A ledger that a newer version wrote is not touched."""
    run(tmp_path, nothing)
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as other:
        other.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match="newer"):
        run(tmp_path, nothing)


def test_a_completed_job_hides_behind_no_later_failure(tmp_path):
    """Where an older job of a key is COMPLETED and a later one FAILED, what is asked for is paid for."""

    async def work(ledger):
        old = (await ledger.claim(draft(), Terms())).job
        new = (await ledger.claim(draft(), Terms(again=True))).job
        await ledger.record(new, Answer("job_2", "FAILED"))
        await ledger.record(old, Answer("job_1", "COMPLETED", ("https://a/x.png",)))
        for terms in (Terms(), Terms(after_failure=True)):
            verdict = await ledger.claim(draft(), terms)
            assert isinstance(verdict, Paid)
            assert verdict.job.request_id == "job_1"

    run(tmp_path, work)


V1, V2 = Version('"1"', 10, "Mon"), Version('"2"')


def test_a_job_gives_way_to_one_of_another_source(tmp_path):
    """Instead of a job whose source was another one, one other is claimed, whoever asks; that one counts then."""

    async def work(ledger):
        first = (await ledger.claim(replace(draft(), seen=V1), Terms())).job
        first = await ledger.record(first, Answer("job-1", "COMPLETED", media_url=("https://a/b.png",)))
        assert first.seen == V1
        instead = Terms(instead_of=first)
        assert isinstance(await ledger.ask(draft(), instead), Free)
        claimed = await ledger.claim(replace(draft(), seen=V2), instead)
        assert isinstance(claimed, Claimed)
        assert isinstance(await ledger.claim(draft(), instead), Held)
        second = await ledger.record(claimed.job, Answer("job-2", "FAILED"))
        assert isinstance(await ledger.claim(draft(), instead), Failed)
        assert isinstance(await ledger.claim(draft(), Terms()), Paid)  # what the first one made is still to be had
        counting = [await ledger.counting("key", after=after) for after in (None, first, second)]
        assert [job and job.request_id for job in counting] == ["job-1", "job-2", None]
        lost = await ledger.claim(draft(), Terms(instead_of=second))
        await ledger.lose(lost.job, "no answer")
        assert isinstance(await ledger.ask(draft(), Terms(instead_of=second)), Unanswered)

    run(tmp_path, work)


def test_what_was_seen_is_noted_once(tmp_path):
    """A job that nobody looked for gets a version to be compared with, and no other one after that."""

    async def work(ledger):
        job = (await ledger.claim(draft(), Terms())).job
        assert job.seen is None
        for version in (Version(), V1):
            await ledger.note(job, version)
            assert (await ledger.counting("key")).seen == Version()

    run(tmp_path, work)
