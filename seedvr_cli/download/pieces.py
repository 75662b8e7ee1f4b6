"""Which bytes of a file are there, and which of the others somebody is bringing."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# Bytes of a piece. Larger ones keep the digest waiting, which needs the bytes in their order; with smaller ones there
# would be more asking than sending. Towards the end they get smaller, so that all streams end at about the same time.
LARGEST = 32 << 20
SMALLEST = 4 << 20


@dataclass(slots=True, eq=False)
class Piece:
    """What one stream brings: the bytes from `at` up to `end`, or to the end of a file whose length is not known."""

    at: int
    end: int | None

    @property
    def left(self) -> int:
        """Bytes that are missing, of a piece that has an end."""
        return 0 if self.end is None else self.end - self.at


class Pieces:
    """Of a file of `total` bytes, if that is known. No byte is claimed twice, or claimed when it is there."""

    def __init__(self, there: Iterable[tuple[int, int]] = (), total: int | None = None) -> None:
        self.total = total
        self._there = [list(span) for span in there]
        self._claimed: list[Piece] = []

    @classmethod
    def read(cls, text: str) -> "Pieces":
        """What `str` of them gave: `0-300,500-900/1000`. Raises ValueError where it never did."""
        spans, _, total = text.partition("/")
        pieces = cls(total=int(total))
        for span in spans.split(","):
            begin, end = map(int, span.split("-"))
            if not pieces.end <= begin < end <= int(total):
                raise ValueError(f"no pieces of a file: {text}")
            pieces.add(begin, end)
        return pieces

    def __str__(self) -> str:
        return ",".join(f"{begin}-{end}" for begin, end in self._there) + f"/{self.total}"

    @property
    def done(self) -> int:
        """How many bytes are there."""
        return sum(end - begin for begin, end in self._there)

    @property
    def prefix(self) -> int:
        """How many are there from the first one on."""
        return self._there[0][1] if self._there and self._there[0][0] == 0 else 0

    @property
    def end(self) -> int:
        """Behind the last one that is there."""
        return self._there[-1][1] if self._there else 0

    def add(self, begin: int, end: int) -> None:
        """These bytes, which were not, are there."""
        there = self._there
        index = bisect_right(there, begin, key=lambda span: span[0])
        if index and there[index - 1][1] == begin:
            index -= 1
            there[index][1] = end
        else:
            there.insert(index, [begin, end])
        if index + 1 < len(there) and there[index + 1][0] == end:
            there[index][1] = there.pop(index + 1)[1]

    def claim(self, streams: int = 1) -> Piece | None:
        """The first bytes that nobody brings, for one of so many streams; None where none is needed any more.

        Where somebody is at all of them: half of the largest rest, so that nobody waits long for a slow one.
        """
        gap = next(self._gaps(), None)
        if gap is not None:
            piece = Piece(*gap)
            self.cut(piece, streams)
        else:
            slowest = max(self._claimed, key=lambda piece: piece.left, default=None)
            if slowest is None or slowest.left < SMALLEST:
                return None
            piece = Piece(slowest.at + slowest.left // 2, slowest.end)
            slowest.end = piece.at
        self._claimed.append(piece)
        return piece

    def cut(self, piece: Piece, streams: int) -> None:
        """Leave to the others what is more than a share; one stream alone takes all that it can get."""
        if streams > 1 and self.total is not None and piece.end is not None:
            share = (self.total - self.done) // (2 * streams)
            piece.end = min(piece.end, piece.at + max(SMALLEST, min(share, LARGEST)))

    def extend(self, piece: Piece, streams: int) -> bool:
        """Claim what follows the piece for it, if nobody brings that."""
        for begin, end in self._gaps():
            if begin == piece.end:
                piece.end = end
                self.cut(piece, streams)
                return True
        return False

    def release(self, piece: Piece) -> None:
        """What is missing of it is for others."""
        self._claimed.remove(piece)

    def _gaps(self) -> Iterator[tuple[int, int | None]]:
        """What is not there and not claimed."""
        at = 0
        spans: list[tuple[int, int | None]] = [(begin, end) for begin, end in self._there]
        spans += [(piece.at, piece.end) for piece in self._claimed]
        for begin, end in sorted(spans, key=lambda span: span[0]):
            if begin > at:
                yield at, begin
            if end is None:
                return
            at = max(at, end)
        if self.total is None or at < self.total:
            yield at, self.total
