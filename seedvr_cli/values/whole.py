"""Files that appear whole under their name, or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from seedvr_cli.values.system import replace


def write_whole(path: str, data: bytes) -> None:
    """Put a file there, in place of whatever regular file has the name; OSError where that cannot be done."""
    with _part_of(path) as part, open(part, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def writing_whole(path: str) -> Iterator[IO[str]]:
    """A text to write, which gets its name when the block ends well; OSError where that cannot be done."""
    with _part_of(path) as part, open(part, "w", encoding="utf-8") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _part_of(path: str) -> Iterator[str]:
    """A file beside it, which takes its place when the block ends well, and is gone otherwise."""
    folder, name = os.path.split(os.path.abspath(path))
    descriptor, part = tempfile.mkstemp(prefix=".", suffix=f"{os.path.splitext(name)[1]}.part", dir=folder)
    os.close(descriptor)
    try:
        yield part
        os.chmod(part, 0o666 & ~_umask())
        replace(part, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
