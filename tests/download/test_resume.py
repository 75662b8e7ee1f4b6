"""A delivery is taken up where it broke: within a run, and from an earlier one."""

import asyncio
import hashlib
import os

import pytest
from fakes.media import HTML, JPEG, OTHER, PNG, URL, Server, body, cut, delivered, files, left_behind, served
from helpers.machine import descriptors
from helpers.waiting import PATIENCE

from seedvr_cli.download.destination import Destination
from seedvr_cli.download.download import fetch_file
from seedvr_cli.download.streams import FRUITLESS_BREAKS
from seedvr_cli.values.answer import Stream
from seedvr_cli.values.errors import DeliveryError, NetworkError, RangeRefused


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


@pytest.mark.parametrize(("etag", "total"), [('"b"', len(PNG)), ('"a"', len(PNG) + 1)], ids=["ETag", "length"])
def test_a_part_of_another_file_is_not_believed(etag, total, owner, folder):
    """A rest that comes with another ETag or length than what came before belongs to another file: it begins again."""
    rest = body(OTHER[500:], etag=etag, offset=500, total=total)
    _, server = delivered(owner, cut(PNG, 500, etag='"a"'), rest, served(PNG, '"a"'))
    assert server.asked == [(0, None), (500, '"a"'), (0, None)]
    assert (folder / "out.png").read_bytes() == PNG


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
    opened = descriptors()

    async def run():
        arrived = asyncio.Event()

        async def chunks():
            yield PNG[:500]
            arrived.set()
            await asyncio.Event().wait()

        def answer(_offset, _etag):
            return Stream(0, len(PNG), '"a"', chunks())

        task = asyncio.create_task(fetch_file(URL, Server(answer).fetch, owner.hooks))
        await asyncio.wait_for(arrived.wait(), PATIENCE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert files(folder) == ["out.png.part"]
    assert (folder / "out.png.part").read_bytes() == PNG[:500]
    assert owner.etags == [("out.png", '"a"')]
    assert descriptors() == opened


@pytest.mark.parametrize("etag", ["", '"a"'])
def test_another_kind_of_file_gets_its_own_name(etag, owner, folder):
    """Where what comes after a break is no JPEG any more but a PNG, it is named so, and nothing is left of the JPEG."""
    (folder / "out.jpg.part").write_bytes(JPEG[:300])
    part = Destination(str(folder / "out.jpg"))
    file, _ = delivered(owner, body(PNG, etag='"b"'), resume=part, etag=etag or None)
    assert (file.path, file.media_type) == (str(folder / "out.png"), "image/png")
    assert files(folder) == ["out.png"]


@pytest.mark.parametrize(("etag", "left"), [(None, []), ('"a"', ["out.jpg.part"])])
def test_what_nobody_could_go_on_with_is_not_left(etag, left, owner, folder):
    """Of a delivery that fails the `.part` stays where its ETag lets a later run resume it, and goes otherwise."""
    error, _ = delivered(owner, body(JPEG[:300], total=None, etag=etag))
    assert isinstance(error, DeliveryError)
    assert files(folder) == left


def test_another_kind_of_file_within_one_delivery_gets_its_own_name(owner, folder):
    """The same holds where the server changes its mind between two attempts."""
    file, _ = delivered(owner, cut(JPEG, 300), body(PNG))
    assert file.path == str(folder / "out.png")
    assert files(folder) == ["out.png"]
