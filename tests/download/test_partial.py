"""The file on its way to its name: what is in the way, and what the disk does."""

import asyncio
import errno
import hashlib
import os
from dataclasses import replace

import pytest
from fakes.media import HTML, OTHER, PNG, URL, Owner, Server, body, cut, delivered, files, left_behind, served
from helpers.machine import descriptors

from seedvr_cli.download import partial as delivery
from seedvr_cli.download.destination import Destination, is_replaceable
from seedvr_cli.download.digest import Digest
from seedvr_cli.download.download import fetch_file
from seedvr_cli.values.errors import DeliveryError, NoPlace

# What its owner makes of a whole file.


def test_what_is_made_of_the_whole_file_is_what_is_delivered(owner, folder):
    """The owner may change the file before it has its name: bytes, digest and time are those of what it became."""

    async def finish(part, media_type, size):
        assert (media_type, size.width) == ("image/png", 40)
        with open(part, "ab") as file:
            file.write(b"more")
        os.utime(part, ns=(0, 1_000_000_000))
        return True

    async def run():
        return await fetch_file(URL, Server(body(PNG, etag='"a"')).fetch, replace(owner.hooks, finish=finish))

    file, mtime_ns = asyncio.run(run())
    content = (folder / "out.png").read_bytes()
    assert content == PNG + b"more"
    assert (file.bytes, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert mtime_ns == os.stat(folder / "out.png").st_mtime_ns


def test_a_changed_part_is_not_gone_on_with(owner, folder):
    """From the moment in which the owner may change it the recorded ETag is gone: a later run begins anew."""

    async def finish(part, media_type, size):
        assert owner.etags[-1] == ("out.png", None)
        raise OSError(errno.ENOSPC, "no space", part)

    async def run():
        await fetch_file(URL, Server(body(PNG, etag='"a"')).fetch, replace(owner.hooks, finish=finish))

    with pytest.raises(NoPlace):
        asyncio.run(run())
    assert owner.etags[0][1] == '"a"'
    assert files(folder) == []


# Names.


def test_a_name_that_is_taken_meanwhile_is_left_alone(owner, folder):
    """What got in the way while the bytes came in is not touched, and the result takes the next name."""

    def taking(*_):
        (folder / "out.png").write_bytes(b"mine")

    async def run():
        hooks = replace(owner.hooks, progress=taking)
        return (await fetch_file(URL, Server(body(PNG)).fetch, hooks))[0]

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
        return (await fetch_file(URL, Server(body(PNG)).fetch, hooks))[0]

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
        await fetch_file(URL, Server(served(PNG, '"a"', at=[500])).fetch, hooks)

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
@pytest.mark.parametrize("failing", ["pwrite", "fsync", "open", "rename", "makedirs"])
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
    assert type(error) is NoPlace
    assert os.strerror(errno.ENOSPC) in error.message
    assert "out.png.part" in error.message
    assert set(files(folder)) <= {"out.png.part"}


def test_a_write_that_takes_only_a_part_is_finished(owner, folder, monkeypatch):
    """A disk that takes fewer bytes than it was given gets the rest."""
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, view, at: real(file, bytes(view[:7]), at))
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
    opened = descriptors()
    delivered(owner, body(PNG))
    delivered(owner, body(PNG[:500], total=None))
    delivered(owner, body(HTML))
    assert descriptors() == opened


# The digest of a long body.


@pytest.mark.parametrize("advice", [True, False], ids=["with advice", "without"])
def test_a_long_body_is_digested_as_it_comes(advice, owner, folder, monkeypatch):
    """The digest of a body that comes in while threads follow it is that of the file, on every system."""
    monkeypatch.setattr(delivery, "DIGEST_STEP", 200)
    if not advice:
        monkeypatch.delattr(os, "posix_fadvise", raising=False)
    followed = []
    real = Digest.follow
    monkeypatch.setattr(Digest, "follow", lambda self, path, upto: (followed.append(upto), real(self, path, upto)))
    file, _ = delivered(owner, body(PNG, chunk=50))
    assert file.sha256 == hashlib.sha256(PNG).hexdigest()
    assert (folder / "out.png").read_bytes() == PNG
    assert len(followed) > 1
    assert followed[-1] == len(PNG)


def test_a_body_that_begins_again_is_digested_anew(owner, folder, monkeypatch):
    """What was digested of a file that changed in between is forgotten with its bytes."""
    monkeypatch.setattr(delivery, "DIGEST_STEP", 200)
    file, server = delivered(owner, cut(PNG, 1500, etag='"a"'), served(OTHER, '"b"', at=[900]))
    assert [offset for offset, _ in server.asked] == [0, 1500, 900]
    assert file.sha256 == hashlib.sha256(OTHER).hexdigest()
    assert (folder / "out.png").read_bytes() == OTHER


def test_an_earlier_runs_bytes_are_digested_too(owner, folder, monkeypatch):
    """The digest of a file that two runs fetched is of both their bytes."""
    monkeypatch.setattr(delivery, "DIGEST_STEP", 200)
    begun = left_behind(folder, PNG[:1500])
    file, _ = delivered(owner, served(PNG, '"a"'), resume=begun, etag='"a"')
    assert file.sha256 == hashlib.sha256(PNG).hexdigest()


# What may be replaced.


@pytest.mark.parametrize(
    ("kind", "replaceable"), [("nothing", True), ("file", True), ("folder", False), ("link", False), ("pipe", False)]
)
def test_only_a_regular_file_is_replaced(kind, replaceable, tmp_path):
    """With overwrite too, a link, a folder or a device is not for us to replace."""
    path = tmp_path / "out.png"
    if kind == "file":
        path.write_bytes(b"mine")
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(tmp_path)
    elif kind == "pipe":
        os.mkfifo(path)
    assert is_replaceable(str(path)) is replaceable


def test_overwrite_makes_a_file_where_there_is_none(folder):
    """With overwrite a name that nothing has is made like any other."""
    delivered(Owner(folder, overwrite=True), body(PNG))
    assert (folder / "out.png").read_bytes() == PNG
    assert files(folder) == ["out.png"]


def test_overwrite_replaces_no_link_that_got_in_the_way(owner, folder, tmp_path):
    """With overwrite too, a link under the name stays as it is, and the result takes the next name."""
    target = tmp_path / "elsewhere"
    target.write_bytes(b"mine")

    async def place(media_type, *_):
        if not owner.placed:
            await owner.place(media_type)
            (folder / "out.png").symlink_to(target)
            return Destination(str(folder / "out.png"), overwrite=True)
        return await owner.place(media_type)

    async def run():
        return (await fetch_file(URL, Server(body(PNG)).fetch, replace(owner.hooks, place=place)))[0]

    assert asyncio.run(run()).path == str(folder / "out-2.png")
    assert target.read_bytes() == b"mine"
    assert (folder / "out.png").is_symlink()
    assert files(folder) == ["out-2.png", "out.png"]


def test_a_part_that_is_a_link_is_not_followed(owner, folder, tmp_path):
    """A link that somebody has put in the place of the part leads nowhere."""
    target = tmp_path / "elsewhere"
    target.write_bytes(b"mine")
    (folder / "out.png.part").symlink_to(target)
    error, _ = delivered(owner, body(PNG))
    assert isinstance(error, DeliveryError)
    assert target.read_bytes() == b"mine"
    assert "out.png" not in files(folder)
