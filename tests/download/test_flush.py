"""The disk is waited for in threads, and where there is none that is said."""

import asyncio

import pytest
from helpers.waiting import PATIENCE

from seedvr_cli.download.flush import Disk


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
