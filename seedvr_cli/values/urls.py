"""URLs: which are allowed, how they travel, and which of them are the same."""

import re
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.system import is_windows

DEFAULT_BASE_URL = "https://gateway.pixazo.ai"
# Object stores: Amazon's and those like it, Google's, Azure's.
OBJECT_SCHEMES = ("s3://", "gs://", "az://")
# The sandbox's identity in the ledger: its port changes with every command.
SANDBOX_NAME = "sandbox"
DEFAULT_PORTS = {"https": 443, "http": 80}

# Parameters that sign a URL and say nothing of what it leads to, in lower case: of each kind of signature the names
# that give it away, which must all be there, and then all that belongs to it. S3 and Google have a prefix of their own.
_SIGNATURES: tuple[tuple[frozenset[str], frozenset[str]], ...] = (
    (
        frozenset({"awsaccesskeyid", "signature"}),
        frozenset({"awsaccesskeyid", "signature", "expires", "x-amz-security-token"}),
    ),
    (frozenset({"googleaccessid", "signature"}), frozenset({"googleaccessid", "signature", "expires"})),
    (
        frozenset({"key-pair-id", "signature"}),  # CloudFront
        frozenset({"key-pair-id", "signature", "expires", "policy", "hash-algorithm"}),
    ),
    (
        frozenset({"sig", "sv"}),  # Azure: a shared access signature
        frozenset(
            {
                "sig",
                "sv",
                "ss",
                "srt",
                "sp",
                "st",
                "se",
                "spr",
                "sr",
                "sip",
                "si",
                "sdd",
                "scid",
                "ses",
                "saoid",
                "suoid",
            }
            | {"skoid", "sktid", "skt", "ske", "sks", "skv"}
        ),
    ),
)
_SIGNED_PREFIXES = ("x-amz-", "x-goog-")

# Characters that are not seen: a URL with one of them inside leads elsewhere than it seems to.
INVISIBLE = "\u00ad\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff"

_NOT_IN_A_URL = re.compile(r"[\s\x00-\x20\x7f]")
_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
# What may not stand in a URL as it is. Brackets may not either, but everybody writes them in queries.
_INVALID = re.compile(r"%(?![0-9a-fA-F]{2})|[^!#-;=?-\[\]_a-z~]")
_VALID = "!#$%&'()*+,/:;=?@[]-._~"
# An https URL that is its own identity: a list may have a million of them.
_PLAIN = re.compile(
    r"https://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?/[A-Za-z0-9!$&'()*+,\-./:;=@_~\[\]]*"
    r"(?:\?(?!(?i:.*(?:sig|expires|x-amz-|x-goog-)))[A-Za-z0-9!$&'()*+,\-./:;=?@_~\[\]]+)?"
)


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
def is_object_url(text: str) -> bool:
    """Whether it names something in an object store."""
    return text.startswith(OBJECT_SCHEMES)


def file_path(url: str) -> str:
    """The path behind a `file:` URL, whatever bytes are in its name."""
    from urllib.request import url2pathname  # late: few URLs need it

    path = urlsplit(url).path
    return url2pathname(path) if is_windows() else unquote(path, errors="surrogateescape")


def is_loopback(host: str) -> bool:
    """Whether the host is this machine by name or number; no name is resolved."""
    import ipaddress  # late: most commands have no number to look at

    if host.lower() == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_local_gateway(base_url: str | None) -> bool:
    """Whether a gateway (None: the sandbox) is on this machine, and so can read its files."""
    return base_url is None or is_loopback(urlsplit(base_url).hostname or "")


def check_base_url(url: str, where: str) -> str:
    """The URL in the one form that the ledger knows it by; UsageError where it is neither https nor this machine."""
    if not is_allowed_url(url) or "?" in url or "#" in url or "@" in url:
        raise UsageError(f"{where}: {url!r} is not an https URL such as {DEFAULT_BASE_URL}")
    try:
        parts = urlsplit(wire_url(url))
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from error
    host = parts.netloc.lower().removesuffix(":443" if parts.scheme == "https" else ":80")
    return f"{parts.scheme}://{host}{parts.path}".rstrip("/")


def is_plain_url(url: str) -> bool:
    """Whether it is an https URL that travels as it is and is its own identity: most are, and this is quick."""
    return _PLAIN.fullmatch(url) is not None


def wire_url(url: str) -> str:
    """The URL as it travels: as it was given, or made a valid one; ValueError where that cannot be done.

    A host in another script becomes ASCII (IDNA 2008); what may not stand in a URL is percent-encoded.
    """
    if _INVALID.search(url) is None:
        return url
    parts = urlsplit(url)
    netloc = parts.netloc
    if not netloc.isascii():
        login, at, place = netloc.rpartition("@")
        host, colon, port = place.partition(":")
        netloc = f"{_encoded(login)}{at}{_ascii_host(host)}{colon}{port}"
    tail = url.partition("://")[2][len(parts.netloc) :]
    return f"{parts.scheme}://{netloc}{_encoded(tail)}"


def url_identity(url: str) -> str:
    """The one spelling of all URLs that lead to the same thing: what the ledger compares (cli.md, SOURCE).

    Scheme and host in lower case, default port and fragment dropped, %xx in upper case, and of a presigned URL the
    parameters that sign it left out. ValueError where it is no URL.
    """
    parts = urlsplit(wire_url(url))
    login, at, _ = parts.netloc.rpartition("@")
    host = (parts.hostname or "").lower()
    if ":" in host:
        host = f"[{host}]"
    port = "" if parts.port in {None, DEFAULT_PORTS.get(parts.scheme)} else f":{parts.port}"
    path = _upper_escapes(parts.path) or "/"
    query = _unsigned(_upper_escapes(parts.query))
    return f"{parts.scheme}://{login}{at}{host}{port}{path}" + (f"?{query}" if query else "")


def _ascii_host(host: str) -> str:
    import idna  # late: few hosts need it

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(f"{host!r} is not the name of a host: {error}") from error


def _encoded(text: str) -> str:
    """Percent-encoded where it has to be; what is encoded stays as it is."""
    return _INVALID.sub(lambda match: "%25" if match[0] == "%" else quote(match[0], safe=_VALID), text)


def _upper_escapes(text: str) -> str:
    return _ESCAPE.sub(lambda match: match[0].upper(), text) if "%" in text else text


def _unsigned(query: str) -> str:
    """The query without the parameters that sign the URL."""
    words = query.split("&") if query else []
    names = [unquote(word.partition("=")[0]).lower() for word in words]
    present = frozenset(names)
    signing: set[str] = set()
    for marks, members in _SIGNATURES:
        if marks <= present:
            signing |= members
    prefixes = tuple(prefix for prefix in _SIGNED_PREFIXES if f"{prefix}signature" in present)
    return "&".join(
        word
        for word, name in zip(words, names, strict=True)
        if name not in signing and not (prefixes and name.startswith(prefixes))
    )
