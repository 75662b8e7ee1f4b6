"""Blotting out what a text must not tell: keys, signatures, passwords."""

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

from seedvr_cli.values.catalog import KEY_HEADER

# Characters; no key of the gateway is shorter.
SHORT = 8
# Headers and settings, as requests, mappings, raw bytes and files write them; the value ends at its quote, else at any
# quote or a blank.
_KEY = re.compile(
    rf"(?i)((?:{KEY_HEADER}|\bx-api-key|\bapi[-_]key|\bpassword)['\"]?\s*[:=,]\s*)"
    r"(?:(b?(['\"]))(?!\*\*\*)(?:\\.|(?!\3)[^\\\r\n])+(?=\3)|(b?['\"]?)(?!\*\*\*)[^'\"\s)]+)"
)
# Headers whose value has blanks in it.
_HEADER = re.compile(
    r"(?i)(\b(?:proxy-)?authorization['\"]?\s*[:=,]\s*(?:b?['\"])?|\b(?:set-)?cookie['\"]?:\s*)[^'\"\r\n]+"
)
# A parameter of a URL, in its query or its fragment, also where it stands in HTML (`&amp;`).
_PARAMETER = re.compile(r"([?&#;])([\w.~%+-]+)=([^&#;\s'\"<>]+)")
# Which of them let somebody in, each word of the name on its own: `accessKey`, `x-amz-signature`, and not `monkey`.
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SECRET_NAME = re.compile(
    r"(?i)(?<![a-z])(?:api|access|private|subscription|account|client|auth|id|refresh|security|session)?"
    r"(?:key|token|sig|signature|secret|credentials?|password|passwd|pass|pwd|auth|authorization|jwt|sas)(?![a-z])"
)
# A URL with a query, wherever it ends; what has no end is cut as well.
_QUERY = re.compile(r"(https?://[^\s?\"'<>]+)\?[^\s\"'<>]*")
# The same of what is no URL that we take, for want of an s.
_WEB_QUERY = re.compile(r"(?i)((?:https?|ftp)://[^\s?\"'<>]*)\?[^\s\"'<>]+")
# Name and password before a host; and a password that has what no URL may have there, blanks and quotes included, which
# a port is not.
_LOGIN = re.compile(r"//[^/?#\s'\"<>]*@")
_ODD_LOGIN = re.compile(r"//[^/@\s\[]*?:(?!\d*(?:[/?#\s'\"<>]|[.,;:)\]}]+(?:\s|$)|$))[^@\r\n]*@(?:[^/@\s'\"<>]*@)*")
# The scheme of a URL.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without these secrets, and without what looks like credentials in a header or a URL.

    A short secret, such as one for a try, is blotted out where it is a word, and not where it is part of one.
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        if len(secret) >= SHORT:
            text = text.replace(secret, "***")
        else:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", text)
    text = _without_credentials(text)
    text = _KEY.sub(lambda found: f"{found[1]}{found[2] or found[4] or ''}***", text)
    return _HEADER.sub(r"\1***", text)


def without_queries(text: str) -> str:
    """The text with its URLs cut before their queries, which may be signatures."""
    return _QUERY.sub(r"\1", text)


def with_bare_urls(text: str) -> str:
    """What is said of a user's own words: web addresses stand without their queries, and no URL has a password."""
    return _WEB_QUERY.sub(r"\1?...", _without_credentials(text))


def without_login(url: str) -> str:
    """A URL that stands alone, such as a proxy's, without all that is before its last @, whatever that has in it."""
    scheme, login, rest = _taken_apart(url)
    return f"{scheme}***@{rest}" if login else url


def login_secrets(url: str) -> set[str]:
    """The password of a URL that stands alone, with its name and without, in all spellings; empty where it has none."""
    _, login, _ = _taken_apart(url)
    password = login.partition(":")[2]
    if not password:
        return set()
    return {spelling for text in (login, password) for spelling in (text, unquote(text), quote(unquote(text), safe=""))}


def _taken_apart(url: str) -> tuple[str, str, str]:
    """Scheme, login and the rest; the last @ counts, as a password may have any character in it."""
    found = _SCHEME.match(url)
    scheme = found[0] if found else ""
    login, _, rest = url[len(scheme) :].rpartition("@")
    return scheme, login, rest


def _without_credentials(text: str) -> str:
    return _PARAMETER.sub(_blotted, _ODD_LOGIN.sub("//***@", _LOGIN.sub("//***@", text)))


def _blotted(match: re.Match[str]) -> str:
    mark, name, value = match.groups()
    return f"{mark}{name}={'***' if _SECRET_NAME.search(_HUMP.sub('-', name)) else value}"
