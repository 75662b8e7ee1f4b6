"""Addresses that are a test's own."""

import socket
import struct
import uuid


def new_url(name: str = "photo.jpg") -> str:
    """A source that no other test has; its file name is as given."""
    return f"https://example.com/{uuid.uuid4()}/{name}"


def free_port() -> int:
    """A port on loopback that nothing listens on, now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
