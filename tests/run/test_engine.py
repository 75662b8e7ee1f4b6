"""Many items at once: what is passed over, what ends the others, and what does not."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence

import pytest
from fakes.scripted import ScriptedGateway, completed, queued
from helpers.house import PRICE

from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.plan.lists import Entry
from seedvr_cli.plan.planner import Planner, Prospect
from seedvr_cli.plan.wishes import Wishes
from seedvr_cli.run import life
from seedvr_cli.run.engine import in_one_chunk
from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.errors import (
    CostCapReached,
    Interrupted,
    LedgerError,
    NotSubmitted,
    RequestRefused,
    Unforeseen,
    UsageError,
)
from seedvr_cli.values.events import Crashed, Finished, Received, Skipped, Started

GATEWAY = "https://gateway.example"


def prospects(house, *sources: str, output: str | None = None) -> list[Prospect]:
    """Lines of a list, as `--from` has them."""
    planner = Planner(Wishes(ENDPOINTS["7b-image"], {}, output=output or f"{house.folder}/out/"), GATEWAY)
    lines = [Entry(number, source) for number, source in enumerate(sources, start=1)]
    return [one for line in lines for one in planner.line(line, "urls.txt")]


def urls(count: int) -> list[str]:
    return [f"https://example.com/{number}.png" for number in range(count)]


async def events_of(house, gateway, work, **policy) -> list:
    async with house.engine(gateway, **policy) as engine:
        return [event async for event in engine.run(in_one_chunk(work))]


def test_a_line_that_is_wrong_is_that_items_failure(house):
    """A bad line of a stream has an outcome of its own, and the others are done."""
    work = prospects(house, "https://example.com/1.png", "ftp://example.com/2.png", "https://example.com/3.png")
    events = asyncio.run(events_of(house, ScriptedGateway(), work))
    outcomes = {event.outcome.item.index: event.outcome for event in events if isinstance(event, Finished)}
    assert [outcomes[index].error.code if outcomes[index].error else None for index in (1, 2, 3)] == [
        None,
        "bad_line",
        None,
    ]


@pytest.mark.parametrize("is_relative", [True, False])
def test_what_is_delivered_is_passed_over(house, monkeypatch, is_relative):
    """Lines whose files stand as they were delivered are skipped with one look, and their paths told."""
    monkeypatch.chdir(house.folder)
    output = "out/" if is_relative else None
    asyncio.run(events_of(house, ScriptedGateway(), prospects(house, *urls(3), output=output)))
    (house.folder / "out" / "1-upscaled.png").unlink()
    (house.folder / "out" / "2-upscaled.png").write_bytes(b"changed")
    gateway = ScriptedGateway()
    events = asyncio.run(events_of(house, gateway, prospects(house, *urls(3), output=output), skim=True))
    (skipped,) = [event for event in events if isinstance(event, Skipped)]
    assert len(skipped.paths) == 1
    assert skipped.paths[0].endswith("out/0-upscaled.png")
    assert len([event for event in events if isinstance(event, Finished)]) == 2
    assert gateway.submitted == []


@pytest.mark.parametrize("template", ["{request_id}{ext}", "{date}-{index}{ext}"])
def test_names_that_only_the_job_knows_are_looked_at_closely(house, template):
    """A name with the request id or the date is not passed over by a quick look, and not paid again either."""
    work = prospects(house, *urls(1), output=f"{house.folder}/out/{template}")
    asyncio.run(events_of(house, ScriptedGateway(), work))
    gateway = ScriptedGateway()
    events = asyncio.run(events_of(house, gateway, work, skim=True))
    assert not [event for event in events if isinstance(event, Skipped)]
    (outcome,) = [event.outcome for event in events if isinstance(event, Finished)]
    assert (outcome.skipped, gateway.submitted) == (True, [])


def test_who_waits_for_the_same_job_holds_no_name(house):
    """Names that the same source would have a second time are left to others: their numbers have no gap."""
    same, other = "https://example.com/a/1.png", "https://example.com/b/1.png"
    work = prospects(house, same, same, same, same, other)
    events = asyncio.run(events_of(house, ScriptedGateway(), work))
    files = {os.path.basename(event.outcome.files[0].path) for event in events if isinstance(event, Finished)}
    assert files == {"1-upscaled.png", "1-upscaled-2.png"}


def test_a_name_of_another_number_is_passed_over(house):
    """A file that got a number is the one that is looked for."""
    (house.folder / "out").mkdir()
    (house.folder / "out" / "0-upscaled.png").write_bytes(b"stranger")
    asyncio.run(events_of(house, ScriptedGateway(), prospects(house, *urls(1))))
    events = asyncio.run(events_of(house, ScriptedGateway(), prospects(house, *urls(1)), skim=True))
    (skipped,) = [event for event in events if isinstance(event, Skipped)]
    assert skipped.paths[0].endswith("0-upscaled-2.png")


def test_fail_fast_submits_nothing_more(house, go):
    """After one failure with --fail-fast the others are not submitted."""
    gateway = ScriptedGateway(submits=[RequestRefused("HTTP 400")])
    first, *others = go(gateway, house.purchases(*urls(4)), jobs=1, fail_fast=True)
    assert first.error.code == "refused"
    assert {type(outcome.error) for outcome in others} == {NotSubmitted}
    assert len(gateway.submitted) == 1


@pytest.mark.parametrize("wrong", ["ftp://example.com/2.png", "no such file.png"])
def test_fail_fast_ends_with_a_line_that_is_wrong(house, wrong):
    """With --fail-fast nothing is submitted after a line that names no source."""
    gateway = ScriptedGateway()
    events = asyncio.run(events_of(house, gateway, prospects(house, wrong, *urls(20)), jobs=1, fail_fast=True))
    first, *others = [event.outcome for event in events if isinstance(event, Finished)]
    assert first.error.code in {"bad_line", "source"}
    assert {type(outcome.error) for outcome in others} == {NotSubmitted}
    assert gateway.submitted == []


def test_what_nobody_foresaw_is_one_items_end(house, go):
    """A bug that strikes one job is that job's outcome, its paid record stays, and the other eleven are done."""
    answers = [ValueError("boom"), *[completed()] * 11]
    outcomes = go(ScriptedGateway(polls=answers), house.purchases(*urls(12)), jobs=1)
    first, *others = outcomes
    assert isinstance(first.error, Unforeseen)
    assert "ValueError: boom" in first.error.message
    assert first.request_id == "job-1"
    assert [outcome.error for outcome in others] == [None] * 11
    (crash,) = [event for event in house.events if isinstance(event, Crashed)]
    assert crash.told is first.error


def test_a_bug_beyond_the_job_is_its_end_too(house, go, monkeypatch):
    """Where even the boundary of a job fails, the run goes on."""

    def fail(*_: object) -> None:
        raise KeyError("name")

    monkeypatch.setattr(life, "ResultName", fail)
    (outcome,) = go(ScriptedGateway())
    assert isinstance(outcome.error, Unforeseen)


def test_a_list_that_cannot_be_read_on_ends_the_run(house):
    """An error of the list itself is raised, after what was begun has been dropped."""

    async def broken() -> AsyncIterator[Sequence[Prospect]]:
        yield prospects(house, *urls(1))
        raise UsageError("--from: it broke")

    async def run() -> None:
        async with house.engine(ScriptedGateway()) as engine:
            async for _ in engine.run(broken()):
                pass

    with pytest.raises(UsageError, match="it broke"):
        asyncio.run(run())


@pytest.mark.parametrize("policy", [{}, {"overwrite": True}, {"new": True}])
def test_explicit_names_are_checked_before_anything_is_paid(house, policy):
    """A file that is not this job's own refuses the run, unless it may be replaced."""
    taken = house.folder / "x.png"

    async def check() -> str | None:
        async with house.engine(ScriptedGateway(), **policy) as engine:
            try:
                await engine.check_outputs(house.purchases(output=str(taken)))
                await engine.check_outputs(prospects(house, *urls(1), output=str(taken)))
            except UsageError as error:
                return error.message
        return None

    assert asyncio.run(check()) is None
    taken.write_bytes(b"stranger")
    assert (asyncio.run(check()) is None) is bool(policy.get("overwrite"))


def test_an_own_file_is_no_obstacle_until_it_is_paid_again(house, go):
    """A job's own file under an explicit name is fine, and not with --new."""
    items = house.purchases(output=f"{house.folder}/x.png")
    go(ScriptedGateway(), items)

    async def check(**policy) -> bool:
        async with house.engine(ScriptedGateway(), **policy) as engine:
            try:
                await engine.check_outputs(items)
            except UsageError:
                return False
        return True

    assert asyncio.run(check())
    assert not asyncio.run(check(new=True))


def test_stopping_twice_is_stopping_once(house):
    """The first reason for a stop counts."""

    async def run() -> Interrupted | None:
        async with house.engine(ScriptedGateway()) as engine:
            engine.stop(Interrupted("first"))
            engine.stop(Interrupted("second"))
            _ = [event async for event in engine.run(in_one_chunk(house.purchases()))]
            return engine.interrupted

    assert asyncio.run(run()).message == "first"


def test_events_tell_the_way_of_a_job(house, go):
    """Each item begins, tells of its bytes, and ends with its outcome."""
    go(ScriptedGateway())
    kinds = [type(event) for event in house.events]
    assert (kinds[0], kinds[-1]) == (Started, Finished)
    assert Received in kinds


def test_a_failed_job_is_no_reason_to_stop(house, go):
    """Without --fail-fast a failure is one item's."""
    gateway = ScriptedGateway(submits=[RequestRefused("HTTP 400")])
    outcomes = go(gateway, house.purchases(*urls(3)), jobs=1)
    assert len(gateway.submitted) == 3
    assert {outcome.error.code for outcome in outcomes} == {"refused"}


async def chunks_of(work: Sequence[Prospect], size: int) -> AsyncIterator[Sequence[Prospect]]:
    """A list as it is read."""
    for first in range(0, len(work), size):
        yield work[first : first + size]


def test_what_was_paid_with_new_is_not_refused_when_it_comes_again(house):
    """A line that stands twice is one job, also where the cap is reached before its second chunk is read."""
    lines = prospects(house, *urls(100), *urls(1))

    async def run():
        async with house.engine(ScriptedGateway(), jobs=1, new=True, max_cost=5 * PRICE) as engine:
            return [event async for event in engine.run(chunks_of(lines, 50))]

    outcomes = {event.outcome.item.index: event.outcome for event in asyncio.run(run()) if isinstance(event, Finished)}
    assert sum(1 for outcome in outcomes.values() if outcome.error is None) == 6
    assert outcomes[101].request_id == outcomes[1].request_id == "job-1"


@pytest.mark.parametrize("reason", ["cap", "failure"])
def test_what_may_not_be_submitted_is_looked_up_in_chunks(house, monkeypatch, reason):
    """Once the cap is reached, or a failure ended it, a chunk takes one look; what is paid for is delivered still."""
    asyncio.run(events_of(house, ScriptedGateway(), prospects(house, urls(1000)[990]), download=False))
    asked = []
    ask, paid_keys = Ledger.ask, Ledger.paid_keys

    async def asking(self, draft, terms):
        asked.append(draft.key)
        return await ask(self, draft, terms)

    async def looking(self, keys, **how):
        asked.append(len(keys))
        return await paid_keys(self, keys, **how)

    monkeypatch.setattr(Ledger, "ask", asking)
    monkeypatch.setattr(Ledger, "paid_keys", looking)
    terms = {"max_cost": 2 * PRICE} if reason == "cap" else {"fail_fast": True, "max_cost": 100 * PRICE}
    submits = [queued("a"), queued("b")] if reason == "cap" else [RequestRefused("HTTP 400")]
    gateway = ScriptedGateway(submits=submits, polls=[completed("a"), completed("b"), completed("job-1")])

    async def run():
        async with house.engine(gateway, jobs=1, **terms) as engine:
            return [event async for event in engine.run(chunks_of(prospects(house, *urls(1000)), 50))]

    outcomes = [event.outcome for event in asyncio.run(run()) if isinstance(event, Finished)]
    assert len(outcomes) == 1000
    assert len({outcome.item.index for outcome in outcomes}) == 1000
    refused = [outcome for outcome in outcomes if isinstance(outcome.error, CostCapReached | NotSubmitted)]
    assert len(refused) == (997 if reason == "cap" else 998)
    assert len(gateway.submitted) == (2 if reason == "cap" else 1)
    (paid,) = [outcome for outcome in outcomes if outcome.item.index == 991]
    assert (paid.error, len(paid.files)) == (None, 1)
    assert len(asked) < 150


def test_a_ledger_that_fails_while_chunks_are_looked_up_ends_no_run(house, monkeypatch):
    """Where the look at a whole chunk fails, each of its items has an outcome all the same, and the run goes on."""

    async def fail(*_: object, **__: object) -> None:
        raise LedgerError("the disk is gone")

    monkeypatch.setattr(Ledger, "paid_keys", fail)
    gateway = ScriptedGateway(submits=[RequestRefused("HTTP 400")])

    async def run():
        async with house.engine(gateway, jobs=1, fail_fast=True) as engine:
            return [event async for event in engine.run(chunks_of(prospects(house, *urls(200)), 50))]

    outcomes = [event.outcome for event in asyncio.run(run()) if isinstance(event, Finished)]
    assert len(outcomes) == 200
    assert len(gateway.submitted) == 1
