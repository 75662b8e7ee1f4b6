"""URLs: which are allowed, and which are the same."""

import re
from functools import lru_cache
from urllib.parse import urlsplit

from seedvr_cli.values.errors import UsageError

DEFAULT_BASE_URL = "https://gateway.pixazo.ai"

_NOT_IN_A_URL = re.compile(r"[\s\x00-\x20\x7f]")


def is_allowed_url(url: str) -> bool:
    """Whether it is https, or http to this machine itself."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return False
    if not host or _NOT_IN_A_URL.search(url):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))


@lru_cache(64)
def is_loopback(host: str) -> bool:
    """Whether the host is this machine by name or number; no name is resolved."""
    import ipaddress

    if host.lower() == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_base_url(url: str, where: str) -> str:
    """The URL in the one form that the ledger knows it by; UsageError where it is neither https nor this machine."""
    if not is_allowed_url(url) or "?" in url or "#" in url or "@" in url:
        raise UsageError(f"{where}: {url!r} is not an https URL such as {DEFAULT_BASE_URL}")
    parts = urlsplit(url)
    host = parts.netloc.lower().removesuffix(":443" if parts.scheme == "https" else ":80")
    return f"{parts.scheme}://{host}{parts.path}".rstrip("/")
