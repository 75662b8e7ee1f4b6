"""SOURCE words: https URLs, files of this machine, folders of them."""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from seedvr_cli.plan.wishes import Wishes
from seedvr_cli.values.catalog import Endpoint
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.media import SOURCE_EXTENSIONS, sniff_file
from seedvr_cli.values.naming import safe_name, source_name
from seedvr_cli.values.request import Source
from seedvr_cli.values.urls import is_allowed_url

# Bytes; the gateway gives no limit, this is what fits a URL line of any server.
LONGEST_URL = 8192
# An https URL that needs no closer look: a list may have a million of them.
_PLAIN_URL = re.compile(r"https://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?(?:/[!-~]*)?\Z")


def is_plain_url(word: str) -> bool:
    """Whether it is an https URL that needs no closer look."""
    return _PLAIN_URL.match(word) is not None and len(word) <= LONGEST_URL


def expand(word: str, wishes: Wishes) -> Iterator[Source]:
    """The sources that a SOURCE word names; UsageError says what is wrong with it."""
    if is_plain_url(word):
        yield Source(word, word, word, source_name(word, wishes.endpoint.kind))
    elif "://" in word or word.startswith("data:"):
        yield _url_source(word, wishes.endpoint)
    elif os.path.isdir(word):
        yield from _folder_sources(word, wishes)
    else:
        yield _file_source(word, wishes)


def _url_source(word: str, endpoint: Endpoint) -> Source:
    if len(word) > LONGEST_URL:
        raise UsageError(f"SOURCE: a URL of {len(word)} characters; {LONGEST_URL} is the limit: {word[:80]}...")
    if not is_allowed_url(word):
        raise UsageError(f"SOURCE: {word[:200]!r} is not an https URL", hint="plain http is only for this machine")
    try:
        url = word if word.isascii() else _ascii_url(word)
    except UnicodeError as error:
        raise UsageError(f"SOURCE: {word[:200]!r} is not a URL") from error
    return Source(word, url, url, source_name(word, endpoint.kind))


def _ascii_url(word: str) -> str:
    """The same URL as it travels: host in punycode, the rest percent-encoded."""
    from urllib.parse import quote

    parts = urlsplit(word)
    netloc = parts.netloc.encode("idna").decode("ascii")
    path, query = (quote(text, safe="/:@!$&'()*+,;=-._~%?") for text in (parts.path, parts.query))
    return f"{parts.scheme}://{netloc}{path}" + (f"?{query}" if query else "")


def _folder_sources(folder: str, wishes: Wishes) -> Iterator[Source]:
    endings = SOURCE_EXTENSIONS[wishes.endpoint.kind]
    found = []
    for parent, folders, files in os.walk(folder):
        folders.sort()
        found += [os.path.join(parent, name) for name in files if name.lower().endswith(endings) and name[0] != "."]
        if not wishes.recursive:
            break
    if not found:
        more = "" if wishes.recursive else " (--recursive looks into its folders)"
        raise UsageError(f"SOURCE: {folder} has no {wishes.endpoint.kind}s ({', '.join(endings)}){more}")
    for path in sorted(found):
        yield _file_source(path, wishes)


def _file_source(path: str, wishes: Wishes) -> Source:
    kind = wishes.endpoint.kind
    if not os.path.exists(path):
        raise UsageError(f"SOURCE: {path}: no such file, and not an https URL")
    if not wishes.local_files:
        raise UsageError(f"SOURCE: {path}: the hosted gateway reads https URLs, not files of this machine",
                         hint="put it where a URL reaches it, or try --sandbox")  # fmt: skip
    try:
        media_type = sniff_file(path)
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"SOURCE: {path}: {error.strerror}") from error
    if media_type is None or not media_type.startswith(kind):
        what = f"it is {media_type}" if media_type else f"it is no {kind}"
        other = "video" if kind == "image" else "image"
        hint = f"'seedvr {other}' is for {other}s" if media_type and media_type.startswith(other) else None
        raise UsageError(f"SOURCE: {path}: {what}", hint=hint)
    return Source(
        path, Path(path).resolve().as_uri(), f"sha256:{digest}", safe_name(os.path.basename(path), fallback=kind)
    )
