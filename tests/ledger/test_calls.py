"""What callbacks tell the ledger, on one machine and on several."""

import asyncio
import stat
from dataclasses import replace

import pytest
from fakes.board import MemoryBoard
from helpers.jobs import draft, run

from seedvr_cli.ledger.board import LEASE_SECONDS
from seedvr_cli.ledger.calls import read_secret
from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.ledger.shared import SharedLedger
from seedvr_cli.ledger.verdicts import Paid, Terms
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.callbacks import new_claim
from seedvr_cli.values.errors import LedgerError

ANYHOW = Terms()
KEY = "0123456789abcdef" * 2


def called():
    """A draft that the gateway is to call about."""
    return replace(draft(KEY), claim=new_claim(KEY))


def test_a_told_id_is_kept_where_none_is_known(tmp_path):
    """Of a job without an id a callback's word is kept beside it; of one with an id it is not."""

    async def work(ledger):
        mine = called()
        job = (await ledger.claim(mine, ANYHOW)).job
        assert (await ledger.calls.told("g", mine.claim, "told")).told == "told"
        assert (await ledger.calls.told("g", mine.claim, None)).told == "told"
        assert [one.id for one in await ledger.calls.expected("g")] == [job.id]
        await ledger.record(job, Answer("known", "QUEUED"))
        assert (await ledger.calls.told("g", mine.claim, "other")).told == "told"
        assert await ledger.calls.told("g", new_claim(KEY), "other") is None

    run(tmp_path, work)


def test_what_was_passed_on_is_expected_no_more(tmp_path):
    """A job is expected from its acceptance until its end was passed on, whatever became of it."""

    async def work(ledger):
        job = (await ledger.claim(called(), ANYHOW)).job
        assert await ledger.calls.expected("g") == []
        job = await ledger.record(job, Answer("known", "QUEUED"))
        assert await ledger.calls.expected("other") == []
        job = await ledger.record(job, Answer("known", "FAILED"))
        assert [one.id for one in await ledger.calls.expected("g")] == [job.id]
        await ledger.calls.passed_on(job)
        assert await ledger.calls.expected("g") == []
        assert (await ledger.calls.told("g", job.claim, "known")).is_heard

    run(tmp_path, work)


def test_nobody_is_healed_while_the_submission_is_under_way(tmp_path):
    """What a live run submits stays as it is; what a dead one left is unknown."""

    async def killed():
        ledger = Ledger(str(tmp_path))
        await ledger.__aenter__()
        job = (await ledger.claim(called(), ANYHOW)).job
        assert (await ledger.calls.current(job)).state == "submitting"
        await ledger._database.close()
        ledger._lock.release()
        return job

    async def second(ledger):
        return (await ledger.calls.current(job)).state

    job = asyncio.run(killed())
    assert run(tmp_path, second) == "unknown"


def test_the_secret_is_the_users_own(tmp_path):
    """It is made once, nobody else may read it, and an empty file is no secret."""
    secret = read_secret(str(tmp_path / "new"))
    path = tmp_path / "new" / "callbacks.secret"
    assert read_secret(str(tmp_path / "new")) == secret == path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(list(path.parent.iterdir())) == 1
    path.write_text("\n")
    with pytest.raises(LedgerError, match="is empty"):
        read_secret(str(tmp_path / "new"))


def test_another_machine_hears_of_it(tmp_path):
    """A machine that never had the job brings it home by its claim, heals it, and the board knows."""
    board, mine = MemoryBoard(), called()

    async def work():
        async with SharedLedger(str(tmp_path / "a"), board) as a, SharedLedger(str(tmp_path / "b"), board) as b:
            job = (await a.claim(mine, ANYHOW)).job
            assert (await a.calls.secrets())[0] == (await b.calls.secrets())[0] == board.secret
            there = await b.calls.told("g", mine.claim, "job_1")
            assert (there.source, there.told) == (mine.source, "job_1")
            assert (await b.calls.current(there)).state == "submitting"  # the other one may yet get its answer
            await a.lose(job, "lost")
            there = await b.calls.current(there)
            assert there.state == "unknown"
            healed = await b.record(there, Answer("job_1", "COMPLETED", ("https://a/x.png",)))
            assert (healed.state, board.records[KEY].state, board.records[KEY].request_id) == (
                "completed", "completed", "job_1",
            )  # fmt: skip
            async with SharedLedger(str(tmp_path / "c"), board) as c:
                verdict = await c.claim(draft(KEY), ANYHOW)
                assert isinstance(verdict, Paid)
                assert verdict.job.claim is None  # that one is not ours to be called about

    asyncio.run(work())


def test_a_dead_machines_submission_is_healed(tmp_path):
    """What a machine was sending when its lease ran out is healed on another."""
    board, mine = MemoryBoard(), called()

    async def work():
        a = SharedLedger(str(tmp_path / "a"), board)
        await a.__aenter__()
        await a.claim(mine, ANYHOW)
        a._beating.cancel()
        await a._database.close()
        a._lock.release()
        async with SharedLedger(str(tmp_path / "b"), board) as b:
            there = await b.calls.told("g", mine.claim, "job_1")
            assert (await b.calls.current(there)).state == "submitting"
            board.time += LEASE_SECONDS + 1
            there = await b.calls.current(there)
            assert there.state == "unknown"
            await b.record(there, Answer("job_1", "PROCESSING"))
            assert board.records[KEY].state == "running"

    asyncio.run(work())


def test_a_late_word_of_loss_heals_nothing_back(tmp_path):
    """What a machine could not tell in time, that the answer was lost, does not undo what a callback has made known."""
    board, mine = MemoryBoard(), called()

    async def work():
        async with SharedLedger(str(tmp_path / "a"), board) as a, SharedLedger(str(tmp_path / "b"), board) as b:
            job = (await a.claim(mine, ANYHOW)).job
            board.is_away = True
            await a.lose(job, "lost")
            board.is_away = False
            board.time += LEASE_SECONDS + 1
            there = await b.calls.current(await b.calls.told("g", mine.claim, "job_1"))
            await b.record(there, Answer("job_1", "PROCESSING"))
            assert board.records[KEY].state == "running"
            await a._teller.pay_debts()
            assert board.records[KEY].state == "running"

    asyncio.run(work())


def test_another_machines_job_heals_nothing(tmp_path):
    """An id that is that of another key's job, known to the board alone, is known to be another's."""
    board, mine = MemoryBoard(), called()

    async def work():
        async with SharedLedger(str(tmp_path / "a"), board) as a, SharedLedger(str(tmp_path / "b"), board) as b:
            other = (await a.claim(draft("other"), ANYHOW)).job
            await a.record(other, Answer("job_x", "COMPLETED"))
            await a.lose((await a.claim(mine, ANYHOW)).job, "lost")
            assert await b.calls.is_anothers(await b.calls.told("g", mine.claim, "job_x"))
            assert await b.calls.is_anothers(await a.calls.told("g", mine.claim, "job_x"))
            await b.calls.disbelieve(await b.calls.told("g", mine.claim, None))
            assert not await b.calls.is_anothers(await b.calls.told("g", mine.claim, "job_y"))
            assert not await b.calls.is_anothers(await b.calls.told("g", mine.claim, None))

    asyncio.run(work())


def test_an_earlier_attempt_is_heard_of_as_well(tmp_path):
    """What was lost before --new may be paid for too: its callback makes it a job here, once, beside the new one."""
    board, first, second = MemoryBoard(), called(), called()

    async def work():
        async with SharedLedger(str(tmp_path / "a"), board) as a, SharedLedger(str(tmp_path / "b"), board) as b:
            await a.lose((await a.claim(first, ANYHOW)).job, "lost")
            new = (await a.claim(second, Terms(again=True))).job
            await a.record(new, Answer("job_2", "COMPLETED"))
            for _ in range(2):
                there = await b.calls.told("g", first.claim, "job_1")
                assert (there.claim, there.told, there.state) == (first.claim, "job_1", "unknown")
            assert len(await b.find_jobs("1")) == 1
            await b.record(there, Answer("job_1", "COMPLETED"))
            assert await b.calls.take(await b.calls.told("g", first.claim, None))
            assert board.records[KEY].request_id == "job_2"

    asyncio.run(work())


def test_an_end_is_passed_on_by_one_machine(tmp_path):
    """Of listeners on several machines one passes a job on; where that dies before it has, another one does."""
    board, mine = MemoryBoard(), called()

    async def work():
        async with SharedLedger(str(tmp_path / "a"), board) as a, SharedLedger(str(tmp_path / "b"), board) as b:
            job = await a.record((await a.claim(mine, ANYHOW)).job, Answer("job_1", "COMPLETED"))
            there = await b.calls.told("g", mine.claim, "job_1")
            assert await b.calls.take(there)
            assert not await a.calls.take(job)
            board.time += LEASE_SECONDS + 1
            await board.beat(a.run)
            assert await a.calls.take(job)
            assert not await b.calls.take(there)
            await a.calls.passed_on(job)
            board.time += LEASE_SECONDS + 1
            assert not await b.calls.take(there)
            assert await b.calls.expected("g") == []

    asyncio.run(work())
