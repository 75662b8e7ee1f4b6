"""Requests to S3 in the name of our own keys: Amazon's Signature Version 4, in a request's headers."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from urllib.parse import quote, urlsplit

_ALGORITHM = "AWS4-HMAC-SHA256"
# A body is not read twice for its digest: TLS keeps it whole, and on this machine nobody changes it.
_UNSIGNED = "UNSIGNED-PAYLOAD"


@dataclass(frozen=True, slots=True)
class Keys:
    """Whose requests they are, and for which region."""

    access: str
    secret: str = field(repr=False)
    token: str | None = field(repr=False)
    region: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object is to be: the URL of its bucket, its path there and its own URL, and in whose name it is put.

    `root` is what messages call the bucket.
    """

    root: str
    bucket: str
    path: str
    url: str
    keys: Keys


def query_text(query: Mapping[str, str]) -> str:
    """The query of a URL, in the one form that a signature is made of."""
    pairs = sorted((quote(name, safe=""), quote(value, safe="")) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def signed_headers(method: str, url: str, headers: Mapping[str, str], keys: Keys, now: datetime) -> dict[str, str]:
    """All headers of a request; `url` has its path encoded, and the query of `query_text`; `now` is in UTC."""
    stamp, parts = f"{now:%Y%m%dT%H%M%SZ}", urlsplit(url)
    sent = {name.lower(): value for name, value in headers.items()}
    sent |= {"x-amz-content-sha256": _UNSIGNED, "x-amz-date": stamp}
    sent |= {"x-amz-security-token": keys.token} if keys.token else {}
    signed = sorted({**sent, "host": parts.netloc}.items())
    names = ";".join(name for name, _ in signed)
    lines = (method, parts.path or "/", parts.query, *(f"{name}:{value.strip()}" for name, value in signed), "", names)
    scope = (stamp[:8], keys.region, "s3", "aws4_request")
    digest = hashlib.sha256("\n".join((*lines, _UNSIGNED)).encode()).hexdigest()
    key = reduce(_mac, scope, f"AWS4{keys.secret}".encode())
    signature = _mac(key, "\n".join((_ALGORITHM, stamp, "/".join(scope), digest))).hex()
    credential = "/".join((keys.access, *scope))
    sent["authorization"] = f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return sent


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
