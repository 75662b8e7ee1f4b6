"""A media URL becomes a file: whole and checked under its name, or not at all."""

import asyncio
import base64
import hashlib
import os
from dataclasses import replace

import pytest
from fakes.media import HTML, JPEG, PNG, URL, Owner, Server, body, cut, delivered, files, picture, served
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seedvr_cli.download import partial as delivery
from seedvr_cli.download.download import decode_data_uri, fetch_file, read_file
from seedvr_cli.values.errors import DeliveryError, NetworkError
from seedvr_cli.values.media import EXTENSIONS
from seedvr_cli.values.size import show_size

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
        return await fetch_file(URL, Server(body(PNG)).fetch, owner.hooks)

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

    async def watching(media_type, *more):
        seen.append(files(folder))
        return await place(media_type, *more)

    async def run():
        await fetch_file(URL, Server(body(PNG)).fetch, replace(owner.hooks, place=watching))

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
        await fetch_file(URL, Server(served(PNG, '"a"', at=[300, 900])).fetch, hooks)

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


# Copies and what an earlier run renamed.


def test_a_copy_is_as_careful_as_a_download(owner, folder, tmp_path):
    """A file of this machine is copied by the same way: checked, then named."""
    source = tmp_path / "source.png"
    source.write_bytes(PNG)

    async def run(path):
        return (await fetch_file(str(path), read_file, owner.hooks))[0]

    assert asyncio.run(run(source)).sha256 == hashlib.sha256(PNG).hexdigest()
    assert (folder / "out.png").read_bytes() == PNG
    source.write_bytes(HTML)
    with pytest.raises(DeliveryError):
        asyncio.run(run(source))
    with pytest.raises(DeliveryError, match="gone"):
        asyncio.run(run(tmp_path / "gone.png"))
    assert files(folder) == ["out.png"]


@pytest.mark.parametrize("total", [-1, None])
def test_a_result_that_does_not_end_is_given_up(total, folder):
    """A body of more bytes than a file may have is no result, and keeps no disk; one of just as many is one."""
    owner = Owner(folder, largest=len(PNG) - 1)
    error, _ = delivered(owner, body(PNG, total=total))
    assert isinstance(error, DeliveryError)
    assert error.message == f"the result has more than {show_size(len(PNG) - 1)}"
    assert "--max-filesize" in error.hint
    assert sum(file.stat().st_size for file in folder.iterdir()) == 0
    file, _ = delivered(Owner(folder, largest=len(PNG)), body(PNG, total=total))
    assert file.bytes == len(PNG)
