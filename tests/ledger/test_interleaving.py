"""Machines with one board that do what they do in any order: a key is submitted once."""

import asyncio
import random
from contextlib import suppress

from fakes.board import MemoryBoard
from helpers.jobs import draft
from helpers.machines import ANYHOW, kill

from seedvr_cli.ledger.board import LEASE_SECONDS
from seedvr_cli.ledger.shared import SharedLedger
from seedvr_cli.ledger.verdicts import Claimed
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.errors import LedgerError, NotSubmitted


class Weather(MemoryBoard):
    """A board whose every answer takes a while, and is lost now and then, before or after it was carried out."""

    def __init__(self, dice):
        super().__init__()
        self.dice = dice

    async def post(self, record):
        await self._delay()
        posted = await super().post(record)
        await self._delay()
        return posted

    async def look(self, keys):
        await self._delay()
        return await super().look(keys)

    async def _delay(self):
        for _ in range(self.dice.randrange(4)):
            await asyncio.sleep(0)
        if self.dice.random() < 0.05:
            raise LedgerError("lost")
        if self.dice.random() < 0.05:
            self.time += LEASE_SECONDS / 2


def submissions(seed, folder):
    """The keys that three machines with one board POST, as the dice fall."""
    dice = random.Random(seed)
    board, sent = Weather(dice), []
    keys = [f"key-{number}" for number in range(4)]

    async def one(ledger, key):
        verdict = await ledger.claim(draft(key), ANYHOW)
        if not isinstance(verdict, Claimed):
            return
        for _ in range(dice.randrange(3)):  # 429
            await ledger.hold(verdict.job)
            await asyncio.sleep(0)
            await ledger.resume(verdict.job)
        sent.append(key)
        await asyncio.sleep(0)
        match dice.randrange(4):
            case 0:
                await ledger.lose(verdict.job, "lost")
            case 1:
                return  # it dies with the POST in the air
            case _:
                job = await ledger.record(verdict.job, Answer(f"id-{key}", "QUEUED"))
                await ledger.record(job, Answer(f"id-{key}", "COMPLETED"))

    async def life(name):
        for number in range(4):
            ledger = SharedLedger(str(folder / name), board)
            await ledger.__aenter__()
            try:
                for key in dice.sample(keys, len(keys)):
                    with suppress(LedgerError, NotSubmitted):
                        await one(ledger, key)
            finally:
                with suppress(LedgerError):
                    await (kill(ledger) if dice.random() < 0.6 or number == 3 else ledger.__aexit__(None, None, None))

    async def work():
        await asyncio.gather(life("a"), life("b"), life("c"))

    asyncio.run(work())
    return sorted(sent)


def test_any_interleaving_of_machines_sends_a_key_once(tmp_path):
    """Machines that come, die at any moment, lose answers and wait longer than their lease: one POST a key at most."""
    sent = {seed: submissions(seed, tmp_path / str(seed)) for seed in range(40)}
    assert {seed: keys for seed, keys in sent.items() if len(set(keys)) < len(keys)} == {}
    assert sum(map(len, sent.values())) > 40, "of 160 keys hardly one was sent: nothing was tried"
