"""One odd job never stops the others: answers with anything in them, through the real client."""

import asyncio
import json

import httpx
import pytest
from fakes.scripted import PICTURE
from fakes.transport import COMPLETED, MEDIA
from helpers.house import GATEWAY, House
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from seedvr_cli.gateway.client import Gateway
from seedvr_cli.gateway.httpx_transport import HttpxTransport
from seedvr_cli.values.catalog import STATUS_PATH
from seedvr_cli.values.errors import Unforeseen
from seedvr_cli.values.events import Crashed

pytestmark = pytest.mark.slow

VIEW = {**COMPLETED, "request_id": "job-1"}
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["COMPLETED", "ERROR", "FAILED", MEDIA, "9999-12-31T23:59:59.999999Z", "0001-01-01", "http://["]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.dictionaries(st.sampled_from([*VIEW, "extra"]), ODD, max_size=3)


class Network:
    """A gateway and a media server: the first job's answers are as a test says, all others as they should be."""

    def __init__(self, body: bytes, headers: dict[str, bytes]) -> None:
        self._body = body
        self._headers = headers
        self._accepted = 0

    def __call__(self, heard: httpx.Request) -> httpx.Response:
        if heard.method == "POST":
            self._accepted += 1
            return _json(202, {"request_id": f"job-{self._accepted}", "status": "QUEUED"})
        path = heard.url.path
        if path == f"{STATUS_PATH}job-1":
            return httpx.Response(200, headers=self._headers, stream=httpx.ByteStream(self._body))
        if path.startswith(STATUS_PATH):
            return _json(200, {**VIEW, "request_id": path.removeprefix(STATUS_PATH)})
        return httpx.Response(200, stream=httpx.ByteStream(PICTURE))


def _json(status: int, value: object) -> httpx.Response:
    return httpx.Response(status, stream=httpx.ByteStream(json.dumps(value).encode()))


def outcomes(house: House, body: bytes, headers: dict[str, bytes]) -> list:
    """How twelve jobs end of which the first one's polls are answered so."""
    network = httpx.MockTransport(Network(body, headers))

    async def run() -> list:
        async with Gateway(GATEWAY, "k-0123456789", connect=lambda: HttpxTransport(network)) as gateway:
            items = house.purchases(*(f"https://example.com/{number}.png" for number in range(12)))
            return await house.run(gateway, items, jobs=1, timeout=20.0)

    return asyncio.run(run())


def check(house: House, body: bytes, headers: dict[str, bytes]) -> None:
    """The other eleven are done, and of the first one nothing is unforeseen."""
    first, *others = outcomes(house, body, headers)
    assert [outcome.error for outcome in others] == [None] * 11
    assert not isinstance(first.error, Unforeseen)
    assert not [event for event in house.events if isinstance(event, Crashed)]
    assert first.request_id == "job-1"


many = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@many
@given(FIELDS)
@example({"completed_at": "9999-12-31T23:59:59.999999Z"})
@example({"output": {"media_url": ["https://cdn.example.com/a b\x00.png", "http://[", "data:,"]}})
@example({"output": [{"url": MEDIA}]})
@example({"status": "x" * 100_000, "error": {"a": [1]}})
def test_no_field_of_a_polls_answer_stops_the_others(tmp_path_factory, fields):
    """Whatever stands in the fields of one job's answer, the other eleven are delivered."""
    check(House(tmp_path_factory.mktemp("house")), json.dumps({**VIEW, **fields}).encode(), {})


@many
@given(
    st.integers(0, 300),
    st.integers(0, 30),
    st.binary(max_size=8),
    st.dictionaries(
        st.sampled_from(["Retry-After", "Date", "Content-Type", "Content-Encoding", "Location"]),
        st.binary(max_size=8),
        max_size=2,
    ),
)
@example(0, 300, b"[" * 5000, {})
@example(0, 0, b"", {"Content-Encoding": b"gzip"})
def test_no_bytes_of_a_polls_answer_stop_the_others(tmp_path_factory, position, removed, added, headers):
    """Whatever bytes one job's answer has lost or gained, whatever its headers say, the other eleven are delivered."""
    whole = json.dumps(VIEW).encode()
    check(House(tmp_path_factory.mktemp("house")), whole[:position] + added + whole[position + removed :], headers)
