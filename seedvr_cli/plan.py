"""From SOURCE words to items: which files and URLs, for which endpoint, under which name. Nothing is sent."""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from seedvr_cli.catalog import Endpoint, is_allowed_url
from seedvr_cli.errors import UsageError
from seedvr_cli.media import SOURCE_EXTENSIONS, sniff_file
from seedvr_cli.models import Item, Job
from seedvr_cli.naming import parse_output, safe_name, source_name
from seedvr_cli.request import Source, build_request

# Bytes; the gateway gives no limit, this is what fits a URL line of any server.
LONGEST_URL = 8192


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asks for every source. `options` by flag name; `output` as given to -o."""

    endpoint: Endpoint
    options: Mapping[str, Any]
    extra: tuple[str, ...] = ()
    output: str | None = None
    recursive: bool = False
    local_files: bool = False


def plan(words: Iterable[str], wishes: Wishes) -> list[Item]:
    """All items, checked. Raises UsageError for anything that could not be sent or written."""
    sources = [source for word in words for source in expand(word, wishes)]
    if not sources:
        raise UsageError("no SOURCE: give a URL, a file or a folder", hint=f"'seedvr {wishes.endpoint.kind} --help'")
    items = [make_item(index, source, wishes) for index, source in enumerate(sources, start=1)]
    if len(items) > 1 and items[0].output.kind != "template":
        what = "standard output takes one source" if items[0].output.kind == "stdout" else "one file name"
        raise UsageError(f"-o {wishes.output}: {what}, and there are {len(items)} sources",
                         hint="give a folder or a template such as '{stem}-{index}{ext}'")  # fmt: skip
    for folder in {os.path.dirname(os.path.abspath(item.output.template)) for item in items}:
        check_folder(folder.partition("{")[0])
    return items


def make_item(index: int, source: Source, wishes: Wishes) -> Item:
    """One source's item, checked against the catalog."""
    request = build_request(wishes.endpoint, source, wishes.options, wishes.extra)
    output = parse_output(wishes.output, request.params)
    return Item(index, source.text, source.name, wishes.endpoint.name, output, request)


def attach_item(index: int, job: Job, output: str | None) -> Item:
    """An item for a job of the ledger: it goes where -o says, else where the command that paid for it meant it to."""
    chosen = parse_output(output if output is not None else job.output, job.params)
    label = job.name if job.source else job.request_id or job.name
    return Item(index, job.source, label, job.endpoint, chosen, job=job)


def expand(word: str, wishes: Wishes) -> Iterator[Source]:
    """The sources that a SOURCE word names; UsageError says what is wrong with it."""
    if "://" in word or word.startswith("data:"):
        yield _url_source(word, wishes.endpoint)
    elif os.path.isdir(word):
        yield from _folder_sources(word, wishes)
    else:
        yield _file_source(word, wishes)


def check_folder(folder: str) -> None:
    """UsageError where results could not be written, before anything is paid."""
    existing = os.path.abspath(folder or ".")
    while not os.path.lexists(existing):
        existing = os.path.dirname(existing)
    if not os.path.isdir(existing):
        raise UsageError(f"-o: {existing} is in the way: it is not a folder")
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise UsageError(f"-o: cannot write in {existing}: {error.strerror}") from error


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
