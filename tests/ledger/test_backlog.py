"""What a machine has paid for before there was a board is told to it first."""

import asyncio

import pytest
from fakes.board import MemoryBoard
from helpers.jobs import draft, nothing, run
from helpers.machines import ANYHOW, answer, killed

from seedvr_cli.ledger.board import LEASE_SECONDS
from seedvr_cli.ledger.boards import set_free
from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.ledger.place import debts_path, ledger_path
from seedvr_cli.ledger.shared import SharedLedger
from seedvr_cli.ledger.verdicts import Claimed, Free, Paid, Terms, Unanswered
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.errors import LedgerError


def test_a_ledger_from_before_the_board_is_pushed_first(machine, board, tmp_path):
    """A machine that has paid for something is refused until the board knows it; then nobody pays for that again."""

    async def before(ledger):
        claimed = await ledger.claim(draft(), ANYHOW)
        await ledger.record(claimed.job, answer())
        lost = await ledger.claim(draft("lost"), ANYHOW)
        await ledger.lose(lost.job, "no answer")

    run(tmp_path / "a", before)

    async def work():
        async with machine("a") as a:
            for _ in range(2):
                with pytest.raises(LedgerError) as caught:
                    await a.prepare()
        assert "seedvr ledger push" in caught.value.hint
        async with machine("a") as a:
            assert await a.push() == 2
        async with machine("a"), machine("b") as b:
            assert isinstance(await b.claim(draft(), ANYHOW), Paid)
            assert isinstance(await b.claim(draft("lost"), ANYHOW), Unanswered)

    asyncio.run(work())


def test_the_latest_of_a_keys_jobs_is_pushed(machine, board, tmp_path):
    """Of what was submitted again after a failure, the board learns how it stands now, and not how it stood."""

    async def before(ledger):
        for status in ("FAILED", "COMPLETED", "ERROR"):
            claimed = await ledger.claim(draft(), Terms(again=True))
            await ledger.record(claimed.job, answer(status))

    run(tmp_path / "a", before)

    async def work():
        async with machine("a") as a:
            assert await a.push() == 1
        assert board.records["key"].state == "completed"

    asyncio.run(work())


def test_a_machine_is_not_pushed_while_a_run_does_not_tell(machine, tmp_path):
    """A run that began without the board may pay for what the board does not hear of: it is waited for."""

    async def work():
        async with Ledger(str(tmp_path / "a")) as alone:
            await alone.claim(draft(), ANYHOW)
            async with machine("a") as a:
                with pytest.raises(LedgerError, match="another seedvr is at work"):
                    await a.push()
        async with machine("a") as a:
            assert await a.push() == 1

    asyncio.run(work())


def test_an_empty_ledger_needs_no_push(machine, board, tmp_path):
    """A machine that has paid for nothing begins at once."""
    run(tmp_path / "a", nothing)

    async def work():
        for _ in range(2):
            async with machine("a") as a:
                assert isinstance(await a.ask(draft(), ANYHOW), Free)

    asyncio.run(work())
    assert board.records == {}


def test_what_a_killed_run_was_sending_is_pushed(machine, board, tmp_path):
    """A submission that was in the air when its run was killed may be paid for: the board hears of it, asked or not."""

    async def before():
        async with killed(Ledger(str(tmp_path / "a"))) as ledger:
            await ledger.claim(draft(), ANYHOW)

    async def work():
        async with machine("a") as a:
            with pytest.raises(LedgerError, match="does not know yet"):
                await a.prepare()
            assert await a.push() == 1
        async with machine("b") as b:
            assert isinstance(await b.claim(draft(), ANYHOW), Unanswered)

    asyncio.run(before())
    asyncio.run(work())


@pytest.mark.parametrize(("status", "verdict"), [("FAILED", Paid), (None, Unanswered)])
def test_what_a_later_job_stands_before_is_pushed_with_it(status, verdict, machine, board, tmp_path):
    """A result that is paid for is not forgotten with what --new has lost after it, and hidden by no failure."""

    async def before(ledger):
        await ledger.record((await ledger.claim(draft(), ANYHOW)).job, answer("COMPLETED"))
        new = (await ledger.claim(draft(), Terms(again=True))).job
        await (ledger.lose(new, "no answer") if status is None else ledger.record(new, Answer("job_2", status)))

    run(tmp_path / "a", before)

    async def work():
        async with machine("a") as a, machine("b") as b:
            await a.push()
            assert isinstance(await b.claim(draft(), ANYHOW), verdict)
            await set_free(board, ["key"])
            there = await b.claim(draft(), Terms(after_failure=True))
            assert (type(there), there.job.request_id) == (Paid, "job_1")

    asyncio.run(work())


def test_a_result_goes_over_the_failure_of_another_machine(machine, board, tmp_path):
    """Of two ledgers from before, one of which has a result and the other a failure, the result counts."""
    for name, status in (("a", "FAILED"), ("b", "COMPLETED")):

        async def before(ledger, name=name, status=status):
            await ledger.record((await ledger.claim(draft(), ANYHOW)).job, Answer(f"job_{name}", status))

        run(tmp_path / name, before)

    async def work():
        async with machine("a") as a, machine("b") as b, machine("c") as c:
            assert (await a.push(), await b.push(), await a.push()) == (1, 1, 0)
            there = await c.claim(draft(), Terms(after_failure=True))
            assert (type(there), there.job.request_id) == (Paid, "job_b")

    asyncio.run(work())


def test_what_was_paid_for_without_the_board_is_told_later(machine, board, tmp_path):
    """A run for which the board was not set pays for what the next one with it tells, before it claims anything."""

    async def without(ledger):
        await ledger.record((await ledger.claim(draft("alone"), ANYHOW)).job, answer("COMPLETED"))

    async def work(key, verdict):
        async with machine("a") as a:
            await a.claim(draft(key), ANYHOW)
        async with machine("b") as b:
            assert isinstance(await b.claim(draft("alone"), ANYHOW), verdict)

    asyncio.run(work("first", Claimed))
    board.records.pop("alone")
    run(tmp_path / "a", without)
    asyncio.run(work("second", Paid))


@pytest.mark.parametrize("end", ["ERROR", "refused"])
def test_what_came_to_nothing_elsewhere_hides_nothing_that_was_paid_for_here(machine, board, tmp_path, end):
    """Over an ERROR or a refusal of another machine's the board learns what this one has paid for without it."""

    async def before(ledger):
        claimed = await ledger.claim(draft(), ANYHOW)
        await ledger.record(claimed.job, answer())

    async def work():
        async with machine("b") as b:
            claimed = await b.claim(draft(), ANYHOW)
            if end == "refused":
                await b.release(claimed.job)
            else:
                await b.record(claimed.job, answer(end, "job_0"))
        async with machine("a") as a:
            assert await a.push() == 1
        async with machine("c") as c:
            verdict = await c.claim(draft(), ANYHOW)
            assert (type(verdict), verdict.job.request_id) == (Paid, "job_1")

    run(tmp_path / "a", before)
    asyncio.run(work())


def test_what_the_user_has_settled_elsewhere_stays_settled(machine, board):
    """A lost submission that was settled on another machine does not become unknown again with a push."""

    async def work():
        async with machine("a") as a, machine("b") as b:
            lost = await a.claim(draft(), ANYHOW)
            await a.lose(lost.job, "no answer")
            await set_free(board, ["key"])
            await a.push()
            assert board.records["key"].state == "free"
            assert isinstance(await b.claim(draft(), ANYHOW), Claimed)

    asyncio.run(work())


def test_a_push_takes_no_result_back(machine, board):
    """What another machine knows of a job's end stands, though this one has only heard that it runs."""

    async def work():
        async with machine("a") as a, machine("b") as b:
            claimed = await a.claim(draft(), ANYHOW)
            await a.record(claimed.job, answer())
            other = await b.claim(draft(), ANYHOW)
            await b.record(other.job, answer("COMPLETED"))
            await a.push()
            assert board.records["key"].state == "completed"

    asyncio.run(work())


def test_each_of_two_boards_hears_what_was_paid_for_on_the_other(tmp_path):
    """A machine that uses two boards in turn has both of them know all that it has paid for."""
    boards = MemoryBoard(), MemoryBoard()
    boards[1].id = "board-2"

    def machine(name, board):
        return SharedLedger(str(tmp_path / name), board)

    async def work():
        for board in boards:
            async with machine("a", board) as a:
                await a.push()
        async with machine("a", boards[0]) as a:
            claimed = await a.claim(draft(), ANYHOW)
            await a.record(claimed.job, answer())
        async with machine("a", boards[1]) as a:
            await a.prepare()
        async with machine("b", boards[1]) as b:
            assert isinstance(await b.claim(draft(), ANYHOW), Paid)

    asyncio.run(work())


def test_an_id_that_was_fetched_here_is_nothing_to_push(machine, board, tmp_path):
    """What another machine has paid for, and this one fetched by its id, keeps nobody from the board."""
    run(tmp_path / "a", lambda ledger: ledger.adopt("job_9", "g", "default"))

    async def work():
        async with machine("a") as a:
            await a.prepare()
            assert await a.push() == 0

    asyncio.run(work())


@pytest.mark.parametrize("end", ["refused", "ERROR"])
def test_what_came_to_nothing_while_the_board_was_away_is_told_by_the_next_run(machine, board, tmp_path, end):
    """A refusal, and an ERROR, leave nothing here to push; the next run tells all the same, and others may submit."""

    async def fail():
        async with machine("a") as a:
            claimed = await a.claim(draft(), ANYHOW)
            board.is_away = True
            await (a.release(claimed.job) if end == "refused" else a.record(claimed.job, answer(end)))

    async def work():
        with pytest.raises(LedgerError, match="was not told what became of 1 job"):
            await fail()
        board.is_away = False
        board.time += LEASE_SECONDS + 1
        with open(debts_path(ledger_path(str(tmp_path / "a")), board.id), "a", encoding="utf-8") as file:
            file.write('{"key": "a line that was cut')
        async with machine("b") as b:
            assert isinstance(await b.ask(draft(), ANYHOW), Unanswered)
        async with machine("a") as a:
            await a.prepare()
        async with machine("c") as c:
            assert isinstance(await c.claim(draft(), ANYHOW), Claimed)

    asyncio.run(work())
