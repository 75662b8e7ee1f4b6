"""Ledgers of several machines with one board: whatever happens in between, a key is submitted once."""

import asyncio
import random
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
from fakes.board import MemoryBoard
from helpers.jobs import draft, nothing, run
from helpers.waiting import PATIENCE

from seedvr_cli.ledger import shared
from seedvr_cli.ledger.board import LEASE_SECONDS
from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.ledger.purse import PORTION
from seedvr_cli.ledger.shared import SharedLedger, set_free
from seedvr_cli.ledger.verdicts import Claimed, Failed, Free, Held, OverCap, Paid, Terms, Unanswered
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.caps import Caps
from seedvr_cli.values.errors import LedgerError, NotSubmitted
from seedvr_cli.values.version import Version

ANYHOW = Terms()


def answer(status="QUEUED", **more):
    return Answer("job_1", status, **more)


@pytest.fixture
def board():
    return MemoryBoard()


@pytest.fixture
def machine(tmp_path, board):
    """Opens the ledger of a machine by its name."""
    return lambda name: SharedLedger(str(tmp_path / name), board)


async def kill(ledger):
    """End it as SIGKILL does: nothing is settled, nobody is told."""
    if ledger._beating is not None:
        ledger._beating.cancel()
    await ledger._database.close()
    ledger._lock.release()


@asynccontextmanager
async def killed(ledger):
    """A ledger whose machine is gone at the end of the block."""
    await ledger.__aenter__()
    try:
        yield ledger
    finally:
        await kill(ledger)


def test_what_one_machine_has_paid_for_another_attaches_to(machine):
    """A job that runs on the board is the same job everywhere, with its id, and is claimed by nobody else."""

    async def work():
        async with machine("a") as a, machine("b") as b:
            claimed = await a.claim(draft(), ANYHOW)
            assert isinstance(claimed, Claimed)
            assert isinstance(await b.claim(draft(), ANYHOW), Held)
            await a.record(claimed.job, answer())
            verdict = await b.claim(draft(), ANYHOW)
            assert isinstance(verdict, Paid)
            assert (verdict.job.request_id, verdict.job.state, verdict.job.status) == ("job_1", "running", "QUEUED")
            again = await b.claim(draft(), ANYHOW)
            assert (type(again), again.job.id) == (Paid, verdict.job.id)

    asyncio.run(work())


def test_a_claim_is_one_trip_where_nobody_was(machine, board):
    """A new key costs one question to the board, and a whole life three; the lease and the purse are shared by many."""

    async def work():
        async with machine("a") as a:
            await a.claim(draft("first"), ANYHOW)
            board.asked.clear()
            claimed = await a.claim(draft("second"), ANYHOW)
            assert board.asked == ["post"]
            job = await a.record(claimed.job, answer())
            job = await a.record(job, answer("PROCESSING"))
            await a.record(job, answer("COMPLETED", media_url=("https://a/b.png",)))
            assert board.asked == ["post"] * 3
            assert board.records["second"].state == "completed"
            refused = await a.claim(draft("refused"), ANYHOW)
            await a.release(refused.job)
            lost = await a.claim(draft("lost"), ANYHOW)
            await a.lose(lost.job, "no answer")
            assert [record.key for record in a._records.values()] == ["first"]  # what is over takes no memory

    asyncio.run(work())


def test_what_a_dead_machine_was_sending_is_unknown_when_its_lease_is_over(machine, board):
    """Until then others wait; after that nobody sends it again, on any machine, before the user has settled it."""

    async def work():
        async with killed(machine("a")) as a:
            await a.claim(draft(), ANYHOW)
        async with machine("b") as b, machine("c") as c:
            assert isinstance(await b.claim(draft(), ANYHOW), Held)
            board.time += LEASE_SECONDS + 1
            for ledger in (b, b, c):
                assert isinstance(await ledger.claim(draft(), ANYHOW), Unanswered)
            await set_free(board, ["key"])
            assert board.records["key"].state == "free"

    asyncio.run(work())


def test_what_may_be_in_the_air_is_not_settled(machine, board):
    """What a run that may be alive is sending cannot be settled; when its lease is over it can."""

    async def work():
        async with killed(machine("a")) as a:
            await a.claim(draft(), ANYHOW)
        with pytest.raises(LedgerError, match="may be at work on https://a/key"):
            await set_free(board, ["key"])
        board.time += LEASE_SECONDS + 1
        await set_free(board, ["key", "nobody's"])
        assert board.records["key"].state == "free"

    asyncio.run(work())


def test_what_waits_on_a_dead_machine_is_free(machine, board):
    """A job that was provably not accepted, and is to be sent again, may be taken by another; then it is that one's."""

    async def work():
        async with machine("a") as a, machine("b") as b:
            claimed = await a.claim(draft(), ANYHOW)
            await a.hold(claimed.job)
            assert isinstance(await b.claim(draft(), ANYHOW), Claimed)
            with pytest.raises(NotSubmitted):
                await a.resume(claimed.job)
            await a.release(claimed.job)
            assert board.records["key"].state == "submitting"

    asyncio.run(work())


def test_what_waits_is_sent_by_who_holds_it(machine, board):
    """Where nobody took it meanwhile, a held job goes on, and others wait for it again."""

    async def work():
        async with machine("a") as a, machine("b") as b:
            claimed = await a.claim(draft(), ANYHOW)
            await a.hold(claimed.job)
            await a.resume(claimed.job)
            assert isinstance(await b.claim(draft(), ANYHOW), Held)

    asyncio.run(work())


def test_a_machine_that_was_taken_for_dead_corrects_what_is_said_of_its_job(machine, board):
    """A late answer belongs to the claim: the record that others took for unknown is the running job after all."""

    async def work():
        async with machine("a") as a, machine("b") as b:
            claimed = await a.claim(draft(), ANYHOW)
            board.time += LEASE_SECONDS + 1
            assert isinstance(await b.claim(draft(), ANYHOW), Unanswered)
            await a.record(claimed.job, answer())
            assert (board.records["key"].state, board.records["key"].request_id) == ("running", "job_1")

    asyncio.run(work())


def test_a_job_that_was_given_to_another_stays_the_others(machine, board):
    """After the user has settled it and another has claimed it, a late answer of the first changes nothing of that."""

    async def work():
        async with machine("a") as a, machine("b") as b, machine("c") as c:
            claimed = await a.claim(draft(), ANYHOW)
            board.time += LEASE_SECONDS + 1
            assert isinstance(await b.claim(draft(), ANYHOW), Unanswered)
            await set_free(board, ["key"])
            assert isinstance(await c.claim(draft(), ANYHOW), Claimed)
            before = board.records["key"]
            await a.record(claimed.job, answer())
            assert board.records["key"] == before

    asyncio.run(work())


@pytest.mark.parametrize(("status", "verdict"), [("COMPLETED", Paid), ("FAILED", Failed), ("ERROR", Claimed)])
def test_an_end_is_everybodys(status, verdict, machine):
    """What a job came to on one machine is what the same request comes to on another."""

    async def work():
        async with machine("a") as a, machine("b") as b:
            claimed = await a.claim(draft(), ANYHOW)
            await a.record(claimed.job, answer(status))
            assert type(await b.claim(draft(), ANYHOW)) is verdict
            if verdict is Failed:
                assert isinstance(await b.claim(draft(), Terms(after_failure=True)), Claimed)

    asyncio.run(work())


def test_a_refused_submission_is_free(machine):
    """What the gateway provably did not accept, any machine may submit."""

    async def work():
        async with machine("a") as a, machine("b") as b:
            claimed = await a.claim(draft(), ANYHOW)
            await a.release(claimed.job)
            assert isinstance(await b.ask(draft(), ANYHOW), Free)
            assert isinstance(await b.claim(draft(), ANYHOW), Claimed)

    asyncio.run(work())


def test_new_pays_again_whatever_the_board_says(machine):
    """--new claims what another machine has paid for, and not what one submits this moment."""

    async def work():
        async with machine("a") as a, machine("b") as b:
            claimed = await a.claim(draft(), ANYHOW)
            assert isinstance(await b.claim(draft(), Terms(again=True)), Held)
            await a.record(claimed.job, answer("COMPLETED"))
            assert isinstance(await b.claim(draft(), Terms(again=True)), Claimed)

    asyncio.run(work())


def test_a_job_of_another_source_is_claimed_by_one_machine(machine):
    """Instead of a job whose source has changed one machine submits, and another one attaches to what that has."""

    async def work():
        async with machine("a") as a, machine("b") as b:
            seen = Version('"1"')
            old = await a.record((await a.claim(replace(draft(), seen=seen), ANYHOW)).job, answer("COMPLETED"))
            instead = Terms(instead_of=old)
            home = await b.claim(replace(draft(), seen=seen), ANYHOW)
            assert (type(home), home.job.request_id, home.job.seen) == (Paid, "job_1", None)
            assert isinstance(await a.ask(draft(), instead), Free)
            new = await a.claim(draft(), instead)
            assert isinstance(new, Claimed)
            there = Terms(instead_of=home.job)
            assert isinstance(await b.claim(draft(), there), Held)
            await a.record(new.job, Answer("job_2", "QUEUED"))
            verdict = await b.claim(draft(), there)
            assert (type(verdict), verdict.job.request_id) == (Paid, "job_2")

    asyncio.run(work())


def test_nobody_claims_without_the_board(machine, board, tmp_path):
    """Where the board is away there is no claim, here neither; and what was accepted is recorded all the same."""

    async def work():
        async with machine("a") as a:
            claimed = await a.claim(draft(), ANYHOW)
            board.is_away = True
            with pytest.raises(LedgerError, match="is away"):
                await a.claim(draft("other"), ANYHOW)
            job = await a.record(claimed.job, answer())
            assert job.request_id == "job_1"
            assert board.records["key"].state == "submitting"
            board.is_away = False
        assert board.records["key"].state == "running"  # told at the end

    asyncio.run(work())
    assert [job.key for job in run(tmp_path / "a", lambda ledger: ledger._jobs("1", ()))] == ["key"]


def test_a_killed_run_is_corrected_by_the_next(machine, board):
    """What a killed run had recorded here and not there is told when the same request is met again, by this machine."""

    async def work():
        async with killed(machine("a")) as a:
            claimed = await a.claim(draft(), ANYHOW)
            board.is_away = True
            await a.record(claimed.job, answer())
        board.is_away = False
        board.time += LEASE_SECONDS + 1
        async with machine("b") as b:
            assert isinstance(await b.claim(draft(), ANYHOW), Unanswered)
        async with machine("a") as a:
            await a.prepare()
            assert isinstance(await a.claim(draft(), ANYHOW), Paid)
        assert (board.records["key"].state, board.records["key"].request_id) == ("running", "job_1")

    asyncio.run(work())


def test_what_the_board_was_never_told_is_said(machine, board):
    """A run that ends while the board is away says so, and what tells it later."""

    async def work():
        async with machine("a") as a:
            claimed = await a.claim(draft(), ANYHOW)
            board.is_away = True
            await a.record(claimed.job, answer())

    with pytest.raises(LedgerError) as caught:
        asyncio.run(work())
    assert "1 job" in caught.value.message
    assert "seedvr ledger push" in caught.value.hint


def test_a_clean_end_leaves_nothing_in_the_air(machine, board):
    """At the end of a run what it held is free, what it was sending is unknown, and its lease is over."""

    async def work():
        async with machine("a") as a:
            held = await a.claim(draft("held"), ANYHOW)
            await a.hold(held.job)
            await a.claim(draft("sending"), ANYHOW)
        assert {key: record.state for key, record in board.records.items()} == {"held": "free", "sending": "unknown"}
        assert board.leases == {}

    asyncio.run(work())


def test_the_days_cap_is_one_for_all_machines(machine, board):
    """Machines draw on one cap; what a portion has left at the end is given back, and what was not charged too."""
    cap = PORTION * 2

    async def work():
        count = 0
        async with machine("a") as a, machine("b") as b:
            for number in range(200):
                ledger = (a, b)[number % 2]
                verdict = await ledger.claim(draft(f"key-{number}"), Terms(caps=Caps(day=cap)))
                if isinstance(verdict, OverCap):
                    continue
                count += 1
                await ledger.record(verdict.job, answer("COMPLETED"))
            assert count == cap // 1000
        assert board.drawn["g"] == cap

    asyncio.run(work())


@pytest.mark.parametrize("caps", [Caps(day=200_000), Caps(month=200_000), Caps(tags={"x": 200_000})])
def test_a_killed_run_takes_little_of_a_cap_with_it(machine, board, caps):
    """What it has drawn and not spent is a hundredth of the cap at the most, as is what others have to wait for."""

    async def work():
        async with machine("a") as killed, machine("b") as b:
            await killed.claim(draft("one", tags=("x",)), Terms(caps=caps))
            verdict = await b.claim(draft("two", tags=("x",)), Terms(caps=caps))
            assert isinstance(verdict, Claimed)
            pot = ("g", "x") if caps.tags else "g"
            assert board.drawn[pot] <= 2 * 2_000

    asyncio.run(work())


def test_months_and_tags_have_one_cap_for_all_machines(machine, board):
    """Machines draw on one cap of the month and of each tag; who is refused is told what is spent."""
    caps = Caps(month=10_000, tags={"x": 3_000})

    async def work():
        async with machine("a") as a, machine("b") as b:
            board.earlier["g"] = 2_000
            free = await a.claim(draft("free", tags=("x", "y")), ANYHOW)
            await a.record(free.job, answer("COMPLETED"))
        async with machine("b") as b:
            verdicts = [
                await b.claim(draft(f"key-{number}", tags=("x",) if number < 3 else ()), Terms(caps=caps))
                for number in range(10)
            ]
        assert verdicts[2] == OverCap(None, "x", 3_000, 3_000)
        assert [isinstance(one, Claimed) for one in verdicts] == [True, True, False, *[True] * 5, False, False]
        assert verdicts[-1] == OverCap("month", None, 10_000, 10_000)
        assert board.drawn == {"g": 8_000, ("g", "x"): 3_000, ("g", "y"): 1_000}

    asyncio.run(work())


def test_a_day_is_refused_before_its_month(machine, board):
    """Where both are spent the day is told; with no cap at all nothing is refused."""

    async def work():
        async with machine("a") as a:
            caps = Caps(day=500, month=400)
            assert await a.claim(draft(), Terms(caps=caps)) == OverCap("day", None, 500, 0)
            assert await a.claim(draft(), Terms(caps=Caps(month=500))) == OverCap("month", None, 500, 0)
            assert await a.claim(draft(), Terms(caps=Caps(day=5000, month=500))) == OverCap("month", None, 500, 0)
            assert isinstance(await a.claim(draft(), Terms()), Claimed)

    asyncio.run(work())


def test_tags_travel_with_the_record(machine):
    """A job of another machine keeps its tags, beside those that are given here."""

    async def work():
        async with machine("a") as a, machine("b") as b:
            claimed = await a.claim(draft(tags=("x", "y")), ANYHOW)
            await a.record(claimed.job, answer())
            verdict = await b.claim(draft(tags=("z", "y")), Terms())
            assert verdict.job.tags == ("x", "y", "z")

    asyncio.run(work())


def test_tags_get_back_what_was_not_charged(machine, board):
    """Refused submissions and ERROR are given back to the tags of the submission; one that comes later gets nothing."""

    async def work():
        async with machine("a") as a:
            refused = await a.claim(draft("refused", tags=("x",)), ANYHOW)
            await a.release(refused.job)
            failed = await a.claim(draft("error", tags=("x",)), ANYHOW)
            await a.record(await a.label(failed.job, ("y",)), answer("ERROR"))
            done = await a.claim(draft("done", tags=("x",)), ANYHOW)
            await a.record(done.job, answer("COMPLETED"))
        assert board.drawn == {"g": 1_000, ("g", "x"): 1_000}

    asyncio.run(work())


def test_what_was_not_charged_does_not_count(machine, board):
    """Refused submissions, jobs that ended ERROR and what is left of a portion are given back to the day."""

    async def work():
        async with machine("a") as a:
            refused = await a.claim(draft("refused"), ANYHOW)
            await a.release(refused.job)
            failed = await a.claim(draft("error"), ANYHOW)
            await a.record(failed.job, answer("ERROR"))
            done = await a.claim(draft("done"), ANYHOW)
            await a.record(done.job, answer("COMPLETED"))
        assert board.drawn["g"] == 1000

    asyncio.run(work())


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


def test_one_machine_watches_a_job(machine, board):
    """Who attaches need not ask the gateway while the run that has the job is alive; its own job everybody watches."""

    async def work():
        async with killed(machine("a")) as a, machine("b") as b:
            claimed = await a.claim(draft(), ANYHOW)
            job = await a.record(claimed.job, answer())
            attached = (await b.claim(draft(), ANYHOW)).job
            assert not await a.is_watched_elsewhere(job)
            assert await b.is_watched_elsewhere(attached)
            board.time += LEASE_SECONDS + 1
            assert not await b.is_watched_elsewhere(attached)
            await a.record(job, answer("COMPLETED"))
            assert not await b.is_watched_elsewhere(attached)
            del board.records["key"]
            assert not await b.is_watched_elsewhere(attached)

    asyncio.run(work())


def test_a_claim_that_cannot_stand_here_is_given_up_there(machine, board, monkeypatch):
    """Where this machine's own ledger fails, the claim on the board is free again, and its money is back."""

    async def fails(*_):
        raise LedgerError("the disk is full")

    async def work():
        async with machine("a") as a:
            monkeypatch.setattr(Ledger, "claim", fails)
            with pytest.raises(LedgerError, match="disk is full"):
                await a.claim(draft(), ANYHOW)
        assert board.records["key"].state == "free"
        assert board.drawn["g"] == 0

    asyncio.run(work())


def test_debts_are_paid_while_a_run_goes_on(machine, board, monkeypatch):
    """What the board was not told it is told with the next beat that it answers."""
    monkeypatch.setattr(shared, "BEAT_SECONDS", 0.001)

    async def work():
        async with machine("a") as a, asyncio.timeout(PATIENCE):
            claimed = await a.claim(draft(), ANYHOW)
            board.is_away = True
            await a.record(claimed.job, answer())
            beats = board.asked.count("beat")
            while board.asked.count("beat") < beats + 3:  # noqa: ASYNC110 - a few beats in vain
                await asyncio.sleep(0)
            board.is_away = False
            while board.records["key"].state != "running":  # noqa: ASYNC110
                await asyncio.sleep(0)

    asyncio.run(work())


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


@pytest.mark.parametrize("seed", range(40))
def test_any_interleaving_of_machines_sends_a_key_once(seed, tmp_path):
    """Machines that come, die at any moment, lose answers and wait longer than their lease: one POST a key at most."""
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
            ledger = SharedLedger(str(tmp_path / name), board)
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
    assert sorted(sent) == sorted(set(sent))
    assert sent
