"""What a machine has paid for before there was a board is told to it first."""

import asyncio

import pytest
from helpers.jobs import draft, nothing, run
from helpers.machines import ANYHOW, answer

from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.ledger.verdicts import Free, Paid, Terms, Unanswered
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
