"""Which part of a file a download asks for (RFC 9110, sections 13.1.5 and 14)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=\s*(\d*)-(\d*)\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of a file, from `start` on."""

    start: int
    length: int


class Unsatisfiable(Exception):
    """The range lies behind the end of the file: 416."""


def wanted_span(headers: Mapping[str, str], size: int, etag: str) -> Span | None:
    """The one range that the request asks for, or None for the whole file.

    Whole is also what a list of ranges gets, a unit other than bytes, and an If-Range that does not name this `etag`.
    Raises Unsatisfiable.
    """
    match = _RANGE.fullmatch(headers.get("range", ""))
    if match is None or headers.get("if-range", etag) != etag:
        return None
    first, last = match.groups()
    if not first and not last:
        return None
    if not first:
        length = min(int(last), size)
        if not length:
            raise Unsatisfiable
        return Span(size - length, length)
    start, end = int(first), int(last) if last else size - 1
    if last and end < start:
        return None
    if start >= size:
        raise Unsatisfiable
    return Span(start, min(end, size - 1) - start + 1)
