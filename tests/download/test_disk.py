"""The disk is waited for in threads, and where there is none that is said."""

import asyncio
import errno
import os
import threading

import pytest
from helpers.machine import descriptors
from helpers.waiting import PATIENCE

from seedvr_cli.download.disk import Disk


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


class Slow:
    """A flush that begins when it is called and ends when the test says so; `calls` are what it was called with."""

    def __init__(self, failing=()):
        self.calls = []
        self.failing = failing
        self.has_begun = threading.Event()
        self.may_end = threading.Event()

    def __call__(self, descriptor):
        self.calls.append(descriptor)
        self.has_begun.set()
        assert self.may_end.wait(PATIENCE)
        if descriptor in self.failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_what_is_asked_for_meanwhile_is_done_in_one_go(monkeypatch):
    """While one flush is under way the others wait, and are then done together, each file once."""
    slow = Slow()
    monkeypatch.setattr(os, "fsync", slow)

    async def run():
        disk = Disk()
        first = asyncio.create_task(disk.flush(3))
        assert await asyncio.to_thread(slow.has_begun.wait, PATIENCE)
        others = [asyncio.create_task(disk.flush(descriptor)) for descriptor in (4, 5, 4)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in (first, *others))
        slow.may_end.set()
        await asyncio.wait_for(asyncio.gather(first, *others), PATIENCE)

    asyncio.run(run())
    assert slow.calls[0] == 3
    assert sorted(slow.calls[1:]) == [4, 5]


def test_one_files_failure_is_its_own(monkeypatch):
    """Where the disk fails for one of several files, the owners of the others hear nothing of it."""
    slow = Slow(failing={4})
    monkeypatch.setattr(os, "fsync", slow)
    slow.may_end.set()

    async def run():
        disk = Disk()
        return await asyncio.gather(*(disk.flush(number) for number in (3, 4, 5)), return_exceptions=True)

    third, fourth, fifth = asyncio.run(run())
    assert (third, fifth) == (None, None)
    assert fourth.errno == errno.EIO


def test_a_bug_in_one_flush_leaves_nobody_waiting(monkeypatch):
    """Whatever a flush raises reaches the one who asked for it, and those who ask after that are served."""

    def flush(descriptor):
        if descriptor < 0:
            raise ValueError("no descriptor")

    monkeypatch.setattr(os, "fsync", flush)

    async def run():
        disk = Disk()
        asked = asyncio.gather(*(disk.flush(number) for number in (-1, 3)), return_exceptions=True)
        bad, good = await asyncio.wait_for(asked, PATIENCE)
        await asyncio.wait_for(disk.flush(4), PATIENCE)
        return bad, good

    bad, good = asyncio.run(run())
    assert isinstance(bad, ValueError)
    assert good is None


def test_who_no_longer_waits_holds_up_nobody(monkeypatch):
    """A delivery that is cancelled while its file is flushed leaves the flushes of others alone."""
    slow = Slow()
    monkeypatch.setattr(os, "fsync", slow)

    async def run():
        disk = Disk()
        gone, stays = (asyncio.create_task(disk.flush(number)) for number in (3, 4))
        assert await asyncio.to_thread(slow.has_begun.wait, PATIENCE)
        gone.cancel()
        slow.may_end.set()
        await asyncio.wait_for(stays, PATIENCE)
        with pytest.raises(asyncio.CancelledError):
            await gone
        await asyncio.wait_for(disk.flush(5), PATIENCE)

    asyncio.run(run())
    assert slow.calls[-1] == 5


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_that_cannot_be_flushed_is_no_failure(there, tmp_path, monkeypatch):
    """Some systems open no folder, and a file that has its name is delivered there all the same."""
    opened = descriptors()

    def no_folder(*_):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    if there:
        monkeypatch.setattr(os, "fsync", no_folder)
    asyncio.run(Disk().flush_folder(str(tmp_path if there else tmp_path / "none")))
    assert descriptors() == opened
