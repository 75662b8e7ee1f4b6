"""Files and objects as the other side wants to read them."""

import io
from collections.abc import Callable
from typing import Any

from seedvr_cli.objects.trouble import StoreError


class Watched:
    """A file that is read, and who wants to know how far."""

    def __init__(self, stream: io.BufferedReader, watch: Callable[[int], None]) -> None:
        self._stream = stream
        self._watch = watch

    def read(self, size: int = -1) -> bytes:
        """Bytes of the file."""
        self._watch(self._stream.tell())
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """As a file does."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """As a file does."""
        return self._stream.tell()


class Reader(io.RawIOBase):
    """The library's reader as Python's."""

    def __init__(self, opened: Any, call: Callable[..., Any]) -> None:
        self._opened = opened
        self._call = call

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            block = self._call(lambda: self._opened.read(len(buffer)))
        except StoreError as error:
            raise OSError(str(error)) from error
        buffer[: len(block)] = bytes(block)
        return len(block)
