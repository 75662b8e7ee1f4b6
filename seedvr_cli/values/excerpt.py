"""A long file of which only some parts are here."""

import os
from dataclasses import dataclass


@dataclass(slots=True)
class Excerpt:
    """Read as a file is, and it ends where a part is missing: `lacks` is the first byte that was missed so far.

    `length` of the whole file in bytes; `parts` by where they begin in it.
    """

    length: int
    parts: dict[int, bytes]
    lacks: int | None = None
    _position: int = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """As of a file."""
        begin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.length}[whence]
        self._position = begin + offset
        return self._position

    def read(self, count: int = -1, /) -> bytes:
        """As of a file, up to a byte that is missing."""
        end = self.length if count < 0 else min(self._position + count, self.length)
        found = b""
        while self._position < end:
            here = self._from(self._position, end)
            if not here:
                self.lacks = self._position if self.lacks is None else self.lacks
                break
            found += here
            self._position += len(here)
        return found

    def _from(self, place: int, end: int) -> bytes:
        """What one part has from there on; nothing where none has that byte."""
        for start, part in self.parts.items():
            if start <= place < start + len(part):
                return part[place - start : end - start]
        return b""
