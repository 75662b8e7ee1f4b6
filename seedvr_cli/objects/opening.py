"""A store is found by its URL, with the credentials of the environment, and opened."""

import os
import unicodedata
from datetime import timedelta
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from seedvr_cli.objects.credentials import profile_options
from seedvr_cli.objects.trouble import explain
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.redaction import redact
from seedvr_cli.values.urls import is_loopback

# Seconds for which a store that is away is asked again.
PATIENCE = 15.0
# Seconds that the library gives a request, its body included, and bytes a second that a slow line brings: what is
# large is given more.
SECONDS = 30.0
SLOWEST = 50_000
# Variables that name another store than the hosted one.
_ENDPOINTS = (
    "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT",
    "AZURITE_BLOB_STORAGE_URL",
)  # fmt: skip
# How variables begin that the library reads; what stands in them goes into headers.
_READ = ("AWS_", "AZURE_", "AZURITE_", "GOOGLE_")
_RETRIES = {"max_retries": 5, "retry_timeout": timedelta(seconds=PATIENCE)}
# Control characters, and what UTF-8 does not have.
_NOT_IN_KEYS = frozenset({"Cc", "Cs"})
_FORMS = "s3://BUCKET/PREFIX, gs://... or az://..."


def split_url(url: str) -> tuple[str, str]:
    """A store's root, and the object's path in it; UsageError where it names no bucket."""
    scheme, _, rest = url.partition("://")
    bucket, _, path = rest.partition("/")
    if not bucket or any(character in bucket for character in "?#@:"):
        raise UsageError(f"{redact(url)} names no bucket", hint=_FORMS)
    parts = path.split("/")
    has_gap = any(part in {"", ".", ".."} for part in parts[:-1]) or parts[-1] in {".", ".."}
    if (path and has_gap) or any(unicodedata.category(character) in _NOT_IN_KEYS for character in path):
        raise UsageError(f"{redact(url)[:200]!r}: a part of its path is none that every store takes", hint=_FORMS)
    return f"{scheme}://{bucket}", path


def check_url(url: str) -> None:
    """UsageError where the URL names no bucket, or the library is not installed."""
    split_url(url)
    if find_spec("obstore") is None:
        raise UsageError(f"{redact(url)}: object stores need one package more", hint="pip install 'seedvr-cli[bucket]'")


def open_store(
    url: str, *, endpoint: str | None = None, region: str | None = None, seconds: float | None = None
) -> Any:
    """The library's store at that URL, for who needs all of it; UsageError where there can be none."""
    check_url(url)
    for name, value in os.environ.items():
        if name.startswith(_READ) and not value.isprintable():  # the end of a line, say: the library would panic
            raise UsageError(f"{name} has characters that no key and no address has, such as the end of a line")
    from obstore.exceptions import BaseError
    from obstore.store import from_url

    try:
        options = profile_options() if url.startswith("s3:") else {}
        own = {"endpoint": endpoint, "region": region}
        options |= {name: value for name, value in own.items() if value is not None}
        client: dict[str, Any] = {"timeout": timedelta(seconds=seconds_for(0) if seconds is None else seconds)}
        if _is_plain(options.get("endpoint")):
            client["allow_http"] = True
        return from_url(url, config=options or None, client_options=client, retry_config=_RETRIES)  # type: ignore[call-overload]
    except (BaseError, ValueError) as error:
        raise UsageError(str(explain(redact(url), str(error)))) from error


def seconds_for(size: int) -> float:
    """How long a request may take that carries so many bytes."""
    return max(SECONDS, size / SLOWEST)


def _is_plain(profile: str | None) -> bool:
    """Whether a store on this machine is asked in the clear; UsageError where it is another machine's.

    `profile` is the endpoint of the profile in use.
    """
    named = {name: os.environ.get(name, "") for name in _ENDPOINTS} | {"endpoint_url": profile or ""}
    for name, url in named.items():
        if url.startswith("http://"):
            if is_loopback(urlsplit(url).hostname or ""):
                return True
            raise UsageError(f"{name}: {redact(url)} would send it all in the clear", hint="https://...")
    return False
