"""What an earlier run did not live to record."""

import os
from contextlib import suppress

from seedvr_cli.download.destination import Destination
from seedvr_cli.values.job import File
from seedvr_cli.values.media import measure, sniff_file


def recover(destination: Destination, sha256: str) -> tuple[File, int] | None:
    """The file of that digest which an earlier run gave its name and did not live to record; None where it is gone."""
    path, part = destination.path, destination.part
    try:
        with suppress(FileNotFoundError):  # the `.part` is gone already, or another run clears it away this moment
            if os.path.samefile(path, part):
                os.unlink(part)
        facts = os.stat(path)
        media_type = sniff_file(path)
    except OSError:
        return None
    if media_type is None:
        return None
    size = measure(path, media_type)
    width, height = (size.width, size.height) if size else (None, None)
    return File(path, facts.st_size, sha256, media_type, width, height), facts.st_mtime_ns
