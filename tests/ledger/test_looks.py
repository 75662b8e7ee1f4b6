"""Looks at the ledger: what is listed, what is spent, what a shell is offered."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from helpers.jobs import draft, listed, run

from seedvr_cli.ledger.glance import counting_jobs, forget_jobs, gateways_of, known_tags, latest_jobs, spending
from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.ledger.spending import Spending
from seedvr_cli.ledger.verdicts import Terms
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.errors import LedgerError

ENDS = {"listed": "COMPLETED", "not_charged": "ERROR", "maybe": "FAILED"}


async def fill(ledger: Ledger) -> None:
    """A job of every kind of charge."""
    for index, word in enumerate(ENDS.values()):
        claimed = await ledger.claim(draft(f"key-{index}"), Terms())
        job = await ledger.record(claimed.job, Answer(f"job-{index}", "QUEUED"))
        await ledger.record(job, Answer(f"job-{index}", word))
    lost = await ledger.claim(draft("lost"), Terms())
    await ledger.lose(lost.job, "the answer was lost")


def counted(folder, *keys: str) -> dict[str, str]:
    """The states of the jobs that count for these keys."""
    with counting_jobs(str(folder)) as look:
        return {key: job.state for key, job in look(keys).items()}


def test_spending_keeps_each_charge_apart(tmp_path):
    """The list price of each kind of charge is summed by itself, and since an instant."""
    run(tmp_path, fill)
    (row,), total = spending(str(tmp_path), "g", 0.0)
    assert row.group[1:] == ("7b-image", "default")
    assert replace(row, group=()) == total == Spending((), 4, 1000, 1000, 1000, 1000)
    nothing = ([], Spending((), 0, 0, 0, 0, 0))
    assert spending(str(tmp_path), "g", 1e12) == spending(str(tmp_path), "other", 0.0) == nothing
    assert spending(str(tmp_path / "none"), "g", 0.0) == nothing


@pytest.mark.parametrize("by", ["day", "month", "endpoint", "profile"])
def test_spending_is_summed_by_what_is_asked_for(tmp_path, by):
    """By each word there is one group of all jobs of a minute, with what they have in common."""
    before = datetime.now(UTC)
    run(tmp_path, fill)
    (row,), total = spending(str(tmp_path), "g", 0.0, by)
    assert replace(row, group=()) == total
    days = (before, datetime.now(UTC))
    expected = {
        "day": [f"{day:%Y-%m-%d}" for day in days], "month": [f"{day:%Y-%m}" for day in days],
        "endpoint": ["7b-image"], "profile": ["default"],
    }  # fmt: skip
    assert row.group[0] in expected[by]


def test_spending_by_tag_has_a_job_under_each_of_its_tags(tmp_path):
    """A job counts for each tag, once in the sum, and under a dash where it has none."""

    async def work(ledger):
        for key, tags in (("a", ("x", "y")), ("b", ("x",)), ("c", ())):
            claimed = await ledger.claim(draft(key, tags=tags), Terms())
            await ledger.record(claimed.job, Answer(key, "COMPLETED"))

    run(tmp_path, work)
    rows, total = spending(str(tmp_path), "g", 0.0, "tag")
    assert [(row.group, row.jobs, row.listed) for row in rows] == [
        (("-",), 1, 1000), (("x",), 2, 2000), (("y",), 1, 1000),
    ]  # fmt: skip
    assert (total.jobs, total.listed) == (3, 3000)


def test_tags_are_offered_to_a_shell(tmp_path):
    """At TAB there are the tags of the sandbox, or of the others, by name; none where there is no ledger."""

    async def work(ledger):
        await ledger.claim(draft(tags=("nightly", "album")), Terms())

    run(tmp_path, work)
    assert known_tags(str(tmp_path), is_sandbox=False, beginning="") == ["album", "nightly"]
    assert known_tags(str(tmp_path), is_sandbox=False, beginning="n") == ["nightly"]
    assert known_tags(str(tmp_path), is_sandbox=True, beginning="") == []
    assert known_tags(str(tmp_path / "none"), is_sandbox=False, beginning="") == []


def test_what_was_never_answered_is_listed_and_settled(tmp_path):
    """Unknown outcomes are listed until they are settled, and those count that would not be sent again."""

    async def work(ledger):
        await fill(ledger)

    run(tmp_path, work)
    jobs = listed(tmp_path, states=["unknown"])
    counting = counted(tmp_path, "key-0", "key-1", "key-2", "lost", "never")
    forget_jobs(str(tmp_path), jobs)
    assert [job.key for job in jobs] == ["lost"]
    assert (listed(tmp_path, states=["unknown"]), counted(tmp_path, "lost")) == ([], {})
    assert counting == {"key-0": "completed", "key-2": "failed", "lost": "unknown"}


def test_looking_up_makes_no_ledger(tmp_path):
    """Where there is no ledger, no key has a job, no id has a gateway, and there is none afterwards."""
    assert counted(tmp_path / "none", "key") == {}
    assert gateways_of(str(tmp_path / "none"), ["job"]) == {"job": []}
    assert not (tmp_path / "none").exists()


def test_the_gateways_of_an_id_are_known(tmp_path):
    """An id is looked for at every gateway, as they may have the same."""

    async def work(ledger):
        for gateway in ("g", "h", "g"):
            await ledger.adopt("job", gateway, "default")
        return gateways_of(str(tmp_path), ["job", "other"])

    assert run(tmp_path, work) == {"job": ["h", "g"], "other": []}


def test_durations_are_those_of_the_latest_jobs(tmp_path):
    """How long completed jobs took is listed, shortest first."""

    async def work(ledger):
        await fill(ledger)
        return await ledger.durations("g", "7b-image"), await ledger.durations("g", "3b-image")

    (took,), none = run(tmp_path, work)
    assert 0 <= took < 60
    assert none == []


def test_what_has_ended_is_known(tmp_path):
    """Of keys those are told that have a job which has ended, with its submission, and no others."""

    async def work(ledger):
        await fill(ledger)
        await ledger.claim(draft("running"), Terms())
        keys = ["key-0", "key-1", "lost", "running", "never"]
        return await ledger.ended(keys), await ledger.strangers(keys)

    began = time.time()
    ended, strangers = run(tmp_path, work)
    assert (list(ended), strangers) == (["key-0", "key-1"], ["never"])
    assert all(began <= instant <= time.time() for instant in ended.values())


@pytest.mark.parametrize(("beginning", "limit", "found"), [("", 9, 3), ("job-1", 9, 1), ("", 2, 2), ("x", 9, 0)])
def test_a_shell_is_offered_the_latest_ids(tmp_path, beginning, limit, found):
    """A look that waits for nobody lists ids by their beginning, the latest first."""
    run(tmp_path, fill)
    rows = latest_jobs(str(tmp_path), is_sandbox=False, beginning=beginning, limit=limit)
    assert [row[0] for row in rows] == [f"job-{index}" for index in (2, 1, 0)
                                        if f"job-{index}".startswith(beginning)][:found]  # fmt: skip
    assert latest_jobs(str(tmp_path), is_sandbox=True, beginning="", limit=9) == []


def test_a_look_makes_no_ledger(tmp_path):
    """Where there is no ledger there are no ids, and none is made."""
    assert latest_jobs(str(tmp_path), is_sandbox=False, beginning="", limit=9) == []
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_ledger_is_set_aside_and_not_replaced(tmp_path):
    """A file that is no database is moved aside with what to do, and no new ledger begins while it stands there."""
    path = tmp_path / "ledger.sqlite3"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(LedgerError, match="set aside"):
        run(tmp_path, fill)
    assert (tmp_path / "ledger.sqlite3.damaged").exists()
    with pytest.raises(LedgerError, match="stands aside"):
        run(tmp_path, fill)
    (tmp_path / "ledger.sqlite3.damaged").unlink()
    run(tmp_path, fill)


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    """A ledger that has no place is an error with a remedy."""
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="cannot be used"):
        run(tmp_path / "file" / "state", fill)


def test_a_group_of_operations_is_one_transaction(tmp_path):
    """What is asked for at once is done together, and each gets its own answer."""

    async def work(ledger):
        claims = await asyncio.gather(*(ledger.claim(draft(f"key-{index}"), Terms()) for index in range(50)))
        return {claim.job.id for claim in claims}

    assert len(run(tmp_path, work)) == 50


def test_a_completed_job_counts_before_a_later_failure(tmp_path):
    """What --dry-run says of a key is what a run would do: it is paid for, whatever failed after it."""

    async def work(ledger):
        jobs = [(await ledger.claim(draft("key"), Terms(again=True))).job for _ in range(3)]
        await ledger.record(jobs[0], Answer("job-0", "COMPLETED", ("https://a/x.png",)))
        await ledger.lose(jobs[1], "lost")
        await ledger.record(jobs[2], Answer("job-2", "FAILED"))

    run(tmp_path, work)
    assert counted(tmp_path, "key") == {"key": "completed"}
