"""`--timeout` is kept, however long any answer takes."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fakes.scripted import ScriptedGateway, completed, processing
from helpers.house import House
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from seedvr_cli.download import movement
from seedvr_cli.download.movement import MOVING_SECONDS
from seedvr_cli.gateway.client import POLL_SECONDS
from seedvr_cli.values.answer import Answer, Stream
from seedvr_cli.values.errors import Busy, GatewayError, NetworkError, SeedvrError, StillRunning

# Seconds by which waiting may be overrun (cli.md, `--timeout`).
OVERRUN = 2.0

ANSWERS = {
    "processing": processing(),
    "an unknown word": Answer("job-1", "WARMING_UP"),
    "completed": completed(),
    "busy": Busy("429", None),
    "busy for a second": Busy("429", 1.0),
    "busy for ten minutes": Busy("429", 600.0),
    "no network": NetworkError("no network"),
    "a proxy's page": GatewayError("502"),
}


class SlowGateway(ScriptedGateway):
    """Each poll takes the seconds that its step says, or as long as the client lets it."""

    def __init__(self, house: House, steps: list[tuple[str, float]]) -> None:
        super().__init__(polls=[ANSWERS[name] for name, _ in steps])
        self._house = house
        self._delays = [delay for _, delay in steps]

    async def poll(self, request_id: str, *, seconds: float | None = None) -> Answer:
        delay = self._delays[min(len(self.polled), len(self._delays) - 1)]
        limit = min(POLL_SECONDS, math.inf if seconds is None else seconds)
        await self._house.clock.sleep(min(delay, limit))
        if delay > limit:
            self.polled.append(request_id)
            raise NetworkError(f"no whole answer in {limit:g} seconds")
        return await super().poll(request_id, seconds=seconds)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.sampled_from(sorted(ANSWERS)), st.floats(0, 1000)), min_size=1, max_size=12),
    timeout=st.floats(0, 600),
    interval=st.floats(0.1, 60),
)
@example(steps=[("busy for ten minutes", 0.0)], timeout=0.0, interval=5.0)
@example(steps=[("processing", 1000.0)], timeout=1.0, interval=60.0)
@example(steps=[("no network", 29.0), ("processing", 0.0)], timeout=30.0, interval=5.0)
def test_any_timeout_is_kept_under_any_delay_of_any_answer(tmp_path_factory, steps, timeout, interval):
    """Whatever polls are answered, and after however long, waiting ends in time, with an end of the job's own."""
    house = House(tmp_path_factory.mktemp("house"))
    gateway = SlowGateway(house, steps)
    began = house.clock.seconds

    (outcome,) = asyncio.run(house.run(gateway, house.purchases(), timeout=timeout, poll_interval=interval))

    assert house.clock.seconds - began <= timeout + OVERRUN
    assert outcome.request_id == "job-1"
    assert outcome.error is None or isinstance(outcome.error, StillRunning | NetworkError | GatewayError)
    assert isinstance(outcome.error, SeedvrError) or outcome.charge == "listed"


class SilentMedia(ScriptedGateway):
    """Its results never come."""

    def __init__(self, house: House) -> None:
        super().__init__()
        self._house = house

    @asynccontextmanager
    async def fetch(self, *_: object) -> AsyncIterator[Stream]:
        while True:
            await self._house.clock.sleep(0.1)
        yield


@pytest.mark.parametrize("timeout", [0.0, MOVING_SECONDS])
def test_a_result_that_never_comes_ends_the_waiting(house, go, monkeypatch, timeout):
    """A media server that says nothing is waited for until the deadline; the result is fetched by the same command."""
    monkeypatch.setattr(movement, "LOOK_SECONDS", 0.0)
    (outcome,) = go(SilentMedia(house), timeout=timeout, poll_interval=0.1)
    assert house.clock.seconds <= timeout + OVERRUN
    assert isinstance(outcome.error, StillRunning)
    assert (outcome.error.exit_code, outcome.charge) == (6, "listed")
    again = ScriptedGateway()
    (outcome,) = go(again)
    assert (outcome.error, len(outcome.files), again.submitted) == (None, 1, [])
