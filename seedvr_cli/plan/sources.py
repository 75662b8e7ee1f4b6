"""SOURCE words: https URLs, files of this machine, folders of them."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from seedvr_cli.plan.wishes import Wishes
from seedvr_cli.values.catalog import Endpoint
from seedvr_cli.values.comparison import is_comparison
from seedvr_cli.values.errors import SourceRefused, UsageError
from seedvr_cli.values.media import OTHER_EXTENSIONS, SOURCE_EXTENSIONS, SOURCE_TYPES, named_type, sniff_file
from seedvr_cli.values.naming import safe_name, source_name
from seedvr_cli.values.request import Source
from seedvr_cli.values.target import Target
from seedvr_cli.values.urls import INVISIBLE, is_allowed_url, is_object_url, is_plain_url, url_identity, wire_url

# What to do where files of this machine have no way to the gateway.
HOW_TO = "seedvr config set upload s3://BUCKET/PREFIX, or upload-command 'my-upload {path}'; or try --sandbox"
LEAVE_OUT = "nothing was submitted for it; --exclude leaves it out"
# Bytes; the gateway gives no limit, this is what fits a URL line of any server.
LONGEST_URL = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfitSource(Source):
    """A file of a folder that is no source, though its name says so: nobody has named it, and the others are run."""

    refusal: SourceRefused


def expand(word: str, wishes: Wishes) -> Iterator[Source]:
    """The sources that a SOURCE word names; UsageError says what is wrong with it."""
    if "://" in word:
        word = word.strip(INVISIBLE)
    if len(word) <= LONGEST_URL and is_plain_url(word):
        yield plain_source(word, wishes)
    elif is_object_url(word):
        yield _object_source(word, wishes)
    elif "://" in word or word.startswith("data:"):
        yield _url_source(word, wishes.endpoint)
    elif os.path.isdir(word):
        yield from _folder_sources(word, wishes)
    else:
        yield file_source(word, wishes)


def plain_source(url: str, wishes: Wishes) -> Source:
    """The source behind a URL that needs no closer look (`is_plain_url`)."""
    source = Source(url, url, url, source_name(url, wishes.endpoint.kind))
    _check_type(url, named_type(source.name), wishes.endpoint.kind)
    return source


def _url_source(word: str, endpoint: Endpoint) -> Source:
    if len(word) > LONGEST_URL:
        raise UsageError(f"SOURCE: a URL of {len(word)} characters; {LONGEST_URL} is the limit: {word[:80]}...")
    if any(character in INVISIBLE for character in word):
        raise UsageError(f"SOURCE: {word[:200]!r} has a character of no width in it", hint="type it anew")
    if not is_allowed_url(word):
        raise UsageError(f"SOURCE: {word[:200]!r} is not an https URL", hint="plain http is only for this machine")
    try:
        url, identity = wire_url(word), url_identity(word)
    except (ValueError, UnicodeError) as error:
        raise UsageError(f"SOURCE: {word[:200]!r} is not a URL") from error
    source = Source(word, url, identity, source_name(word, endpoint.kind))
    _check_type(word, named_type(source.name), endpoint.kind)
    return source


def _object_source(url: str, wishes: Wishes) -> Source:
    """An object of the user's, which the gateway gets a signed address of."""
    from seedvr_cli.objects.opening import check_url, split_url

    check_url(url)
    if not split_url(url)[1] or url.endswith("/"):
        raise UsageError(f"SOURCE: {url} is no object", hint="name one, or give a list of them with --from")
    name = safe_name(url.rpartition("/")[2], fallback=wishes.endpoint.kind)
    _check_type(url, named_type(name), wishes.endpoint.kind)
    return Source(url, url, url, name, url)


def _folder_sources(folder: str, wishes: Wishes) -> Iterator[Source]:
    endings = SOURCE_EXTENSIONS[wishes.endpoint.kind]
    try:
        os.scandir(folder).close()
    except OSError as error:
        raise UsageError(f"SOURCE: {folder}: {error.strerror}") from error
    found = files_of(folder, wishes)
    if not found and any(_files_below(folder, wishes, endings)):
        raise UsageError(
            f"SOURCE: {folder} has only results of ours", hint="one that is named itself is upscaled again"
        )
    if not found:
        more = "" if wishes.recursive else " (--recursive looks into its folders)"
        are_left_out = wishes.include or wishes.exclude or wishes.newer_than is not None
        wanted = " that are asked for and no results" if are_left_out else ""
        raise UsageError(f"SOURCE: {folder} has no {wishes.endpoint.kind}s{wanted} ({', '.join(endings)}){more}")
    _tell_of_others(folder, wishes)
    for path in found:
        try:
            yield file_source(path, wishes, below=folder)
        except SourceRefused as error:
            name = safe_name(os.path.basename(path), fallback=wishes.endpoint.kind)
            yield UnfitSource(path, Path(path).absolute().as_uri(), path, name, refusal=error)


def _tell_of_others(folder: str, wishes: Wishes) -> None:
    """A line for the pictures and videos of a folder that are no sources here, by their endings."""
    taken = SOURCE_EXTENSIONS[wishes.endpoint.kind]
    others = {ending: kind for kind, endings in SOURCE_EXTENSIONS.items() for ending in endings if ending not in taken}
    known = (*others, *OTHER_EXTENSIONS)
    endings = [os.path.splitext(path)[1].lower() for path in _files_below(folder, wishes, known)]
    if endings:
        counts = ", ".join(f"{count} {ending}" for ending, count in sorted(Counter(endings).items()))
        hints = sorted({f"'seedvr {others[ending]}' takes {ending}" for ending in endings if ending in others})
        wishes.tell(f"{folder}: passed over: {counts}" + (f" ({', '.join(hints)})" if hints else ""))


def files_of(folder: str, wishes: Wishes) -> list[str]:
    """The files of a folder that are sources, sorted: what is asked for, and no result of ours."""

    def pass_over(error: OSError) -> None:
        wishes.tell(f"{error.filename}: passed over: it cannot be read: {error.strerror}")

    found = sorted(_files_below(folder, wishes, SOURCE_EXTENSIONS[wishes.endpoint.kind], pass_over))
    own = wishes.own_results([os.path.abspath(path) for path in found])
    return [path for path in found if os.path.abspath(path) not in own and not is_comparison(path)]


def _files_below(
    folder: str, wishes: Wishes, endings: tuple[str, ...], pass_over: Callable[[OSError], None] | None = None
) -> Iterator[str]:
    """The files with these endings that are asked for; what begins with a dot is hidden.

    `pass_over` is told of the folders that cannot be read.
    """
    for parent, folders, files in os.walk(folder, onerror=pass_over):
        folders[:] = sorted(name for name in folders if name[0] != ".") if wishes.recursive else []
        for name in files:
            path = os.path.join(parent, name)
            if name[0] != "." and name.lower().endswith(endings) and _is_wanted(path, folder, wishes):
                yield path


def _is_wanted(path: str, folder: str, wishes: Wishes) -> bool:
    """A pattern with a slash is for the path below the folder, another one for the name."""

    def matches(pattern: str) -> bool:
        return fnmatchcase(os.path.relpath(path, folder) if "/" in pattern else os.path.basename(path), pattern)

    if (wishes.include and not any(map(matches, wishes.include))) or any(map(matches, wishes.exclude)):
        return False
    try:
        return wishes.newer_than is None or os.stat(path).st_mtime >= wishes.newer_than
    except FileNotFoundError:
        return False  # it is gone again
    except OSError:
        return True  # whoever opens it says why it cannot be read


def file_source(path: str, wishes: Wishes, *, below: str | None = None) -> Source:
    """The source that a file is; `below` the folder that was named.

    UsageError where it is none; SourceRefused where the folder was named, and not the file.
    """
    kind = wishes.endpoint.kind
    if not path:
        raise UsageError("SOURCE: it is empty", hint="an unset variable, perhaps")
    if below is None:
        _check_there(path)
    if not wishes.local_files and not wishes.uploads:
        raise UsageError(f"SOURCE: {path}: the hosted gateway reads https URLs, not files of this machine", hint=HOW_TO)
    if wishes.uploads is not None:
        check_way(wishes.uploads)
    try:
        media_type = sniff_file(path)
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        if below is not None:
            raise SourceRefused(f"it cannot be read: {error.strerror}", hint=LEAVE_OUT) from error
        raise UsageError(f"SOURCE: {path}: {error.strerror}") from error
    if below is not None and media_type not in SOURCE_TYPES[kind]:
        raise SourceRefused(f"it is {media_type}" if media_type else f"it is no {kind}", hint=LEAVE_OUT)
    if media_type is None:
        raise UsageError(f"SOURCE: {path}: it is no {kind}", hint=_what_is_taken(kind))
    _check_type(path, media_type, kind)
    shown = os.path.basename(path) if below is None else os.path.relpath(path, below)
    name = "/".join(safe_name(part, fallback=kind) for part in shown.split(os.sep))
    sent = path if wishes.uploads else None
    return Source(path, Path(path).resolve().as_uri(), f"sha256:{digest}", name, sent)


def _check_there(path: str) -> None:
    """UsageError where nothing is, or what cannot be seen."""
    try:
        os.stat(path)
    except PermissionError as error:
        raise UsageError(f"SOURCE: {path}: {error.strerror}") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"SOURCE: {path}: no such file, and not an https URL") from error


@lru_cache  # for each file of a folder
def check_way(target: Target) -> None:
    """UsageError where files of this machine cannot be brought there, as far as that is known without a network."""
    if target.url is not None:
        from seedvr_cli.objects.opening import open_store

        open_store(target.url, endpoint=target.endpoint, region=target.region)


def _check_type(word: str, media_type: str | None, kind: str) -> None:
    """UsageError where the bytes or the name show what no endpoint of this kind takes; a name may say nothing."""
    if media_type is None or media_type in SOURCE_TYPES[kind]:
        return
    other = next((one for one, types in SOURCE_TYPES.items() if media_type in types), None)
    hint = f"'seedvr {other}' is for {other}s" if other else _what_is_taken(kind)
    raise UsageError(f"SOURCE: {word[:200]}: it is {media_type}", hint=hint)


def _what_is_taken(kind: str) -> str:
    return f"it takes {', '.join(SOURCE_EXTENSIONS[kind])}"
