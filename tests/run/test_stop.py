"""A run may be stopped at any moment: each time it waits for anything, in turn."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from fakes.scripted import ScriptedGateway, completed, processing, queued

from seedvr_cli.run.engine import in_one_chunk
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.errors import Interrupted, RequestRefused
from seedvr_cli.values.events import Finished

SOURCES = ["https://example.com/1.png", "https://example.com/2.png"]
WAYS = ["stopped", "cancelled"]


class Trap:
    """Calls `spring` at the n-th wait of the run, whatever that is for: the gateway, the ledger, the clock."""

    def __init__(self, number: int, spring: Callable[[], None]) -> None:
        self._left = number
        self._spring = spring
        self.is_sprung = False

    def on(self, owner: Any, *names: str) -> None:
        """Count the calls of these methods."""
        for name in names:
            setattr(owner, name, self._counting(getattr(owner, name)))

    def _counting(self, method: Callable[..., Any]) -> Callable[..., Any]:
        async def counted(*args: Any, **kwargs: Any) -> Any:
            self._step()
            result = await method(*args, **kwargs)
            self._step()
            return result

        return counted

    def _step(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.is_sprung = True
            self._spring()


async def stopped_run(house: Any, gateway: ScriptedGateway, number: int, way: str) -> tuple[bool, list[Any]]:
    """Whether the run was stopped, at its n-th wait, and its outcomes until then."""
    outcomes: list[Any] = []
    async with house.engine(gateway, jobs=1, timeout=30.0) as engine:

        async def run() -> None:
            events = engine.run(in_one_chunk(house.purchases(*SOURCES)))
            outcomes.extend([event.outcome async for event in events if isinstance(event, Finished)])

        task = asyncio.create_task(run())
        spring = (lambda: engine.stop(Interrupted("interrupted"))) if way == "stopped" else task.cancel
        trap = Trap(number, spring)
        trap.on(gateway, "submit", "poll")
        trap.on(engine._ledger._database, "read", "write")
        await asyncio.wait([task], timeout=60)
        assert task.done(), "a run that is stopped ends"
        if not task.cancelled():
            task.result()
        assert not engine._tasks
        assert not engine._state.posts
    return trap.is_sprung, outcomes


@pytest.mark.parametrize("way", WAYS)
def test_a_run_that_is_stopped_at_any_wait_pays_nothing_twice(house, way):
    """Stopped at each wait in turn and started again, a run submits each request once, and delivers it."""
    for number in range(1, 400):
        house.folder = house.folder.parent / f"{way}-{number}"
        house.folder.mkdir()
        first = ScriptedGateway(
            submits=[queued("job-1"), queued("job-2")],
            polls=[processing("job-1"), completed("job-1"), completed("job-2")],
        )
        was_stopped, _ = asyncio.run(stopped_run(house, first, number, way))
        states = [job.state for job in house.jobs()]
        assert set(states) <= {"running", "completed"}, f"stopped at wait {number}: {states}"
        assert len(states) == len(first.submitted)
        left = 2 - len(first.submitted)
        second = ScriptedGateway(submits=[queued("job-2")] if left == 1 else [queued("job-1"), queued("job-2")])
        second.poll = _done  # type: ignore[method-assign]
        outcomes = asyncio.run(house.run(second, house.purchases(*SOURCES), jobs=1))
        assert [outcome.error for outcome in outcomes] == [None, None], f"stopped at wait {number}"
        assert len(first.submitted) + len(second.submitted) == 2
        assert sorted(path.name for path in (house.folder / "out").iterdir()) == ["1-upscaled.png", "2-upscaled.png"]
        if not was_stopped:
            assert number > 20
            return
    pytest.fail("the run has no end")


def test_a_stopped_run_gives_back_what_it_has_not_sent(house):
    """A job that waits to be sent when the run is stopped is not in the ledger, and its money is free."""

    async def check() -> None:
        gateway = ScriptedGateway(submits=[RequestRefused("unused")])
        async with house.engine(gateway, jobs=1, max_cost=1000) as engine:
            claim = engine._ledger.claim

            async def claim_and_stop(*args: Any) -> Any:
                verdict = await claim(*args)
                engine.stop(Interrupted("interrupted"))
                return verdict

            engine._ledger.claim = claim_and_stop  # type: ignore[method-assign]
            _ = [event async for event in engine.run(in_one_chunk(house.purchases(SOURCES[0])))]
            assert engine._state.budget.committed == 0
        assert gateway.submitted == []

    asyncio.run(check())
    assert house.jobs() == []


async def _done(request_id: str, *, seconds: float | None = None) -> Answer:
    return completed(request_id)
