"""What this process holds of the machine, and what the machine has free."""

import os
import socket
import struct
from contextlib import suppress


def descriptors() -> set[int]:
    """The files that this process has open."""
    kept = set()
    for number in range(256):
        with suppress(OSError):
            os.fstat(number)
            kept.add(number)
    return kept


def free_port() -> int:
    """A port on loopback that nothing listens on, now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
