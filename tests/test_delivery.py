"""A media URL becomes a file: whole and checked under its name, or not at all."""

import asyncio
import base64
import errno
import hashlib
import io
import os
import re
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from seedvr_cli.download import partial as delivery
from seedvr_cli.download.download import FRUITLESS_BREAKS, decode_data_uri, deliver, read_file
from seedvr_cli.download.flush import Disk
from seedvr_cli.download.partial import Destination, Hooks
from seedvr_cli.download.recover import recover
from seedvr_cli.gateway.aiohttp_transport import AiohttpTransport
from seedvr_cli.gateway.client import Gateway
from seedvr_cli.gateway.httpx_transport import HttpxTransport
from seedvr_cli.values.answer import Stream
from seedvr_cli.values.errors import DeliveryError, NetworkError, RangeRefused
from seedvr_cli.values.media import EXTENSIONS
from seedvr_cli.values.schedule import LONGEST_BACKOFF

URL = "https://cdn.example/output.png"
# Waits after which a delivery that should have been given up counts as endless.
ENDLESS = 50
# Seconds after which a test that waits for something has failed; none takes anywhere near as long.
PATIENCE = 30
HTML = b"<!DOCTYPE html><html><body><h1>Sign in to the hotel's network</h1>" + b"<p>please</p>" * 20


def picture(seed=0, size=(40, 30), form="PNG"):
    """A picture of its own for each seed, of some kilobytes."""
    file = io.BytesIO()
    pixels = hashlib.shake_128(str(seed).encode()).digest(size[0] * size[1] * 3)
    Image.frombytes("RGB", size, pixels).save(file, form)
    return file.getvalue()


PNG, OTHER, JPEG = picture(1), picture(2), picture(1, form="JPEG")


class Endless(Exception):
    """A delivery that goes on for ever."""


class Owner:
    """What a delivery asks of its owner: names in a folder, and notes of all that it is told."""

    def __init__(self, folder, *, overwrite=False):
        self.folder = folder
        self.overwrite = overwrite
        self.placed = []
        self.etags = []
        self.progress = []
        self.pauses = []

    @property
    def hooks(self):
        return Hooks(self.place, self.note_etag, self.note_progress, self.pause, lambda: 1.0, Disk())

    async def place(self, media_type):
        number = 1
        while True:
            name = f"out{EXTENSIONS[media_type]}" if number == 1 else f"out-{number}{EXTENSIONS[media_type]}"
            path = str(self.folder / name)
            if self.overwrite or not os.path.lexists(path):
                self.placed.append(name)
                return Destination(path, self.overwrite)
            number += 1

    async def note_etag(self, path, etag):
        assert os.path.exists(f"{path}.part")
        self.etags.append((os.path.basename(path), etag))

    def note_progress(self, done, total):
        self.progress.append((done, total))

    async def pause(self, seconds):
        assert 0 <= seconds <= LONGEST_BACKOFF
        self.pauses.append(seconds)
        if len(self.pauses) > ENDLESS:
            raise Endless


class Server:
    """A `Fetch` by hand: one answer after the other, the last one again and again. `asked` are offset and ETag."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    @asynccontextmanager
    async def fetch(self, _url, offset=0, etag=None):
        self.asked.append((offset, etag))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        yield answer(offset, etag)


def body(content, *, etag=None, total=-1, offset=0, chunk=100, then=None):
    """A stream of these bytes in pieces, which then breaks with `then`. `total` -1 is the bytes' own number."""

    async def chunks():
        for start in range(0, len(content), chunk):
            yield content[start : start + chunk]
        if then is not None:
            raise then

    return lambda _offset, _etag: Stream(offset, offset + len(content) if total == -1 else total, etag, chunks())


def cut(content, at, *, etag=None):
    """A body that breaks after so many bytes."""
    return body(content[:at], etag=etag, total=len(content), then=NetworkError("the download broke: cut"))


def served(content, etag, *, at=()):
    """A server that knows ranges, and breaks once at each of these bytes."""
    cuts = list(at)

    def answer(offset, asked):
        begin = offset if asked == etag else 0
        end = cuts.pop(0) if cuts else len(content)
        then = NetworkError("cut") if end < len(content) else None
        return body(content[begin:end], etag=etag, offset=begin, total=len(content), then=then)(offset, asked)

    return answer


def delivered(owner, *answers, resume=None, etag=None, url=URL):
    """The delivered file, or the exception; the server comes second."""
    server = Server(*answers)

    async def run():
        return (await deliver(url, server.fetch, owner.hooks, resume=resume, etag=etag))[0]

    try:
        return asyncio.run(run()), server
    except DeliveryError as error:
        return error, server


@pytest.fixture(autouse=True, scope="module")
def _long_bodies():
    """The bodies here are to be written as they come, as long ones are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivery, "SHORT_BODY", 0)
        yield


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "results"
    made.mkdir()
    return made


@pytest.fixture
def owner(folder):
    return Owner(folder)


def files(folder):
    return sorted(os.listdir(folder))


# A whole body.


def test_a_body_becomes_a_file(owner, folder):
    """A whole body stands under its name alone, and is described by its bytes, digest, type and size."""
    file, server = delivered(owner, body(PNG, etag='"a"'))
    assert files(folder) == ["out.png"]
    assert (folder / "out.png").read_bytes() == PNG
    assert (file.path, file.bytes) == (str(folder / "out.png"), len(PNG))
    assert file.sha256 == hashlib.sha256(PNG).hexdigest()
    assert (file.media_type, file.width, file.height) == ("image/png", 40, 30)
    assert server.asked == [(0, None)]
    assert owner.pauses == []


def test_the_name_is_after_the_bytes(owner, folder):
    """What the bytes are decides the ending of the name, not what the URL ends in."""
    file, _ = delivered(owner, body(JPEG), url="https://cdn.example/output.png")
    assert (file.media_type, files(folder)) == ("image/jpeg", ["out.jpg"])


def test_the_time_of_change_is_that_of_the_file(owner, folder):
    """What is recorded of a file's time is what the file has under its name."""

    async def run():
        return await deliver(URL, Server(body(PNG)).fetch, owner.hooks)

    _, mtime_ns = asyncio.run(run())
    assert os.stat(folder / "out.png").st_mtime_ns == mtime_ns


@pytest.mark.parametrize("chunk", [1, 7, 63, 64, 65, 10**6])
def test_the_pieces_do_not_matter(chunk, owner, folder):
    """In whatever pieces a body comes, even byte by byte, the file is the same."""
    file, _ = delivered(owner, body(PNG, chunk=chunk))
    assert (folder / "out.png").read_bytes() == PNG
    assert file.sha256 == hashlib.sha256(PNG).hexdigest()
    assert owner.placed == ["out.png"]


def test_a_very_short_file_is_a_file(owner, folder):
    """A file shorter than the bytes that tell its type is delivered like any other."""
    gif = b"GIF89a\x01\0\x01\0\0\0\0;"
    file, _ = delivered(owner, body(gif))
    assert (file.bytes, (folder / "out.gif").read_bytes()) == (len(gif), gif)


def test_progress_is_told(owner):
    """Progress counts the bytes that are on disk, up to the whole."""
    delivered(owner, body(PNG))
    counts = [done for done, _ in owner.progress]
    assert counts == sorted(counts)
    assert owner.progress[-1] == (len(PNG), len(PNG))


def test_folders_are_made(tmp_path):
    """Folders of the name that are not there are made."""
    owner = Owner(tmp_path / "a" / "b")
    file, _ = delivered(owner, body(PNG))
    assert file.path == str(tmp_path / "a" / "b" / "out.png")
    assert os.path.isfile(file.path)


def test_the_name_is_recorded_before_the_part_is_made(owner, folder):
    """The owner is asked for the name before anything of it is on disk."""
    seen = []
    place = owner.place

    async def watching(media_type):
        seen.append(files(folder))
        return await place(media_type)

    async def run():
        await deliver(URL, Server(body(PNG)).fetch, replace(owner.hooks, place=watching))

    asyncio.run(run())
    assert seen == [[]]


# No half file.


def test_no_half_file_is_seen_under_the_name(owner, folder):
    """At every moment of a delivery the name is either not there or the whole file."""
    seen = []

    def look(*_):
        seen.append((folder / "out.png").exists() and (folder / "out.png").read_bytes() != PNG)

    async def run():
        hooks = replace(owner.hooks, progress=look)
        await deliver(URL, Server(served(PNG, '"a"', at=[300, 900])).fetch, hooks)

    asyncio.run(run())
    assert len(seen) > 5
    assert not any(seen)


BROKEN = {
    "HTML": ([body(HTML)], "no picture and no video"),
    "JSON": ([body(b'{"error": "gone"}')], "no picture and no video"),
    "nothing": ([body(b"")], "empty body"),
    "nothing without a length": ([body(b"", total=None)], "empty body"),
    "shorter than its length": ([body(PNG[:500], total=len(PNG), etag='"a"')], "sent 500 of"),
    "longer than its length": ([body(PNG, total=500, etag='"a"')], "of 500 bytes"),
    "cut, without a length": ([body(PNG[:500], total=None)], "ends before the file does"),
    "refused": ([DeliveryError("HTTP 403")], "HTTP 403"),
    "cut for ever": ([cut(PNG, 300, etag='"a"')], "cut"),
    "never there": ([NetworkError("refused")], "refused"),
}


@pytest.mark.parametrize(("answers", "says"), BROKEN.values(), ids=BROKEN)
def test_a_body_that_is_no_whole_file_gets_no_name(answers, says, owner, folder):
    """An error page, an empty, short, long or cut body is a failed delivery, and never stands under the name."""
    error, _ = delivered(owner, *answers)
    assert isinstance(error, DeliveryError)
    assert says in error.message
    assert set(files(folder)) <= {"out.png.part"}


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    st.lists(st.integers(0, len(PNG) - 1), max_size=4), st.booleans(), st.booleans(), st.sampled_from([1, 50, 333]),
    st.sampled_from([0, 600, len(PNG)]),
)  # fmt: skip
def test_whatever_breaks_the_file_is_right(tmp_path_factory, monkeypatch, cuts, ranges, tagged, chunk, short):
    """Wherever and however often a connection breaks, what gets the name is the whole file, byte for byte."""
    monkeypatch.setattr(delivery, "SHORT_BODY", short)
    folder = tmp_path_factory.mktemp("cut")
    etag = '"a"' if tagged else None
    left = list(cuts)

    def answer(offset, asked):
        begin = offset if ranges and asked and asked == etag else 0
        end = max(left.pop(0), begin) if left else len(PNG)
        then = NetworkError("cut") if end < len(PNG) else None
        return body(PNG[begin:end], etag=etag, offset=begin, total=len(PNG), then=then, chunk=chunk)(offset, asked)

    file, _ = delivered(Owner(folder), answer)
    assert not isinstance(file, DeliveryError)
    assert (folder / "out.png").read_bytes() == PNG
    assert file.sha256 == hashlib.sha256(PNG).hexdigest()
    assert files(folder) == ["out.png"]


def test_a_short_body_is_written_at_its_end(owner, folder, monkeypatch):
    """Until a short body is whole there is no file; after a break the rest is asked for all the same."""
    monkeypatch.setattr(delivery, "SHORT_BODY", len(PNG))
    seen = []
    monkeypatch.setattr(owner, "note_progress", lambda done, total: seen.append(files(folder)))
    file, server = delivered(owner, served(PNG, '"a"', at=[500]))
    assert seen
    assert set(map(tuple, seen)) == {()}
    assert server.asked == [(0, None), (500, '"a"')]
    assert owner.etags == []  # there is no part that a later run could resume
    assert (folder / "out.png").read_bytes() == PNG
    assert file.sha256 == hashlib.sha256(PNG).hexdigest()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_body_without_a_length_is_checked_by_its_structure(form, owner, folder):
    """Where the server tells no length, the picture's own end says whether it is whole."""
    content = picture(3, form=form)
    file, _ = delivered(owner, body(content, total=None))
    assert file.bytes == len(content)
    assert files(folder) == [f"out{EXTENSIONS[file.media_type]}"]
    error, _ = delivered(Owner(folder / "cut"), body(content[:-10], total=None))
    assert "ends before the file does" in error.message


# Taken up again, within a run.


def test_a_break_is_resumed_by_range(owner, folder):
    """After a break the rest is asked for from the first missing byte, on the condition of the ETag."""
    file, server = delivered(owner, served(PNG, '"a"', at=[500, 1200]))
    assert server.asked == [(0, None), (500, '"a"'), (1200, '"a"')]
    assert (folder / "out.png").read_bytes() == PNG
    assert file.sha256 == hashlib.sha256(PNG).hexdigest()
    assert owner.etags == [("out.png", '"a"')]
    assert len(owner.pauses) == 2


def test_a_short_body_is_a_break(owner, folder):
    """A body that ends before its length, without an error, is taken up again too."""
    first = body(PNG[:500], etag='"a"', total=len(PNG))
    _, server = delivered(owner, first, served(PNG, '"a"'))
    assert server.asked == [(0, None), (500, '"a"')]
    assert (folder / "out.png").read_bytes() == PNG


def test_another_etag_begins_again(owner, folder):
    """Where the file changed in between, the server sends it whole, and nothing of the old one stays."""
    _, server = delivered(owner, cut(PNG, 500, etag='"a"'), served(OTHER, '"b"', at=[700]))
    assert server.asked == [(0, None), (500, '"a"'), (700, '"b"')]
    assert (folder / "out.png").read_bytes() == OTHER
    assert owner.etags == [("out.png", '"a"'), ("out.png", '"b"')]


def test_without_an_etag_a_break_begins_again(owner, folder):
    """Without an ETag nothing says that the rest is of the same file, so all of it is fetched again."""
    _, server = delivered(owner, cut(PNG, 500), body(OTHER))
    assert server.asked == [(0, None), (0, None)]
    assert (folder / "out.png").read_bytes() == OTHER


def test_a_server_without_ranges_begins_again(owner, folder):
    """A server that ignores the range and sends the whole file is understood."""
    _, server = delivered(owner, cut(PNG, 500, etag='"a"'), body(PNG, etag='"a"'))
    assert server.asked == [(0, None), (500, '"a"')]
    assert (folder / "out.png").read_bytes() == PNG


def test_bytes_without_an_etag_are_not_resumed_on_an_older_one(owner, folder):
    """An ETag is forgotten with the bytes that it belonged to."""
    answers = [cut(PNG, 500, etag='"a"'), cut(OTHER, 700), served(OTHER, None)]
    _, server = delivered(owner, *answers)
    assert server.asked == [(0, None), (500, '"a"'), (0, None)]
    assert (folder / "out.png").read_bytes() == OTHER


def test_a_range_that_is_refused_begins_again(owner, folder):
    """After a 416 the file is fetched from its beginning."""
    _, server = delivered(owner, cut(PNG, 500, etag='"a"'), RangeRefused("416"), body(PNG, etag='"a"'))
    assert server.asked == [(0, None), (500, '"a"'), (0, None)]
    assert (folder / "out.png").read_bytes() == PNG


def test_a_range_that_is_refused_from_the_first_byte_is_the_end(owner, folder):
    """A 416 for the whole file cannot be helped."""
    error, server = delivered(owner, RangeRefused("416"))
    assert isinstance(error, DeliveryError)
    assert server.asked == [(0, None)]
    assert files(folder) == []


def test_breaks_without_progress_end(owner, folder):
    """A connection that keeps breaking without a new byte is given up after some tries, with waits that grow."""
    error, server = delivered(owner, NetworkError("refused"))
    assert isinstance(error, DeliveryError)
    assert len(server.asked) == FRUITLESS_BREAKS
    assert owner.pauses == [0.5, 1, 2, 4]
    assert files(folder) == []


def test_a_break_with_progress_forgives_those_before(owner, folder):
    """New bytes set the count of fruitless breaks back, and the waits with it."""
    refused = [NetworkError("refused")] * (FRUITLESS_BREAKS - 2)
    answers = [*refused, cut(PNG, 500, etag='"a"'), *refused, served(PNG, '"a"')]
    delivered(owner, *answers)
    assert (folder / "out.png").read_bytes() == PNG
    assert owner.pauses == [0.5, 1, 2, 0.5, 1, 2, 4]


def test_breaks_with_progress_go_on(owner, folder):
    """As long as each try brings new bytes, a delivery goes on however often it breaks."""
    steps = list(range(100, len(PNG), 100))
    assert len(steps) > 3 * FRUITLESS_BREAKS
    delivered(owner, served(PNG, '"a"', at=steps))
    assert (folder / "out.png").read_bytes() == PNG
    assert set(owner.pauses) == {0.5}


@pytest.mark.parametrize("answer", [cut(PNG, 500), body(PNG[:500], total=len(PNG)), body(PNG, total=500)],
                         ids=["cut", "short", "long"])  # fmt: skip
def test_breaking_at_the_same_byte_for_ever_ends(answer, owner, folder):
    """A server without ETags that always breaks at the same byte makes no progress, and is given up."""
    error, _ = delivered(owner, answer)
    assert isinstance(error, DeliveryError)
    assert "out.png" not in files(folder)


# Taken up again, from an earlier run.


def left_behind(folder, content, name="out.png"):
    """The destination of an earlier run that got so far."""
    (folder / f"{name}.part").write_bytes(content)
    return Destination(str(folder / name))


def test_an_earlier_runs_part_is_resumed(owner, folder):
    """What an earlier run left is kept, and only the rest is fetched, with the ETag that was recorded."""
    begun = left_behind(folder, PNG[:700])
    file, server = delivered(owner, served(PNG, '"a"'), resume=begun, etag='"a"')
    assert server.asked == [(700, '"a"')]
    assert (folder / "out.png").read_bytes() == PNG
    assert file.sha256 == hashlib.sha256(PNG).hexdigest()
    assert files(folder) == ["out.png"]
    assert owner.placed == []


def test_a_changed_file_replaces_an_earlier_runs_part(owner, folder):
    """Where the ETag no longer holds, nothing of the earlier run's bytes stays, not even behind the end."""
    begun = left_behind(folder, PNG + b"x" * 5000)
    _, server = delivered(owner, served(OTHER, '"b"'), resume=begun, etag='"a"')
    assert server.asked == [(len(PNG) + 5000, '"a"')]
    assert (folder / "out.png").read_bytes() == OTHER
    assert owner.etags == [("out.png", '"b"')]


def test_a_part_without_an_etag_begins_again(owner, folder):
    """Without a recorded ETag an earlier run's bytes cannot be trusted, and its name is used again."""
    begun = left_behind(folder, PNG[:700])
    _, server = delivered(owner, body(OTHER), resume=begun)
    assert server.asked == [(0, None)]
    assert (folder / "out.png").read_bytes() == OTHER
    assert owner.placed == []


def test_a_part_that_is_gone_begins_again(owner, folder):
    """A part that somebody removed is fetched from its beginning, under a name that is chosen anew."""
    _, server = delivered(owner, body(PNG), resume=Destination(str(folder / "gone.png")), etag='"a"')
    assert server.asked == [(0, None)]
    assert owner.placed == ["out.png"]


@pytest.mark.parametrize("content", [b"", b"\x89PN", HTML], ids=["empty", "short", "HTML"])
def test_a_part_that_is_no_picture_begins_again(content, owner, folder):
    """A part that does not begin like a picture is written over."""
    begun = left_behind(folder, content)
    _, server = delivered(owner, served(PNG, '"a"'), resume=begun, etag='"a"')
    assert server.asked[0][0] == 0
    assert (folder / "out.png").read_bytes() == PNG


def test_a_part_that_is_whole_gets_its_name(owner, folder):
    """A part to which nothing is missing becomes the file, whatever the server says to a range behind its end."""
    for answers in ([RangeRefused("416"), body(PNG, etag='"a"')], [body(b"", etag='"a"', offset=len(PNG))]):
        begun = left_behind(folder, PNG)
        file, server = delivered(owner, *answers, resume=begun, etag='"a"')
        assert server.asked[0] == (len(PNG), '"a"')
        assert (folder / "out.png").read_bytes() == PNG
        assert file.sha256 == hashlib.sha256(PNG).hexdigest()
        os.unlink(folder / "out.png")


def test_what_came_stays_for_the_next_run(owner, folder):
    """The bytes of a delivery that failed stay in its part, for the same command to go on from."""
    left = [NetworkError("gone")] * (FRUITLESS_BREAKS + 1)
    error, _ = delivered(owner, cut(PNG, 500, etag='"a"'), *left)
    assert isinstance(error, DeliveryError)
    assert files(folder) == ["out.png.part"]
    assert (folder / "out.png.part").read_bytes() == PNG[:500]
    file, server = delivered(owner, served(PNG, '"a"'), resume=Destination(str(folder / "out.png")), etag='"a"')
    assert server.asked == [(500, '"a"')]
    assert file.bytes == len(PNG)


def test_a_delivery_that_is_cancelled_leaves_its_part(owner, folder):
    """An interrupt in the middle of a body keeps the bytes that came, closes the file and makes no name."""
    opened = _descriptors()

    async def run():
        arrived = asyncio.Event()

        async def chunks():
            yield PNG[:500]
            arrived.set()
            await asyncio.Event().wait()

        def answer(_offset, _etag):
            return Stream(0, len(PNG), '"a"', chunks())

        task = asyncio.create_task(deliver(URL, Server(answer).fetch, owner.hooks))
        await asyncio.wait_for(arrived.wait(), PATIENCE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert files(folder) == ["out.png.part"]
    assert (folder / "out.png.part").read_bytes() == PNG[:500]
    assert owner.etags == [("out.png", '"a"')]
    assert _descriptors() == opened


# Data URIs.


def data_uri(content, media_type="image/png"):
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def test_a_data_uri_is_a_body(owner, folder):
    """A result that came within the answer is saved like any other, and nothing is fetched."""
    file, server = delivered(owner, body(b""), url=data_uri(PNG))
    assert (folder / "out.png").read_bytes() == PNG
    assert (file.bytes, file.sha256, file.width) == (len(PNG), hashlib.sha256(PNG).hexdigest(), 40)
    assert server.asked == []


def test_a_data_uris_type_is_that_of_its_bytes(owner, folder):
    """What a data URI says of its type counts as little as what a URL does."""
    delivered(owner, body(b""), url=data_uri(JPEG, "application/octet-stream"))
    assert files(folder) == ["out.jpg"]


@pytest.mark.parametrize(
    ("uri", "content"),
    [
        ("data:,a%20b", b"a b"),
        ("data:text/plain;charset=utf-8,%C3%A9", "é".encode()),
        ("data:image/png;base64,AAEC", b"\0\x01\x02"),
        ("data:image/png;BASE64,AAEC", b"\0\x01\x02"),
        ("data:image/png;base64,AA%3D%3D", b"\0"),
        ("data:image/png;base64,", b""),
        ("data:image/png;name=a.png;base64,AAEC", b"\0\x01\x02"),
    ],
)
def test_a_data_uri_is_decoded(uri, content):
    """A data URI holds its bytes in base64 or percent-encoded."""
    assert decode_data_uri(uri) == content


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_come_through_a_data_uri(content):
    """Whatever bytes are put into a data URI come out of it."""
    assert decode_data_uri(data_uri(content)) == content


@pytest.mark.parametrize(
    "uri",
    [
        "data:image/png;base64",
        "data:",
        "data:image/png;base64,A",
        "data:image/png;base64,A===",
        "data:image/png;base64,AA*C",
        "data:image/png;base64,äöüß",
        "data:image/png;base64,",
        "data:,",
        "data:text/html,<h1>sorry</h1>",
        data_uri(HTML, "text/html"),
    ],
)
def test_a_bad_data_uri_is_a_failed_delivery(uri, owner, folder):
    """A data URI that cannot be decoded, is empty or holds no picture gets no name."""
    error, _ = delivered(owner, body(b""), url=uri)
    assert isinstance(error, DeliveryError)
    assert files(folder) == []


def test_a_cut_data_uri_is_a_failed_delivery(owner, folder):
    """A data URI whose picture ends before its end gets no name."""
    error, _ = delivered(owner, body(b""), url=data_uri(PNG[:900]))
    assert isinstance(error, DeliveryError)
    assert "out.png" not in files(folder)


# Names.


def test_a_name_that_is_taken_meanwhile_is_left_alone(owner, folder):
    """What got in the way while the bytes came in is not touched, and the result takes the next name."""

    def taking(*_):
        (folder / "out.png").write_bytes(b"mine")

    async def run():
        hooks = replace(owner.hooks, progress=taking)
        return (await deliver(URL, Server(body(PNG)).fetch, hooks))[0]

    file = asyncio.run(run())
    assert file.path == str(folder / "out-2.png")
    assert (folder / "out.png").read_bytes() == b"mine"
    assert (folder / "out-2.png").read_bytes() == PNG
    assert files(folder) == ["out-2.png", "out.png"]
    assert owner.placed == ["out.png", "out-2.png"]


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("kind", ["file", "folder", "link to nothing"])
def test_whatever_is_in_the_way_is_left_alone(kind, links, owner, folder, monkeypatch):
    """A file, a folder or a dangling link under the name stays, on file systems with hard links and without."""
    if not links:
        monkeypatch.setattr(os, "link", _no_links)

    def taking(*_):
        path = folder / "out.png"
        if os.path.lexists(path):
            return
        if kind == "file":
            path.write_bytes(b"mine")
        elif kind == "folder":
            path.mkdir()
        else:
            path.symlink_to("nowhere")

    async def run():
        hooks = replace(owner.hooks, progress=taking)
        return (await deliver(URL, Server(body(PNG)).fetch, hooks))[0]

    assert asyncio.run(run()).path == str(folder / "out-2.png")
    assert os.path.lexists(folder / "out.png")
    assert not (folder / "nowhere").exists()
    assert files(folder) == ["out-2.png", "out.png"]


def _no_links(*_, **__):
    raise OSError(errno.EPERM, "Operation not permitted")


def test_a_file_system_without_links_gets_the_file_too(owner, folder, monkeypatch):
    """Where there are no hard links the part is renamed."""
    monkeypatch.setattr(os, "link", _no_links)
    delivered(owner, body(PNG))
    assert files(folder) == ["out.png"]
    assert (folder / "out.png").read_bytes() == PNG


def test_overwrite_replaces_at_the_end(folder):
    """With overwrite the old file stands whole until the new one is, and is then replaced."""
    (folder / "out.png").write_bytes(OTHER)
    seen = set()
    owner = Owner(folder, overwrite=True)

    async def run():
        hooks = replace(owner.hooks, progress=lambda *_: seen.add((folder / "out.png").read_bytes() == OTHER))
        await deliver(URL, Server(served(PNG, '"a"', at=[500])).fetch, hooks)

    asyncio.run(run())
    assert seen == {True}
    assert (folder / "out.png").read_bytes() == PNG
    assert files(folder) == ["out.png"]


def test_a_failed_delivery_overwrites_nothing(folder):
    """With overwrite a delivery that fails leaves the old file."""
    (folder / "out.png").write_bytes(OTHER)
    error, _ = delivered(Owner(folder, overwrite=True), body(PNG[:500], total=None))
    assert isinstance(error, DeliveryError)
    assert (folder / "out.png").read_bytes() == OTHER


# The disk.


@pytest.mark.parametrize("short", [0, len(PNG)])
@pytest.mark.parametrize("failing", ["write", "fsync", "open", "rename", "makedirs"])
def test_an_error_of_the_disk_is_a_failed_delivery(failing, short, folder, monkeypatch):
    """A disk that is full or broken, at any step, is a failed delivery that says so, and makes no file."""

    def fail(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder / "out.png.part"))

    owner = Owner(folder / "new" if failing == "makedirs" else folder)
    monkeypatch.setattr(delivery, "SHORT_BODY", short)
    if failing == "rename":
        monkeypatch.setattr(os, "link", fail)
    monkeypatch.setattr(os, failing, fail)
    error, _ = delivered(owner, body(PNG))
    monkeypatch.undo()
    assert type(error) is DeliveryError
    assert os.strerror(errno.ENOSPC) in error.message
    assert "out.png.part" in error.message
    assert set(files(folder)) <= {"out.png.part"}


def test_a_write_that_takes_only_a_part_is_finished(owner, folder, monkeypatch):
    """A disk that takes fewer bytes than it was given gets the rest."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, view: real(file, bytes(view[:7])))
    delivered(owner, body(PNG))
    assert (folder / "out.png").read_bytes() == PNG


def test_the_bytes_are_on_disk_before_the_name(owner, folder, monkeypatch):
    """The part is flushed before the rename, and the folder after it."""
    steps = []
    for name in ("fsync", "link"):
        monkeypatch.setattr(os, name, _noting(steps, name, getattr(os, name)))
    delivered(owner, body(PNG))
    assert steps[:2] == ["fsync", "link"]
    assert steps[2:] in (["fsync"], [])


def _noting(steps, name, real):
    def note(*args, **more):
        steps.append(name)
        return real(*args, **more)

    return note


def test_no_file_stays_open(owner, folder):
    """A delivery leaves no file open, whether it succeeds or fails."""
    opened = _descriptors()
    delivered(owner, body(PNG))
    delivered(owner, body(PNG[:500], total=None))
    delivered(owner, body(HTML))
    assert _descriptors() == opened


def _descriptors():
    kept = set()
    for number in range(256):
        with suppress(OSError):
            os.fstat(number)
            kept.add(number)
    return kept


# Copies and what an earlier run renamed.


def test_a_copy_is_as_careful_as_a_download(owner, folder, tmp_path):
    """A file of this machine is copied by the same way: checked, then named."""
    source = tmp_path / "source.png"
    source.write_bytes(PNG)

    async def run(path):
        return (await deliver(str(path), read_file, owner.hooks))[0]

    assert asyncio.run(run(source)).sha256 == hashlib.sha256(PNG).hexdigest()
    assert (folder / "out.png").read_bytes() == PNG
    source.write_bytes(HTML)
    with pytest.raises(DeliveryError):
        asyncio.run(run(source))
    with pytest.raises(DeliveryError, match="gone"):
        asyncio.run(run(tmp_path / "gone.png"))
    assert files(folder) == ["out.png"]


def test_what_was_renamed_is_found_again(folder):
    """A file that an earlier run renamed and did not live to record is recognised by its bytes."""
    path = folder / "out.png"
    path.write_bytes(PNG)
    file, mtime_ns = recover(Destination(str(path)))
    assert (file.path, file.bytes, file.width, file.height) == (str(path), len(PNG), 40, 30)
    assert file.sha256 == hashlib.sha256(PNG).hexdigest()
    assert mtime_ns == os.stat(path).st_mtime_ns


def test_a_rename_that_was_cut_in_two_is_finished(folder):
    """Where an earlier run linked the name and died before it removed the part, the part goes and the file is found."""
    path = folder / "out.png"
    path.write_bytes(PNG)
    os.link(path, f"{path}.part")
    assert recover(Destination(str(path)))[0].bytes == len(PNG)


def test_two_runs_may_recover_the_same_file(folder, monkeypatch):
    """Where another run clears the part away at this very moment, the file is found all the same."""
    path = folder / "out.png"
    path.write_bytes(PNG)
    os.link(path, f"{path}.part")
    real = os.unlink

    def unlink(part):
        real(part)
        real(part)  # the other run was first

    monkeypatch.setattr(os, "unlink", unlink)
    assert recover(Destination(str(path)))[0].bytes == len(PNG)
    assert files(folder) == ["out.png"]
    assert files(folder) == ["out.png"]


@pytest.mark.parametrize(
    ("there", "part"), [(None, None), (None, PNG[:500]), (OTHER, PNG[:500]), (HTML, None), (b"", None)]
)
def test_what_was_not_renamed_is_not_found(there, part, folder):
    """Without the name, with a part of its own, or with what is no picture, nothing was delivered."""
    path = folder / "out.png"
    if there is not None:
        path.write_bytes(there)
    if part is not None:
        (folder / "out.png.part").write_bytes(part)
    before = files(folder)
    assert recover(Destination(str(path))) is None
    assert files(folder) == before


def test_a_flush_that_cannot_be_begun_fails_and_the_next_one_works(tmp_path, monkeypatch):
    """Where the system has no thread to give, who waits for the disk hears of it, and later flushes go on."""
    real = asyncio.to_thread

    async def none_left(*_):
        raise RuntimeError("can't start new thread")

    async def flush():
        disk = Disk()
        with open(tmp_path / "file", "wb") as file:
            monkeypatch.setattr(asyncio, "to_thread", none_left)
            with pytest.raises(OSError, match="can't start new thread"):
                await asyncio.wait_for(disk.flush(file.fileno()), PATIENCE)
            monkeypatch.setattr(asyncio, "to_thread", real)
            await asyncio.wait_for(disk.flush(file.fileno()), PATIENCE)

    asyncio.run(flush())


# Over a real connection.


@pytest.fixture(params=[HttpxTransport, AiohttpTransport])
def wire(request, monkeypatch):
    """What carries requests over real connections: httpx, or aiohttp for large batches."""
    monkeypatch.setitem(Gateway.__init__.__kwdefaults__, "connect", request.param)


class Site:
    """A media server on loopback. Each request takes the next answer: how, and after how many bytes it is cut."""

    def __init__(self, content, *answers, etag='"a"'):
        self.content = content
        self.answers = list(answers)
        self.etag = etag
        self.ranges = []

    @asynccontextmanager
    async def serve(self):
        tasks = set()

        async def handle(reader, writer):
            tasks.add(asyncio.current_task())
            with suppress(OSError, asyncio.IncompleteReadError):
                self._answer((await reader.readuntil(b"\r\n\r\n")).decode(), writer)
                await writer.drain()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        async with asyncio.timeout(PATIENCE):
            try:
                yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/output.png"
            finally:
                server.close()
                await asyncio.gather(*tasks)

    def _answer(self, head, writer):
        how, at = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        asked = re.search(r"(?im)^range: bytes=(\d+)-\r$", head)
        condition = re.search(r"(?im)^if-range: (.*)\r$", head)
        self.ranges.append((int(asked[1]) if asked else 0, condition[1] if condition else None))
        begin = int(asked[1]) if asked and how == "ranges" and condition and condition[1] == self.etag else 0
        if how == "416" and asked:
            writer.write(b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n")
            return
        part = self.content[begin:]
        lines = ["HTTP/1.1 206 Partial Content" if begin else "HTTP/1.1 200 OK", "Connection: close"]
        if begin:
            lines.append(f"Content-Range: bytes {begin}-{len(self.content) - 1}/{len(self.content)}")
        if self.etag:
            lines.append(f"ETag: {self.etag}")
        if how == "chunked":
            lines.append("Transfer-Encoding: chunked")
            part = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in _pieces(part)) + b"0\r\n\r\n"
        elif how != "to the end":
            lines.append(f"Content-Length: {len(part)}")
        writer.write("\r\n".join([*lines, "", ""]).encode() + part[: None if at is None else at])


def _pieces(content, size=200):
    return [content[start : start + size] for start in range(0, len(content), size)]


def from_site(owner, site, **more):
    """What a delivery from that site comes to."""

    async def run():
        async with site.serve() as url, Gateway("https://gateway.example", "k-0123456789") as client:
            return (await deliver(url, client.fetch, owner.hooks, **more))[0]

    try:
        return asyncio.run(run())
    except DeliveryError as error:
        return error


@pytest.mark.parametrize("how", ["ranges", "plain", "chunked", "to the end"])
def test_a_file_comes_over_the_wire(how, wire, owner, folder):
    """With a length, in chunks or to the end of the connection, a file comes whole."""
    file = from_site(owner, Site(PNG, (how, None)))
    assert (folder / "out.png").read_bytes() == PNG
    assert file.sha256 == hashlib.sha256(PNG).hexdigest()
    assert files(folder) == ["out.png"]


def test_a_cut_connection_is_resumed_by_range(wire, owner, folder):
    """A connection that is cut in the middle is taken up where it broke, by range and ETag."""
    site = Site(PNG, ("ranges", 1000), ("ranges", 800), ("ranges", None))
    from_site(owner, site)
    assert (folder / "out.png").read_bytes() == PNG
    assert owner.pauses == [0.5, 0.5]
    begins = [begin for begin, _ in site.ranges]
    assert begins[0] == 0
    assert begins == sorted(set(begins))
    assert {condition for _, condition in site.ranges[1:]} == {'"a"'}


def test_an_earlier_run_is_resumed_over_the_wire(wire, owner, folder):
    """What an earlier run left is completed by one request for the rest."""
    site = Site(PNG, ("ranges", None))
    file = from_site(owner, site, resume=left_behind(folder, PNG[:1500]), etag='"a"')
    assert site.ranges == [(1500, '"a"')]
    assert (folder / "out.png").read_bytes() == PNG
    assert file.sha256 == hashlib.sha256(PNG).hexdigest()


def test_a_changed_file_is_fetched_anew_over_the_wire(wire, owner, folder):
    """Where the site has another file by now, that is delivered whole."""
    site = Site(OTHER, ("ranges", None), etag='"b"')
    from_site(owner, site, resume=left_behind(folder, PNG[:1500]), etag='"a"')
    assert site.ranges == [(1500, '"a"')]
    assert (folder / "out.png").read_bytes() == OTHER


def test_a_416_is_fetched_anew_over_the_wire(wire, owner, folder):
    """Where the site refuses the range, the file is fetched from its beginning."""
    site = Site(PNG, ("416", None), ("plain", None))
    from_site(owner, site, resume=left_behind(folder, PNG[:1500]), etag='"a"')
    assert site.ranges == [(1500, '"a"'), (0, None)]
    assert (folder / "out.png").read_bytes() == PNG


def test_a_site_without_ranges_is_fetched_anew(wire, owner, folder):
    """A site that knows no ranges sends the whole file, cut or not, until it comes through."""
    site = Site(PNG, ("plain", 1000), ("plain", None))
    from_site(owner, site)
    assert (folder / "out.png").read_bytes() == PNG


@pytest.mark.parametrize("how", ["plain", "chunked"])
def test_a_connection_that_is_always_cut_gets_no_name(how, wire, owner, folder):
    """A connection that never brings the whole file is given up, and nothing stands under the name."""
    error = from_site(owner, Site(PNG, (how, 1000)))
    assert isinstance(error, DeliveryError)
    assert set(files(folder)) <= {"out.png.part"}


def test_a_cut_without_a_length_gets_no_name(wire, owner, folder):
    """A body to the end of the connection that ends too soon is told by the picture itself."""
    error = from_site(owner, Site(PNG, ("to the end", 1000)))
    assert "ends before the file does" in error.message
    assert set(files(folder)) <= {"out.png.part"}


def test_an_error_page_over_the_wire_gets_no_name(wire, owner, folder):
    """A site that answers 200 with a page has not delivered."""
    error = from_site(owner, Site(HTML, ("plain", None)))
    assert "no picture and no video" in error.message
    assert files(folder) == []
