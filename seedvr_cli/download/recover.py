"""What an earlier run did not live to record."""

import hashlib
import os
from contextlib import suppress

from seedvr_cli.download.destination import Destination
from seedvr_cli.values.job import File
from seedvr_cli.values.media import HEAD_BYTES, measure, sniff


def recover(destination: Destination) -> tuple[File, int] | None:
    """The file that an earlier run renamed and did not live to record; None where it never got that far."""
    path, part = destination.path, destination.part
    try:
        with suppress(FileNotFoundError):  # the `.part` is gone already, or another run clears it away this moment
            if not os.path.samefile(path, part):
                return None
            os.unlink(part)
        facts = os.stat(path)
        with open(path, "rb") as file:
            media_type = sniff(file.read(HEAD_BYTES))
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
    if media_type is None:
        return None
    size = measure(path, media_type)
    width, height = (size.width, size.height) if size else (None, None)
    return File(path, facts.st_size, digest, media_type, width, height), facts.st_mtime_ns
