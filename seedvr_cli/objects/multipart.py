"""A large file goes to S3 in pieces, and what the store has of it from an earlier time is not sent again.

What is there the store itself knows: no record is kept here, and another machine may go on with it. That is for an
object whose name says what is in it, where whatever was begun under that name is the same.
"""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from seedvr_cli.objects.requests import Requests
from seedvr_cli.objects.signature import Place
from seedvr_cli.objects.store import piece_size
from seedvr_cli.objects.trouble import StoreError

# Pieces on their way at the same time, and bytes that are read of each at a time.
AT_ONCE = 4
BLOCK = 256 << 10


def send_in_pieces(
    place: Place, file: str, *, media_type: str, watch: Callable[[int], None], anew: bool = False
) -> None:  # fmt: skip
    """Make the object; `anew` goes on with nothing that was begun.

    `watch` is told how many bytes of it are there, and may raise Stopped. Raises StoreError, and UploadGone where what
    was begun cannot be gone on with.
    """
    with Requests.open(place) as requests:
        begun = requests.uploads()
        is_new = anew or not begun
        upload = requests.begin(media_type) if is_new else begun[0]
        there = {} if is_new else requests.pieces(upload)
        requests.complete(upload, _Sending(requests, upload, file, watch).run(there))
        for other in begun if is_new else begun[1:]:  # what nobody ends is paid for every month
            with suppress(StoreError):
                requests.abort(other)


class _Sending:
    """One upload, until all of its pieces are there."""

    def __init__(self, requests: Requests, upload: str, file: str, watch: Callable[[int], None]) -> None:
        self._requests = requests
        self._upload = upload
        self._file = file
        self._watch = watch
        size = os.path.getsize(file)
        piece = piece_size(size)
        self._pieces = [
            _Piece(number, start, min(piece, size - start)) for number, start in enumerate(range(0, size, piece), 1)
        ]
        # By a piece's number: how many bytes of it are there, and what the store calls it.
        self._done = dict.fromkeys(range(1, len(self._pieces) + 1), 0)
        self._etags: dict[int, str] = {}
        self._error: BaseException | None = None

    def run(self, there: Mapping[int, tuple[int, str]]) -> dict[int, str]:
        """The ETag of each piece. `there`: bytes and ETag of those that were sent before."""
        for piece in self._pieces:
            size, etag = there.get(piece.number, (0, ""))
            if size == piece.length and etag.strip('"') == self._digest(piece):
                self._done[piece.number], self._etags[piece.number] = size, etag
        left = iter([piece for piece in self._pieces if piece.number not in self._etags])
        # Nobody waits for these threads when the command ends.
        threads = [threading.Thread(target=self._work, args=(left,), daemon=True) for _ in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._error is not None:
            raise self._error
        return self._etags

    def _work(self, left: Iterator["_Piece"]) -> None:
        try:
            for piece in left:  # which gives each of them to one thread alone
                if self._error is not None:
                    return
                content = partial(self._content, piece)
                self._etags[piece.number] = self._requests.put(self._upload, piece.number, piece.length, content)
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self._error = error

    def _content(self, piece: "_Piece") -> Iterator[bytes]:
        """What is sent of a piece; it begins again each time that it is."""
        self._done[piece.number] = 0
        for block in piece.read(self._file):
            yield block
            self._done[piece.number] += len(block)
            self._watch(sum(self._done.values()))

    def _digest(self, piece: "_Piece") -> str:
        digest = hashlib.md5(usedforsecurity=False)
        for block in piece.read(self._file):
            digest.update(block)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of a file, in bytes; numbers begin with 1."""

    number: int
    start: int
    length: int

    def read(self, file: str) -> Iterator[bytes]:
        """Its bytes, one block after another."""
        left = self.length
        with open(file, "rb") as stream:
            stream.seek(self.start)
            while left:
                block = stream.read(min(BLOCK, left))
                if not block:
                    raise StoreError(f"{file} has changed while it was sent")
                left -= len(block)
                yield block
