"""The public face for Python, against a gateway on this machine."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.gateway import Reply
from helpers.command import KEY
from helpers.waiting import wait_for

import seedvr_cli
from seedvr_cli import Client, Problem, UsageError, upscale

URLS = [f"https://example.com/{number}/photo.jpg" for number in range(4)]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder to work in and a home of its own, without settings of the developer's."""
    for name in ("SEEDVR_API_KEY", "PIXAZO_API_KEY", "SEEDVR_BASE_URL", "SEEDVR_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SEEDVR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


def client(fake, **more) -> Client:
    return Client(**{"api_key": KEY, "base_url": fake.url, "poll_interval": 0.05, **more})


async def gather(iterator) -> list:
    return [one async for one in iterator]


def test_many_sources_come_as_they_are_done(gateway, place):
    """Every source has one result, with its file on disk, its price and what was asked for."""
    fake = gateway()

    async def run():
        async with client(fake, jobs=2, output="big/") as session:
            return await gather(session.upscale(URLS, scale=2))

    results = asyncio.run(run())
    assert sorted(result.source for result in results) == URLS
    assert {Path(result.files[0].path).parent.name for result in results} == {"big"}
    assert all(Path(result.files[0].path).stat().st_size == result.files[0].bytes for result in results)
    assert {(result.charge, result.price_usd, result.status, result.resumed) for result in results} == {
        ("listed", 0.001, "COMPLETED", False)
    }
    assert {tuple(result.params.items()) for result in results} == {(("upscale_factor", 2),)}


def test_tags_are_a_calls_and_a_sources(gateway, place):
    """Tags of the call and of a source stand in the names, and in the ledger."""

    async def run():
        async with client(gateway(), output="{tag}-{index}{ext}") as session:
            sources = [URLS[0], {"source": URLS[1], "tag": ["b", "c"]}]
            return await gather(session.upscale(sources, tag="a"))

    assert sorted(Path(result.files[0].path).name for result in asyncio.run(run())) == ["a-1.png", "a-b-c-2.png"]


@pytest.mark.parametrize("form", ["one", "list", "generator", "asynchronous", "mappings", "paths"])
def test_sources_in_every_form(gateway, place, photo, form):
    """A URL, a path, a mapping with options of its own, and any iterable of these are sources."""

    async def later() -> AsyncIterator[str]:
        for url in URLS:
            await asyncio.sleep(0)
            yield url

    sources = {
        "one": URLS[0],
        "list": URLS,
        "generator": (url for url in URLS),
        "asynchronous": later(),
        "mappings": [{"source": URLS[0], "scale": 4}, {"source": URLS[0], "scale": 3, "output": "other/"}],
        "paths": [photo],
    }[form]
    fake = gateway()

    async def run():
        async with client(fake) as session:
            return await gather(session.upscale(sources))

    results = asyncio.run(run())
    assert [result.error for result in results] == [None] * {"one": 1, "mappings": 2, "paths": 1}.get(form, 4)
    if form == "mappings":
        assert sorted(result.params["upscale_factor"] for result in results) == [3, 4]
        assert sorted(result.files[0].path for result in results) == ["other/photo-3x.png", "photo-4x.png"]


def test_what_goes_wrong_with_one_source_is_its_own(gateway):
    """A bad source and a refused one are results with an error, and the others are done."""
    fake = gateway(
        lambda heard: (
            Reply(400, {"error": "Bad Request"}) if heard.method == "POST" and heard.source == URLS[1] else None
        )
    )

    async def run():
        async with client(fake) as session:
            return await gather(session.upscale([URLS[0], URLS[1], "ftp://example.com/a.png", {"scale": 2}]))

    by_code = {result.error.code if result.error else None: result for result in asyncio.run(run())}
    assert by_code.keys() == {None, "refused", "bad_line"}
    problem = by_code["refused"].error
    assert isinstance(problem, Problem)
    assert (problem.exit_code, "HTTP 400" in problem.message) == (1, True)
    assert by_code["refused"].charge == "none"


def test_a_result_says_which_source_it_is_of(gateway):
    """`number` counts the sources of a call, whatever they are and in whatever order they end."""
    fake = gateway()
    odd = [URLS[1], None, {"source": 7}, {"source": URLS[0], "param": {"a": object()}}, b"bytes", {5: 3, "source": "x"}]
    odd += [URLS[0], URLS[1]]

    async def run():
        async with client(fake) as session:
            return await gather(session.upscale(odd))

    results = {result.number: result for result in asyncio.run(run())}
    assert sorted(results) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert {number: results[number].source for number in (1, 7, 8)} == {1: URLS[1], 7: URLS[0], 8: URLS[1]}
    assert [number for number, result in sorted(results.items()) if result.error] == [2, 3, 4, 5, 6]
    assert {results[number].error.code for number in range(2, 7)} == {"bad_line"}
    assert len(fake.posts()) == 2
    assert upscale(URLS[:1], api_key=KEY, base_url=fake.url)[0].number == 1


@pytest.mark.slow
def test_a_program_shares_the_ledger_of_machines(gateway, postgres_server, monkeypatch, tmp_path):
    """With SEEDVR_LEDGER_URL a program on another machine attaches; where that is away, each source says so."""
    fake, found = gateway(), []
    monkeypatch.setenv("SEEDVR_LEDGER_URL", postgres_server.database())
    for machine in ("a", "b"):
        monkeypatch.setenv("SEEDVR_HOME", str(tmp_path / machine))
        found.append(upscale(URLS, api_key=KEY, base_url=fake.url, poll_interval=0.05, output=f"{machine}/"))
    assert [[result.error for result in results] for results in found] == [[None] * 4] * 2
    assert [[result.resumed for result in results] for results in found] == [[False] * 4, [True] * 4]
    assert len(fake.posts()) == 4
    monkeypatch.setattr("seedvr_cli.ledger.postgres_link.PATIENCE", 0.1)
    monkeypatch.setenv("SEEDVR_LEDGER_URL", "postgresql://127.0.0.1:1/none")
    monkeypatch.setenv("SEEDVR_HOME", str(tmp_path / "c"))
    away = upscale(URLS, api_key=KEY, base_url=fake.url, poll_interval=0.05)
    assert {(result.error.code, result.charge) for result in away} == {("ledger", "none")}
    assert len(fake.posts()) == 4


def test_the_same_again_costs_nothing(gateway):
    """A second client, and the blocking function, find what the first has paid for."""
    fake = gateway()

    async def run():
        async with client(fake) as session:
            return await gather(session.upscale(URLS[:2]))

    first = asyncio.run(run())
    again = upscale(URLS[:2], api_key=KEY, base_url=fake.url, poll_interval=0.05)
    assert len(fake.posts()) == 2
    assert [result.source for result in again] == URLS[:2]
    assert [result.resumed for result in again] == [True, True]
    assert {result.files for result in again} == {result.files for result in first}


def test_the_command_line_and_a_program_share_the_ledger(gateway, bench, monkeypatch, place):
    """What the command has paid for, a program attaches to, and the other way round."""
    fake = gateway()
    monkeypatch.setenv("SEEDVR_HOME", str(bench.home))
    assert bench.run("image", URLS[0], to=fake, cwd=place).rc == 0
    results = upscale(URLS[:2], api_key=KEY, base_url=fake.url, poll_interval=0.05)
    assert [result.resumed for result in results] == [True, False]
    done = bench.run("image", URLS[1], "--json", to=fake, cwd=place)
    assert (done.object["resumed"], len(fake.posts())) == (True, 2)


def test_blocking_results_are_in_order(gateway):
    """However long each takes, the results are in the order of the sources."""
    polls: dict[str, int] = {}

    def script(heard):
        if heard.path.startswith("/v2/") and heard.source:
            polls[heard.source] = polls.get(heard.source, 0) + 1
            if polls[heard.source] <= 3 - URLS.index(heard.source):
                return fake.view(heard, "PROCESSING")
        return None

    fake = gateway(script)
    results = upscale(URLS, model="3b", target="2160p", output="{index}{ext}", api_key=KEY, base_url=fake.url,
                      poll_interval=0.05)  # fmt: skip
    assert [result.source for result in results] == URLS
    assert [result.files[0].path for result in results] == ["1.png", "2.png", "3.png", "4.png"]
    assert {result.endpoint for result in results} == {"3b-image"}


def test_a_sources_own_format_is_seen_first(gateway, origin, photo):
    """`format="same"` is each source's own, of a file and of a URL; one that cannot be seen is its result's error."""
    fake, url, gone = gateway(), origin.put("/a", photo.read_bytes()), f"{origin.url}/gone"
    results = upscale([photo, url, gone], format="same", api_key=KEY, base_url=fake.url, poll_interval=0.05)
    assert [result.params["output_format"] for result in results[:2]] == ["jpeg", "jpeg"]
    assert [result.error and result.error.code for result in results] == [None, None, "source"]
    assert len(fake.posts()) == 2


def test_the_budget_is_in_dollars(gateway):
    """`max_cost` is what a call may cost by the list; what it does not pay for is not submitted."""
    fake = gateway()
    results = upscale(URLS, max_cost=0.002, api_key=KEY, base_url=fake.url, poll_interval=0.05, jobs=1)
    assert len(fake.posts()) == 2
    assert [result.error.code if result.error else None for result in results].count("max_cost") == 2


def test_status_and_download(gateway, place):
    """A job is asked for by its id, also one of another machine, and its result delivered."""
    fake = gateway()
    fake.accept(URLS[0])

    async def run():
        async with client(fake) as session:
            seen = await session.status(["fake_1", "nobody"])
            fetched = await gather(session.download(["fake_1"], output="late/"))
            left = await gather(session.download())
            return seen, fetched, left

    (known, unknown), (fetched,), left = asyncio.run(run())
    assert (known.status, known.error) == ("COMPLETED", None)
    assert (unknown.error.code, unknown.request_id) == ("refused", "nobody")
    assert Path(fetched.files[0].path).parent.name == "late"
    assert left == []


@pytest.mark.parametrize("way", ["cancelled", "left", "broken off"])
def test_a_run_that_is_ended_early_pays_nothing_twice(gateway, way):
    """Cancelling the task, leaving the block and breaking off end a run as Ctrl-C does: the next call goes on."""
    fake = gateway(lambda heard: fake.view(heard, "PROCESSING") if heard in fake.polls() and not done else None)
    done: list[bool] = []

    async def begin() -> None:
        async with client(fake, jobs=2) as session:
            async for result in session.upscale(URLS):
                raise AssertionError(result)

    async def cancelled() -> None:
        task = asyncio.create_task(begin())
        await asyncio.to_thread(wait_for, fake.polls)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def left() -> None:
        async with client(fake, jobs=2) as session:
            results = aiter(session.upscale(URLS))
            waiting = asyncio.create_task(anext(results))
            await asyncio.to_thread(wait_for, fake.polls)
        with contextlib.suppress(StopAsyncIteration, asyncio.CancelledError):
            await waiting

    async def broken_off() -> None:
        done.append(True)
        async with client(fake, jobs=1) as session:
            async for result in session.upscale(URLS):
                assert result.error is None
                break

    asyncio.run({"cancelled": cancelled, "left": left, "broken off": broken_off}[way]())
    before = len(fake.posts())
    assert before < len(URLS) or way == "broken off"
    done.append(True)
    results = upscale(URLS, api_key=KEY, base_url=fake.url, poll_interval=0.05)
    assert [result.error for result in results] == [None] * 4
    assert len(fake.posts()) == len(URLS)


def test_the_sandbox_needs_no_key(photo):
    """`sandbox=True` upscales for real, without a key."""
    (result,) = upscale(photo, scale=2, sandbox=True)
    assert (result.files[0].width, result.files[0].height) == (960, 640)


def test_wrong_values_are_told_before_anything_is_sent(gateway):
    """A wrong option, a wrong value and a missing key are raised, each with its hint, and nothing is submitted."""
    fake = gateway()
    how = {"api_key": KEY, "base_url": fake.url}
    for wrong in ({"scale": 99}, {"sclae": 2}, {"model": "9b"}, {"jobs": 0}, {"timeout": "soon"}, {"output": "-"},
                  {"output": "{stem}/../{steem}"}, {"kind": "audio"}, {"param": {"a": object()}}):  # fmt: skip
        with pytest.raises(UsageError):
            upscale(URLS, **how, **wrong)
    with pytest.raises(UsageError):
        upscale(URLS, api_key=KEY, base_url="http://example.com")
    with pytest.raises(seedvr_cli.KeyMissing, match="no API key"):
        upscale(URLS, base_url=fake.url)
    assert fake.posts() == []


def test_a_client_is_used_within_its_block():
    """Outside of `async with` a client says so."""

    async def run():
        await gather(Client(sandbox=True).upscale(URLS))

    with pytest.raises(RuntimeError, match="async with"):
        asyncio.run(run())


def test_who_has_an_event_loop_is_told_what_to_use(gateway):
    """In a notebook the blocking call is a usage error that names the other one, and nothing is sent."""
    fake = gateway()

    async def notebook():
        upscale(URLS, base_url=fake.url, api_key=KEY)

    with pytest.raises(UsageError, match="notebook") as caught:
        asyncio.run(notebook())
    assert "Client" in caught.value.hint
    assert fake.heard == []
