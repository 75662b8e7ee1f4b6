"""Files that appear whole under their name, or not at all."""

import os
import tempfile
from contextlib import suppress


def write_whole(path: str, data: bytes) -> None:
    """Put a file there, in place of whatever regular file has the name; OSError where that cannot be done."""
    folder, name = os.path.split(os.path.abspath(path))
    descriptor, part = tempfile.mkstemp(prefix=".", suffix=f"{os.path.splitext(name)[1]}.part", dir=folder)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(part, 0o666 & ~_umask())
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
