"""Deliveries over real connections, by both transports."""

import hashlib
import itertools

import pytest
from fakes.cdn import Cdn, from_cdn
from fakes.media import HTML, OTHER, PNG, files, left_behind, picture

from seedvr_cli.download import movement, pieces, streams
from seedvr_cli.values.errors import DeliveryError, StillRunning


@pytest.mark.parametrize("how", ["ranges", "plain", "chunked", "to the end"])
def test_a_file_comes_over_the_wire(how, wire, owner, folder):
    """With a length, in chunks or to the end of the connection, a file comes whole."""
    file = from_cdn(owner, Cdn(PNG, (how, None)))
    assert (folder / "out.png").read_bytes() == PNG
    assert file.sha256 == hashlib.sha256(PNG).hexdigest()
    assert files(folder) == ["out.png"]


def test_a_cut_connection_is_resumed_by_range(wire, owner, folder):
    """A connection that is cut in the middle is taken up where it broke, by range and ETag."""
    cdn = Cdn(PNG, ("ranges", 1000), ("ranges", 800), ("ranges", None))
    from_cdn(owner, cdn)
    assert (folder / "out.png").read_bytes() == PNG
    assert owner.pauses == [0.5, 0.5]
    begins = [begin for begin, _ in cdn.ranges]
    assert begins[0] == 0
    assert begins == sorted(set(begins))
    assert {condition for _, condition in cdn.ranges[1:]} == {'"a"'}


def test_an_earlier_run_is_resumed_over_the_wire(wire, owner, folder):
    """What an earlier run left is completed by one request for the rest."""
    cdn = Cdn(PNG, ("ranges", None))
    file = from_cdn(owner, cdn, resume=left_behind(folder, PNG[:1500]), etag='"a"')
    assert cdn.ranges == [(1500, '"a"')]
    assert (folder / "out.png").read_bytes() == PNG
    assert file.sha256 == hashlib.sha256(PNG).hexdigest()


def test_a_changed_file_is_fetched_anew_over_the_wire(wire, owner, folder):
    """Where the site has another file by now, that is delivered whole."""
    cdn = Cdn(OTHER, ("ranges", None), etag='"b"')
    from_cdn(owner, cdn, resume=left_behind(folder, PNG[:1500]), etag='"a"')
    assert cdn.ranges == [(1500, '"a"')]
    assert (folder / "out.png").read_bytes() == OTHER


def test_a_416_is_fetched_anew_over_the_wire(wire, owner, folder):
    """Where the site refuses the range, the file is fetched from its beginning."""
    cdn = Cdn(PNG, ("416", None), ("plain", None))
    from_cdn(owner, cdn, resume=left_behind(folder, PNG[:1500]), etag='"a"')
    assert cdn.ranges == [(1500, '"a"'), (0, None)]
    assert (folder / "out.png").read_bytes() == PNG


def test_a_site_without_ranges_is_fetched_anew(wire, owner, folder):
    """A site that knows no ranges sends the whole file, cut or not, until it comes through."""
    cdn = Cdn(PNG, ("plain", 1000), ("plain", None))
    from_cdn(owner, cdn)
    assert (folder / "out.png").read_bytes() == PNG


@pytest.mark.parametrize("how", ["plain", "chunked"])
def test_a_connection_that_is_always_cut_gets_no_name(how, wire, owner, folder):
    """A connection that never brings the whole file is given up, and nothing stands under the name."""
    error = from_cdn(owner, Cdn(PNG, (how, 1000)))
    assert isinstance(error, DeliveryError)
    assert set(files(folder)) <= {"out.png.part"}


@pytest.mark.parametrize("at", [0, 1000])
def test_a_server_that_falls_silent_ends_the_waiting(at, wire, owner, folder, monkeypatch):
    """Behind the deadline a connection on which nothing more comes is closed, and what came is kept."""
    monkeypatch.setattr(movement, "LOOK_SECONDS", 0.0)
    looks = itertools.count()
    error = from_cdn(owner, Cdn(PNG, ("silent", at)), now=lambda: next(looks) / 1000, deadline=0.0)
    assert isinstance(error, StillRunning)
    assert error.exit_code == 6
    assert set(files(folder)) <= {"out.png.part"}


def test_a_cut_without_a_length_gets_no_name(wire, owner, folder):
    """A body to the end of the connection that ends too soon is told by the picture itself."""
    error = from_cdn(owner, Cdn(PNG, ("to the end", 1000)))
    assert "ends before the file does" in error.message
    assert set(files(folder)) <= {"out.png.part"}


def test_an_error_page_over_the_wire_gets_no_name(wire, owner, folder):
    """A site that answers 200 with a page has not delivered."""
    error = from_cdn(owner, Cdn(HTML, ("plain", None)))
    assert "no picture and no video" in error.message
    assert files(folder) == []


@pytest.fixture
def large(monkeypatch):
    """Files here are large from some bytes on."""
    monkeypatch.setattr(streams, "LARGE_BODY", 1000)
    monkeypatch.setattr(pieces, "LARGEST", 1000)
    monkeypatch.setattr(pieces, "SMALLEST", 100)


def test_a_large_file_comes_side_by_side_over_the_wire(wire, owner, folder, large):
    """Parts of a file that are asked for at the same time become the file."""
    film = picture(1, (200, 100))
    cdn = Cdn(film, ("ranges", 3000), ("ranges", None))
    file = from_cdn(owner, cdn)
    assert (folder / "out.png").read_bytes() == film
    assert file.sha256 == hashlib.sha256(film).hexdigest()
    assert len(cdn.ranges) > len(film) // 1000
    assert {condition for _, condition in cdn.ranges[1:]} == {'"a"'}


@pytest.mark.parametrize("how", [("416", None), ("plain", None), ("ranges", 100)])
def test_a_part_that_does_not_come_is_brought_by_others_over_the_wire(how, wire, owner, folder, large):
    """A part that is refused, comes as the whole file or is cut is brought all the same."""
    film = picture(1, (200, 100))
    cdn = Cdn(film, ("ranges", 3000), how, how, how, ("ranges", None))
    from_cdn(owner, cdn)
    assert (folder / "out.png").read_bytes() == film
    assert files(folder) == ["out.png"]
