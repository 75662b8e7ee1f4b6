"""Ledgers of several machines with one board: whatever happens in between, a key is submitted once."""

import asyncio
from dataclasses import replace

import pytest
from helpers.jobs import draft, run
from helpers.machines import ANYHOW, answer, killed
from helpers.waiting import PATIENCE

from seedvr_cli.ledger import backlog, shared
from seedvr_cli.ledger.board import LEASE_SECONDS
from seedvr_cli.ledger.boards import set_free
from seedvr_cli.ledger.glance import spending
from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.ledger.verdicts import Claimed, Failed, Free, Held, OverCap, Paid, Terms, Unanswered
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.caps import Caps
from seedvr_cli.values.errors import LedgerError, NotSubmitted, TakenOver, UsageError
from seedvr_cli.values.version import Version


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


@pytest.mark.parametrize("caps", [Caps(day=1_000), Caps(month=1_000), Caps(tags={"x": 1_000})])
def test_a_cap_hides_nothing_that_another_machine_has(machine, board, caps):
    """Where no money is left, one look tells what is paid for elsewhere, and what is unknown or being sent there."""
    terms = Terms(caps=caps)

    def tagged(key):
        return draft(key, tags=("x",))

    async def work():
        async with machine("a") as a, machine("b") as b:
            paid = await a.claim(tagged("paid"), ANYHOW)
            await a.record(paid.job, answer("COMPLETED"))
            lost = await a.claim(tagged("lost"), ANYHOW)
            await a.lose(lost.job, "no answer")
            await a.claim(tagged("sending"), ANYHOW)
            refused = await a.claim(tagged("refused"), ANYHOW)
            await a.release(refused.job)
            board.asked.clear()
            expected = {"lost": Unanswered, "sending": Held, "refused": OverCap, "nobody's": OverCap}
            verdicts = {key: await b.claim(tagged(key), terms) for key in expected}
            assert {key: type(verdict) for key, verdict in verdicts.items()} == expected
            assert (board.asked.count("look"), board.asked.count("post")) == (4, 0)
            assert isinstance(await b.claim(tagged("paid"), terms), Paid)
            assert isinstance(await b.claim(tagged("paid"), replace(terms, again=True)), OverCap)

    asyncio.run(work())


def test_what_many_keys_have_come_to_is_one_look(machine, board):
    """Of many keys those that would not be submitted again are told apart here and by one look at the board."""

    async def work():
        async with machine("a") as a, machine("b") as b:
            await b.record((await b.claim(draft("own"), ANYHOW)).job, answer("COMPLETED"))
            for key, status in {"done": "COMPLETED", "running": "QUEUED", "failed": "FAILED", "error": "ERROR"}.items():
                await a.record((await a.claim(draft(key), ANYHOW)).job, answer(status, f"job_{key}"))
            await a.lose((await a.claim(draft("lost"), ANYHOW)).job, "no answer")
            await a.claim(draft("sending"), ANYHOW)
            await a.release((await a.claim(draft("refused"), ANYHOW)).job)
            keys = ["own", "done", "running", "failed", "error", "lost", "sending", "refused", "nobody's"]
            board.asked.clear()
            paid = {"own", "done", "running", "lost", "sending"}
            assert await b.paid_keys(keys, after_failure=False) == paid | {"failed"}
            assert await b.paid_keys(keys, after_failure=True) == paid
            assert await b.paid_keys(["own"], after_failure=False) == {"own"}
            assert board.asked == ["look"] * 2
            board.is_away = True
            assert await b.paid_keys(keys, after_failure=False) == {"own"}
            board.is_away = False

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
            job = await a.record(claimed.job, answer())
            await a.record(job, answer("COMPLETED"))
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


async def lost_on_one_machine(a, b):
    """A job whose answer never came on the first machine, and which the second one has heard of."""
    lost = await a.lose((await a.claim(draft(), ANYHOW)).job, "no answer")
    home = await b.claim(draft(), ANYHOW)
    assert (type(home), home.job.error) == (Unanswered, "no answer")
    return lost, home.job


@pytest.mark.parametrize(("status", "verdict"), [("QUEUED", Paid), ("COMPLETED", Paid), ("FAILED", Failed)])
def test_what_was_unknown_on_another_machine_is_what_it_is_there_by_now(status, verdict, machine):
    """What was brought home goes by the board: where --new has paid, that is attached to, in the same row."""

    async def work():
        async with machine("a") as a, machine("b") as b:
            _, home = await lost_on_one_machine(a, b)
            again = await b.claim(draft(), ANYHOW)
            assert (type(again), again.job.id) == (Unanswered, home.id)
            new = await a.claim(draft(), Terms(again=True))
            assert isinstance(await b.claim(draft(), ANYHOW), Held)
            await a.record(new.job, answer(status))
            for question in (b.ask, b.claim):
                there = await question(draft(), ANYHOW)
                assert (type(there), there.job.id, there.job.request_id) == (verdict, home.id, "job_1")
            assert len(await b.find_jobs("1")) == 1

    asyncio.run(work())


def test_what_was_unknown_on_another_machine_and_is_settled_is_free(machine, board):
    """What is forgotten on the machine that has lost it is claimed by any other; its copy there is settled as well."""

    async def work():
        async with machine("a") as a, machine("b") as b, machine("c") as c:
            await lost_on_one_machine(a, b)
            assert isinstance(await c.claim(draft(), ANYHOW), Unanswered)
            await set_free(board, ["key"])
            assert isinstance(await b.ask(draft(), ANYHOW), Free)
            claimed = await b.claim(draft(), ANYHOW)
            assert isinstance(claimed, Claimed)
            assert [job.state for job in await b.find_jobs("1 ORDER BY id")] == ["forgotten", "submitting"]
            await b.record(claimed.job, answer("COMPLETED"))
            assert isinstance(await c.claim(draft(), ANYHOW), Paid)

    asyncio.run(work())


def test_what_this_machine_lost_is_settled_anywhere(machine, board):
    """What the user has settled on another machine may be submitted again by the one that lost it."""

    async def work():
        async with machine("a") as a, machine("b") as b:
            lost, _ = await lost_on_one_machine(a, b)
            await set_free(board, ["key"])
            assert isinstance(await a.claim(draft(), ANYHOW), Claimed)
            assert [job.state for job in await a.find_jobs("id = ?", lost.id)] == ["forgotten"]

    asyncio.run(work())


def test_what_another_machine_sends_instead_settles_nothing_here(machine, board):
    """What another machine makes of a settled job is attached to where it is paid for; until then ours is unknown."""

    async def work():
        async with machine("a") as a, machine("b") as b:
            lost, _ = await lost_on_one_machine(a, b)
            await set_free(board, ["key"])
            new = await b.claim(draft(), ANYHOW)
            assert isinstance(await a.claim(draft(), ANYHOW), Unanswered)
            await b.record(new.job, answer("FAILED"))
            assert isinstance(await a.claim(draft(), Terms(after_failure=True)), Unanswered)
            again = await b.claim(draft(), Terms(after_failure=True))
            await b.record(again.job, Answer("job_2", "COMPLETED"))
            there = await a.claim(draft(), ANYHOW)
            assert (type(there), there.job.request_id) == (Paid, "job_2")
            assert [job.state for job in await a.find_jobs("id = ?", lost.id)] == ["unknown"]

    asyncio.run(work())


def test_what_failed_is_attached_to_where_another_machine_has_it(machine, board):
    """A job that failed is what another machine has tried again by now; while the board is away it is what it was."""

    async def work():
        async with machine("a") as a, machine("b") as b:
            await a.record((await a.claim(draft(), ANYHOW)).job, answer("FAILED"))
            assert isinstance(await b.claim(draft(), ANYHOW), Failed)
            again = await a.claim(draft(), Terms(after_failure=True))
            assert isinstance(await b.claim(draft(), ANYHOW), Failed)
            await a.record(again.job, Answer("job_2", "COMPLETED"))
            board.is_away = True
            assert isinstance(await b.claim(draft(), ANYHOW), Failed)
            board.is_away = False
            there = await b.claim(draft(), ANYHOW)
            assert (type(there), there.job.request_id) == (Paid, "job_2")

    asyncio.run(work())


def test_a_copy_of_what_is_unknown_stays_unknown_while_the_board_is_away(machine, board):
    """Where nobody can say what became of it, it is not free."""

    async def work():
        async with machine("a") as a, machine("b") as b:
            await lost_on_one_machine(a, b)
            await set_free(board, ["key"])
            board.is_away = True
            assert isinstance(await b.claim(draft(), ANYHOW), Unanswered)
            board.is_away = False

    asyncio.run(work())


def test_what_another_machine_has_paid_for_is_not_spent_here(machine, tmp_path):
    """Who attaches to a job while it runs has spent nothing: neither `spend` nor a cap of its own ledger has it."""

    async def work():
        async with machine("a") as a, machine("b") as b:
            job = await a.record((await a.claim(draft(tags=("x",)), ANYHOW)).job, answer())
            home = (await b.claim(draft(tags=("x",)), ANYHOW)).job
            home = await b.record(home, answer("PROCESSING"))
            await b.label(home, ("y",))
            for ledger, known in ((a, job), (b, home)):
                await ledger.record(known, answer("COMPLETED"))

    asyncio.run(work())
    totals = [spending(str(tmp_path / name), "g", 0.0, "day")[1] for name in ("a", "b")]
    assert [(total.jobs, total.listed) for total in totals] == [(1, 1_000), (0, 0)]
    caps = Terms(caps=Caps(day=1_000, month=1_000, tags={"x": 1_000, "y": 1_000}))
    for name, verdict in (("a", OverCap), ("b", Claimed)):
        claimed = run(tmp_path / name, lambda ledger: ledger.claim(draft("other", tags=("x", "y")), caps))
        assert type(claimed) is verdict


def test_new_pays_again_whatever_the_board_says(machine):
    """--new claims what another machine has paid for, and not what one submits this moment."""

    async def work():
        async with machine("a") as a, machine("b") as b:
            claimed = await a.claim(draft(), ANYHOW)
            assert isinstance(await b.claim(draft(), Terms(again=True)), Held)
            await a.record(claimed.job, answer("COMPLETED"))
            assert isinstance(await b.claim(draft(), Terms(again=True)), Claimed)

    asyncio.run(work())


async def refused(ledger, job):
    """The gateway takes none of it."""
    await ledger.release(job)


async def in_error(ledger, job):
    """It is accepted, and ends ERROR."""
    await ledger.record(await ledger.record(job, Answer("job_2", "QUEUED")), Answer("job_2", "ERROR"))


async def held_to_the_end(ledger, job):
    """It waits to be sent again until its run has ended."""
    await ledger.hold(job)
    await ledger.__aexit__(None, None, None)
    await ledger.__aenter__()


@pytest.mark.parametrize("end", [refused, in_error, held_to_the_end])
@pytest.mark.parametrize(
    ("status", "verdict"), [("QUEUED", Paid), ("COMPLETED", Paid), ("FAILED", Failed), (None, Unanswered)]
)
def test_what_comes_to_nothing_hides_nothing(end, status, verdict, machine, board):
    """Where --new has cost nothing, what was there before it counts again, for every machine."""

    async def work():
        async with machine("a") as a, machine("b") as b, machine("c") as c:
            first = await a.claim(draft(), ANYHOW)
            await (a.lose(first.job, "lost") if status is None else a.record(first.job, answer(status)))
            there = board.records["key"]
            new = await b.claim(draft(), Terms(again=True))
            await end(b, new.job)
            assert replace(board.records["key"], rev=0) == replace(there, rev=0)
            home = await c.claim(draft(), ANYHOW)
            assert (type(home), home.job.request_id) == (verdict, there.request_id)

    asyncio.run(work())


def test_another_machine_may_hear_first_that_it_came_to_nothing(machine, board):
    """Whoever tells the board that a job of --new ended ERROR, what was there before it counts again."""

    async def work():
        async with machine("a") as a, machine("b") as b, machine("c") as c:
            await a.record((await a.claim(draft(), ANYHOW)).job, answer("COMPLETED"))
            new = await a.claim(draft(), Terms(again=True))
            running = await a.record(new.job, Answer("job_2", "QUEUED"))
            home = (await b.claim(draft(), ANYHOW)).job
            await b.record(home, Answer("job_2", "ERROR"))
            await a.record(running, Answer("job_2", "ERROR"))
            there = await c.claim(draft(), ANYHOW)
            assert (type(there), there.job.request_id) == (Paid, "job_1")

    asyncio.run(work())


def test_what_was_paid_before_an_unknown_counts_when_that_is_settled(machine, board):
    """Settling what --new has lost leaves what was paid for before it, and settles all of a key that is unknown."""

    async def work():
        async with machine("a") as a, machine("b") as b:
            await a.record((await a.claim(draft("paid"), ANYHOW)).job, answer("COMPLETED"))
            await a.lose((await a.claim(draft("lost"), ANYHOW)).job, "no answer")
            for key in ("paid", "lost"):
                for _ in range(2):
                    await a.lose((await a.claim(draft(key), Terms(again=True))).job, "no answer")
            await set_free(board, ["paid", "lost"])
            there = await b.claim(draft("paid"), ANYHOW)
            assert (type(there), there.job.request_id) == (Paid, "job_1")
            assert isinstance(await b.claim(draft("lost"), ANYHOW), Claimed)

    asyncio.run(work())


def test_what_was_before_a_result_is_not_kept(machine, board):
    """A record does not grow with each --new that ends well."""

    async def work():
        async with machine("a") as a:
            for number in range(3):
                claimed = await a.claim(draft(), Terms(again=bool(number)))
                await a.record(claimed.job, answer("COMPLETED"))
            assert "before" not in board.records["key"].facts

    asyncio.run(work())


def test_what_waits_beside_a_paid_job_is_nobody_elses(machine):
    """While a job of --new waits to be sent again, no other machine takes the key, and it is sent by who holds it."""

    async def work():
        async with machine("a") as a, machine("b") as b:
            await a.record((await a.claim(draft(), ANYHOW)).job, answer("COMPLETED"))
            new = await a.claim(draft(), Terms(again=True))
            await a.hold(new.job)
            assert isinstance(await b.claim(draft(), ANYHOW), Held)
            await a.resume(new.job)
            await a.record(new.job, Answer("job_2", "QUEUED"))
            assert (await b.claim(draft(), ANYHOW)).job.request_id == "job_2"

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
        assert board.drawn("g") == 0

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


def test_a_failure_hides_no_result(machine, board):
    """COMPLETED is final: what --new came to, another machine attaches to the result, also after --retry-failed."""

    async def work():
        async with machine("a") as a, machine("b") as b:
            await a.record((await a.claim(draft(), ANYHOW)).job, answer("COMPLETED"))
            new = await a.claim(draft(), Terms(again=True))
            await a.record(new.job, Answer("job_2", "FAILED"))
            there = await b.claim(draft(), Terms(after_failure=True))
            assert (type(there), there.job.request_id) == (Paid, "job_1")

    asyncio.run(work())


def test_a_run_of_this_machine_without_the_board_is_not_paid_beside(machine, board, tmp_path):
    """A run that asks no board and claims between the two steps of a claim has the job; the claim is given up."""

    async def work():
        async with Ledger(str(tmp_path / "a")) as alone, machine("a") as a:
            post = board.post

            async def slow(record):
                posted = await post(record)
                if not board.asked.count("meanwhile"):
                    board.asked.append("meanwhile")
                    claimed = await alone.claim(draft(), ANYHOW)
                    await alone.record(claimed.job, answer())
                return posted

            await a.prepare()
            board.post = slow
            assert isinstance(await a.claim(draft(), ANYHOW), Paid)
            assert board.records["key"].state in {"free", "running"}

    asyncio.run(work())


def test_a_result_goes_over_what_another_machine_was_told(machine, board):
    """COMPLETED is final on the board too: a FAILED or an ERROR that another machine heard first does not hide it."""

    async def work():
        for status in ("FAILED", "ERROR"):
            async with machine("a") as a, machine("b") as b:
                claimed = await a.claim(draft(status), ANYHOW)
                await a.record(claimed.job, answer(request_id=status))
                other = await b.claim(draft(status), ANYHOW)
                await b.record(other.job, answer(status, status))
                await a.record(claimed.job, answer("COMPLETED", status))
            assert board.records[status].state == "completed"

    asyncio.run(work())


def test_what_was_to_be_told_is_dropped_for_what_came_later(machine, board):
    """A hold that the board was not told of is not told over the POST that came after it."""

    async def work():
        async with machine("a") as a, machine("b") as b:
            claimed = await a.claim(draft(), ANYHOW)
            board.is_away = True
            await a.hold(claimed.job)
            board.is_away = False
            await a.resume(claimed.job)
            await a._teller.pay_debts()
            assert board.records["key"].state == "submitting"
            assert isinstance(await b.claim(draft(), ANYHOW), Held)

    asyncio.run(work())


def test_a_debt_under_way_goes_over_no_post(machine, board):
    """While a beat pays a debt of a held job, that job's POST is not begun on a record which the debt then frees."""

    async def work():
        async with machine("a") as a:
            job = (await a.claim(draft(), ANYHOW)).job
            board.is_away = True
            await a.hold(job)
            board.is_away = False
            post, go = board.post, asyncio.Event()

            async def late(record):
                if record.state == "free":
                    await go.wait()
                return await post(record)

            board.post = late
            paying = asyncio.create_task(a._teller.pay_debts())
            resuming = asyncio.create_task(a.resume(job))
            for _ in range(20):
                await asyncio.sleep(0)
            go.set()
            await paying
            is_begun = not isinstance((await asyncio.gather(resuming, return_exceptions=True))[0], TakenOver)
            assert board.records["key"].state == ("submitting" if is_begun else "free")

    asyncio.run(work())


def test_what_only_looks_tells_the_board_what_it_learns(machine, board):
    """A run that submits nothing (download, status) has the board know how a job has ended that it asked after."""

    async def work():
        async with killed(machine("a")) as a:
            claimed = await a.claim(draft(), ANYHOW)
            job = await a.record(claimed.job, answer())
        async with machine("a") as a:
            await a.record(job, answer("ERROR"))
        async with machine("b") as b:
            assert isinstance(await b.claim(draft(), ANYHOW), Claimed)

    asyncio.run(work())


def test_who_only_looks_ends_well_whatever_is_wrong_with_the_board(machine, board, monkeypatch):
    """A board that cannot be used, for good or for now, is no matter of a run that has no need of it."""

    async def refused():
        raise UsageError("its encoding has no room for most names")

    async def work():
        async with killed(machine("a")) as a:
            claimed = await a.claim(draft(), ANYHOW)
            job = await a.record(claimed.job, answer())
        monkeypatch.setattr(type(board), "__aenter__", lambda _: refused())
        async with machine("a") as a:
            assert (await a.record(job, answer("COMPLETED"))).state == "completed"

    asyncio.run(work())


def test_what_is_too_much_to_keep_is_told_by_the_next_run(machine, board, monkeypatch):
    """A run that only looks keeps some of the jobs that have ended; the rest is told by the next run that submits."""
    monkeypatch.setattr(backlog, "MOST_HEARD", 0)

    async def work():
        async with killed(machine("a")) as a:
            claimed = await a.claim(draft(), ANYHOW)
            job = await a.record(claimed.job, answer())
            await a.push()
        async with machine("a") as a:
            await a.record(job, answer("COMPLETED"))
        assert board.records["key"].state == "running"
        async with machine("a") as a:
            await a.prepare()
        assert board.records["key"].state == "completed"

    asyncio.run(work())


def test_many_first_claims_begin_one_lease(machine, board):
    """However many claims come at once, one of them begins to renew the lease."""
    beat = board.beat

    async def takes_its_time(run):
        await asyncio.sleep(0)
        await beat(run)

    board.beat = takes_its_time

    async def work():
        async with machine("a") as a:
            await asyncio.gather(*(a.claim(draft(str(number)), ANYHOW) for number in range(20)))
        assert board.asked.count("beat") == 1

    asyncio.run(work())
