"""The picture of before and after beside a result: what it is called, and how it is known for ours.

It is a JPEG whose comment says which result it shows, with a digest of what follows: so one that somebody has changed
is nobody's but theirs, and one that came with its folder from another machine is known there.
"""

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass

from seedvr_cli.values.job import File

# Bytes in which the comment ends; a name has 255 at the most, six times as many where each needs an escape.
HEAD_BYTES = 4096
_NAME = re.compile(r"-compare(-\d+)?\.jpg", re.ASCII)
# ITU-T T.81, table B.1: the start of an image, and of a comment.
_START, _COMMENT = b"\xff\xd8", b"\xff\xfe"


@dataclass(frozen=True, slots=True)
class Mark:
    """Name and SHA-256 of the result that is shown, and the SHA-256 of the file's bytes behind the comment."""

    result: str
    sha256: str
    digest: str


def comparison_name(path: str) -> str:
    """`NAME-compare.jpg` for `NAME.png`, before numbers."""
    return f"{os.path.splitext(path)[0]}-compare.jpg"


def marked(jpeg: bytes, result: File) -> bytes:
    """The file with its mark: the comment stands behind the first segment, as JFIF wants that to be the first."""
    end = _end_of_segment(jpeg, len(_START))
    mark = Mark(os.path.basename(result.path), result.sha256, hashlib.sha256(jpeg[end:]).hexdigest())
    comment = json.dumps({"seedvr": "comparison", **asdict(mark)}).encode("ascii")
    return jpeg[:end] + _COMMENT + (len(comment) + 2).to_bytes(2) + comment + jpeg[end:]


def read_mark(path: str) -> Mark | None:
    """The mark of a regular file; None where there is none, or the file cannot be read."""
    try:
        if os.path.islink(path) or not os.path.isfile(path):
            return None
        with open(path, "rb") as file:
            return _mark_of(file.read(HEAD_BYTES))
    except OSError:
        return None


def is_untouched(path: str, mark: Mark) -> bool:
    """Whether the file is as it was written."""
    try:
        with open(path, "rb") as file:
            begin = _end_of_segment(head := file.read(HEAD_BYTES), len(_START))
            file.seek(_end_of_segment(head, begin))
            return hashlib.file_digest(file, "sha256").hexdigest() == mark.digest
    except OSError:
        return False


def is_comparison(path: str) -> bool:
    """Whether it is a comparison of ours, by its name and its mark: no source, then."""
    return bool(_NAME.search(path[-40:])) and read_mark(path) is not None


def _mark_of(head: bytes) -> Mark | None:
    begin = _end_of_segment(head, len(_START))
    if not head.startswith(_START) or head[begin : begin + 2] != _COMMENT:
        return None
    try:
        found = json.loads(head[begin + 4 : _end_of_segment(head, begin)])
        return Mark(found["result"], found["sha256"], found["digest"]) if found["seedvr"] == "comparison" else None
    except (ValueError, TypeError, KeyError):
        return None


def _end_of_segment(data: bytes, begin: int) -> int:
    """Where the segment ends whose marker stands there: its length counts itself, and not the marker."""
    return begin + 2 + int.from_bytes(data[begin + 2 : begin + 4])
