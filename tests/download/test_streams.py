"""A large file by several streams side by side: whole, of one version, and no byte fetched twice."""

import asyncio
import hashlib
import os
from dataclasses import replace
from random import Random

import pytest
from fakes.depot import Depot, Killed, Machine
from fakes.media import URL, files, picture
from helpers.machine import descriptors
from hypothesis import given, settings
from hypothesis import strategies as st

from seedvr_cli.download import movement, partial, pieces, streams
from seedvr_cli.download.download import fetch_file
from seedvr_cli.values.errors import DeliveryError, MediaGone, NoPlace, StillRunning

FILM, OTHER = picture(1, (60, 50)), picture(2, (60, 50))
ODDITIES = ["200", "403", "416", "503", "another etag", "another length", "no etag", "cut", "short", "long"]


@pytest.fixture(autouse=True, scope="module")
def _small_files():
    """Files here are large from some bytes on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "LARGE_BODY", 1000)
        patch.setattr(pieces, "LARGEST", 500)
        patch.setattr(pieces, "SMALLEST", 100)
        patch.setattr(partial, "RECORD_STEP", 400)
        patch.setattr(partial, "DIGEST_STEP", 300)
        yield


@pytest.fixture
def machine(folder):
    return Machine(folder)


def is_film(file, folder, content=FILM):
    """Whether this is the whole file, and all that is left."""
    assert not isinstance(file, BaseException), file
    assert (folder / "out.png").read_bytes() == content
    assert file.sha256 == hashlib.sha256(content).hexdigest()
    return files(folder) == ["out.png"]


def beside(how):
    """This oddity for every stream but the first."""
    return lambda number, _begin, _end: how if number else None


def test_a_large_file_comes_by_several_streams(machine, folder):
    """Four streams bring a large file, each byte once, but for what was on its way when the first one was stopped."""
    depot = Depot(FILM)
    opened = descriptors()
    assert is_film(machine.deliver(depot), folder)
    assert depot.at_once == 1 + streams.BESIDE
    assert depot.fetched <= len(FILM) + depot.chunk * len(depot.asked)
    assert all((end or len(FILM)) - begin <= pieces.LARGEST for begin, end in depot.asked[1:])
    assert machine.progress[-1] == (len(FILM), len(FILM))
    assert [done for done, _ in machine.progress] == sorted(done for done, _ in machine.progress)
    assert descriptors() == opened


@pytest.mark.parametrize("reason", ["small", "no ranges", "no ETag", "others have the turns"])
def test_one_stream_is_as_it_was(reason, machine, folder, monkeypatch):
    """A small file, or one of a server without ranges or ETags, is one request; so is one more among many."""
    depot = Depot(FILM, beside(None), has_ranges=reason != "no ranges")
    if reason == "small":
        monkeypatch.setattr(streams, "LARGE_BODY", len(FILM))
    if reason == "no ETag":
        depot.etag = None
    if reason == "others have the turns":
        monkeypatch.setattr(asyncio, "Semaphore", lambda _: _Taken())
    assert is_film(machine.deliver(depot), folder)
    assert depot.asked == [(0, None)]
    assert depot.fetched == len(FILM)
    assert machine.noted[1] is None


class _Taken:
    def locked(self):
        return True


@pytest.mark.parametrize("how", ODDITIES)
def test_streams_beside_the_first_do_no_harm(how, machine, folder):
    """Whatever a server answers to those beside it, the first stream brings the file, and of one version."""

    def answer(number, _begin, _end):
        return how if 0 < number <= streams.BESIDE else None

    depot = Depot(FILM, answer)
    assert is_film(machine.deliver(depot), folder)
    if how not in {"503", "cut", "short"}:  # which others than odd servers answer too
        assert len(depot.asked) <= 2 * (1 + streams.BESIDE)


@pytest.mark.parametrize("how", ["200", "403", "416", "503", "another etag", "another length", "no etag"])
def test_a_server_that_never_sends_a_part_costs_nothing(how, machine, folder):
    """Where the others are refused, the first stream goes on to the end as if they had never been."""
    depot = Depot(FILM, beside(how))
    assert is_film(machine.deliver(depot), folder)
    assert len(depot.asked) <= 1 + 2 * streams.BESIDE
    assert depot.fetched <= len(FILM) + depot.chunk * len(depot.asked)


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_server_that_allows_few_connections_gets_few(limit, machine, folder):
    """Where a server refuses more connections, the delivery goes on with those that it allows."""
    depot = Depot(FILM, limit=limit)
    assert is_film(machine.deliver(depot), folder)
    assert depot.at_once == limit
    assert depot.fetched <= len(FILM) + depot.chunk * len(depot.asked)


def test_a_break_of_one_is_no_break_of_the_others(machine, folder):
    """A stream that breaks after some bytes goes on where it was, and those bytes are not fetched again."""
    depot = Depot(FILM, lambda number, *_: "cut" if number % 3 == 2 else None)
    assert is_film(machine.deliver(depot), folder)
    assert depot.fetched <= len(FILM) + depot.chunk * len(depot.asked)


def test_who_is_late_writes_nothing_into_what_has_begun_again(machine, folder):
    """Where the first stream begins again with another file, what the others still bring of the old one is dropped."""
    depot = Depot(FILM, lambda number, *_: depot.change(OTHER) if number > streams.BESIDE else None)
    chunks = depot._chunks

    async def late(content, begin, stop, how):
        while begin and content == FILM and len(depot.asked) < 2 + streams.BESIDE:  # noqa: ASYNC110 - each takes turns
            await asyncio.sleep(0)
        async for chunk in chunks(content, begin, stop, how):
            yield chunk

    depot._chunks = late
    assert is_film(machine.deliver(depot), folder, OTHER)
    assert depot.asked.count((0, None)) == 1


def test_nobody_waits_for_a_slow_one(machine, folder):
    """What a stream that stands still has not brought is taken off it, piece by piece."""
    depot = Depot(FILM)
    chunks = depot._chunks

    async def slow(content, begin, stop, how):
        if len(depot.asked) == 2:
            while depot.fetched < len(FILM) - pieces.SMALLEST:  # noqa: ASYNC110 - the others take turns
                await asyncio.sleep(0)
        async for chunk in chunks(content, begin, stop, how):
            yield chunk

    depot._chunks = slow
    assert is_film(machine.deliver(depot), folder)
    assert depot.fetched <= len(FILM) + depot.chunk * len(depot.asked)


def test_a_server_that_stops_knowing_ranges_begins_again(machine, folder):
    """Where the first stream has to ask for a part and gets the whole, it takes that from its begin on, alone."""
    depot = Depot(FILM, lambda number, *_: "200" if number > streams.BESIDE else None)
    assert is_film(machine.deliver(depot), folder)
    assert depot.asked.count((0, None)) == 1
    assert machine.noted == ('"a"', None)


@pytest.mark.parametrize("at", range(500, len(FILM), 900))
def test_a_file_that_changes_is_never_mixed(at, machine, folder):
    """A file that is replaced on the server while it comes is delivered as the old one or the new one."""
    depot = Depot(FILM)

    def how(*_):
        if depot.fetched >= at:
            depot.change(OTHER)

    depot.how = how
    file = machine.deliver(depot)
    content = (folder / "out.png").read_bytes()
    assert content in {FILM, OTHER}
    assert is_film(file, folder, content)


def expiring(at):
    """A depot whose first URL expires after so many bytes."""
    depot = Depot(FILM, chunk=20)
    depot.expired = set() if at else {URL}

    def how(*_):
        if depot.fetched >= at:
            depot.expired.add(URL)

    depot.how = how
    return depot


@pytest.mark.parametrize("at", [500, 2000, 5000])
def test_a_url_that_expires_meanwhile_is_renewed(at, machine, folder):
    """Where a URL was good and is no more, its owner is asked for another, and nothing is fetched twice."""
    depot = expiring(at)
    machine.urls = [f"{URL}?signed=again"]
    assert is_film(machine.deliver(depot), folder)
    assert depot.urls[-1] == f"{URL}?signed=again"
    assert machine.urls == []
    assert depot.fetched <= len(FILM) + depot.chunk * len(depot.asked)


@pytest.mark.parametrize("urls", [[], [URL]], ids=["none", "the same"])
def test_a_url_without_another_is_gone(urls, machine, folder):
    """Where there is no other URL the delivery fails, and what came is kept."""
    machine.urls = urls
    assert type(machine.deliver(expiring(2000))) is MediaGone
    assert files(folder) == ["out.png.part"]
    assert is_film(machine.deliver(Depot(FILM)), folder)


def test_urls_that_are_never_good_end(machine, folder):
    """An owner that has ever other URLs, and none that is good, is asked no more often than breaks are endured."""
    depot = expiring(2000)
    machine.urls = [f"{URL}?{number}" for number in range(100)]
    depot.expired.update(machine.urls)
    assert isinstance(machine.deliver(depot), DeliveryError)
    assert len(machine.urls) >= 100 - streams.FRUITLESS_BREAKS


def test_a_url_that_was_never_good_is_not_renewed(machine, folder):
    """A URL that is refused before a byte came is told as it is."""
    machine.urls = [f"{URL}?signed=again"]
    assert type(machine.deliver(expiring(0))) is MediaGone
    assert len(machine.urls) == 1


def test_a_full_disk_under_any_stream_ends_the_delivery(machine, folder, monkeypatch):
    """The disk's error is the delivery's, whichever stream meets it, and what was recorded stays."""
    write, calls = os.pwrite, []

    def full(descriptor, view, at):
        calls.append(at)
        if at > 2000:
            raise OSError(28, "No space left on device")
        return write(descriptor, view, at)

    monkeypatch.setattr(os, "pwrite", full)
    assert isinstance(machine.deliver(Depot(FILM)), NoPlace)
    monkeypatch.undo()
    done = pieces.Pieces.read(machine.noted[1]).done
    assert done >= 1000
    depot = Depot(FILM)
    assert is_film(machine.deliver(depot), folder)
    assert depot.fetched <= len(FILM) - done + depot.chunk * len(depot.asked)


def test_a_disk_that_cannot_flush_ends_the_delivery(machine, folder, monkeypatch):
    """Where nothing can be flushed nothing is recorded, and no file gets its name."""
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    assert isinstance(machine.deliver(Depot(FILM)), NoPlace)
    assert machine.noted[1] is None
    assert "out.png" not in files(folder)


@pytest.mark.parametrize("after", [30, 60, 90, 120])
@pytest.mark.parametrize("power", [True, False], ids=["kill", "power"])
def test_a_later_run_fetches_only_what_is_missing(after, power, machine, folder):
    """After a kill, or a power cut, what was recorded is not fetched again, and nothing else is trusted."""
    assert isinstance(machine.deliver(Depot(FILM), die_after=after), Killed)
    if not power:
        machine.lose_power()
    recorded = pieces.Pieces.read(machine.noted[1]).done
    assert recorded >= machine.progress[-1][0] - partial.RECORD_STEP - 12 * 50  # what came while it was recorded
    depot = Depot(FILM)
    assert is_film(machine.deliver(depot), folder)
    assert depot.fetched <= len(FILM) - recorded + depot.chunk * len(depot.asked)


def test_a_delivery_that_ends_well_or_badly_has_all_of_it_recorded(machine, folder):
    """What came before a failure, or an interrupt, is recorded to the last byte."""
    depot = Depot(FILM, lambda number, *_: "503" if number > 6 else None)
    assert isinstance(machine.deliver(depot), DeliveryError)
    assert pieces.Pieces.read(machine.noted[1]).done == machine.progress[-1][0]


def test_a_whole_part_is_not_asked_for(machine, folder):
    """Where all of it is recorded, a later run asks for nothing."""
    (folder / "out.png.part").write_bytes(FILM)
    machine.noted = '"a"', f"0-{len(FILM)}/{len(FILM)}"
    depot = Depot(FILM)
    assert is_film(machine.deliver(depot), folder)
    assert depot.asked == []


def test_a_whole_part_that_is_no_whole_file_is_forgotten(machine, folder):
    """A file that its own structure gives away as cut is fetched anew by the next run."""
    (folder / "out.png.part").write_bytes(FILM[:-50])
    machine.noted = '"a"', f"0-{len(FILM) - 50}/{len(FILM) - 50}"
    assert isinstance(machine.deliver(Depot(FILM)), DeliveryError)
    assert machine.noted == (None, None)
    assert files(folder) == []
    assert is_film(machine.deliver(Depot(FILM)), folder)


@pytest.mark.parametrize(
    "record", ["0-500,900-99999/99999", "nonsense", "100-500/7000", f"0-3/{len(FILM)}", f"0-5000/{len(FILM)}"]
)
def test_a_part_that_is_not_as_recorded_begins_again(record, machine, folder):
    """A part that is shorter than what was recorded of it, or a record that nobody can read, is worth nothing."""
    (folder / "out.png.part").write_bytes(FILM[:1000])
    machine.noted = '"a"', record
    depot = Depot(FILM)
    assert is_film(machine.deliver(depot), folder)
    assert depot.asked[0] == (0, None)


def test_an_older_part_is_gone_on_with_side_by_side(machine, folder):
    """A part without pieces, as a seedvr before them left it, is a prefix; what is missing comes by several streams."""
    (folder / "out.png.part").write_bytes(FILM[:1500])
    machine.noted = '"a"', None
    depot = Depot(FILM)
    assert is_film(machine.deliver(depot), folder)
    assert depot.at_once > 1
    assert depot.fetched <= len(FILM) - 1500 + depot.chunk * len(depot.asked)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 1 << 32))
def test_whatever_happens_the_file_is_the_file(tmp_path_factory, seed):
    """Odd answers, breaks, kills and power cuts in any order: the file is the server's, and known bytes stay known."""
    dice = Random(seed)
    folder = tmp_path_factory.mktemp("odd")
    machine = Machine(folder)
    for _ in range(dice.randint(0, 4)):
        share = dice.random()
        depot = Depot(
            FILM, lambda *_, share=share: dice.choice(ODDITIES) if dice.random() < share else None,
            has_ranges=dice.random() < 0.9, limit=dice.choice([1, 2, 99]), chunk=dice.choice([7, 50, 400]),
        )  # fmt: skip
        outcome = machine.deliver(depot, die_after=dice.choice([None, dice.randint(0, 150)]))
        if files(folder) == ["out.png"]:
            assert is_film(outcome, folder)
            return
        if dice.random() < 0.3:
            if machine.noted[1] is None:  # one stream flushes nothing before its end
                machine.noted = None, None
            machine.lose_power()
    etag, record = machine.noted
    noted = pieces.Pieces.read(record) if etag and record else None
    # What came of an answer that lied about the length is worth nothing.
    known = noted.done if noted is not None and noted.total == len(FILM) else 0
    depot = Depot(FILM)
    assert is_film(machine.deliver(depot), folder)
    assert depot.fetched <= len(FILM) - known + depot.chunk * len(depot.asked)


def late(machine, depot):
    """A delivery behind its deadline, by the depot's clock."""
    hooks = replace(machine.hooks, deadline=0.0, now=lambda: depot.seconds)
    return asyncio.run(fetch_file(URL, depot.fetch, hooks))[0]


@pytest.mark.parametrize("beside", [0, streams.BESIDE])
@pytest.mark.parametrize(("how", "pace"), [("silent", 0.0), ("drip", 20.0)])
def test_what_does_not_move_is_ended_behind_the_deadline(beside, how, pace, machine, folder, monkeypatch):
    """Behind the deadline a server that sends nothing more ends the waiting, and a later run goes on."""
    monkeypatch.setattr(streams, "BESIDE", beside)
    monkeypatch.setattr(movement, "LOOK_SECONDS", 0.0)
    with pytest.raises(StillRunning, match="hardly a byte"):
        late(machine, Depot(FILM, lambda *_: how, pace=pace))
    came, _ = machine.progress[-1]
    assert files(folder) == ["out.png.part"]
    later = Depot(FILM)
    assert is_film(machine.deliver(later), folder)
    assert 0 < came <= len(FILM) - later.fetched + later.chunk * len(later.asked)


@pytest.mark.parametrize("beside", [0, streams.BESIDE])
def test_what_moves_goes_on_behind_the_deadline(beside, machine, folder, monkeypatch):
    """A file that comes at a speed that makes sense is whole, however late."""
    monkeypatch.setattr(streams, "BESIDE", beside)
    monkeypatch.setattr(movement, "LOOK_SECONDS", 0.0)
    depot = Depot(FILM, pace=0.02)
    assert is_film(late(machine, depot), folder)
    assert depot.seconds > movement.MOVING_SECONDS
