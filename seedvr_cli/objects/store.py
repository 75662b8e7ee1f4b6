"""Objects: read, looked at, and made where there is none. Everything blocks, and is for threads.

The library's own asynchronous calls may end the interpreter with a crash.
"""

import io
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from typing import Any, TypeVar
from urllib.parse import urlsplit

from seedvr_cli.objects.credentials import profile_options
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.redaction import redact
from seedvr_cli.values.urls import is_loopback

# Seconds for which a store that is away is asked again.
PATIENCE = 15.0
# Bytes: an object up to this size is made in one request, under a condition; a larger one in pieces of that size.
ONE_PIECE = 32 << 20
# Bytes that are read at a time.
BLOCK = 4 << 20
# What our own objects say of themselves, in a field that every store takes.
LABEL = "seedvr"
# Variables that name another store than the hosted one.
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_RETRIES = {"max_retries": 5, "retry_timeout": timedelta(seconds=PATIENCE)}
_FORMS = "s3://BUCKET/PREFIX, gs://... or az://..."

T = TypeVar("T")


class StoreError(Exception):
    """A store that cannot be used, in one line. `is_lasting`: it will not be better in a minute."""

    def __init__(self, message: str, *, is_lasting: bool = False) -> None:
        super().__init__(message)
        self.is_lasting = is_lasting


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """An object as it stands: bytes, ETag, media type, and our label where it has one."""

    size: int
    etag: str | None
    media_type: str | None
    label: str | None


def split_url(url: str) -> tuple[str, str]:
    """A store's root, and the object's path in it; UsageError where it names no bucket."""
    scheme, _, rest = url.partition("://")
    bucket, _, path = rest.partition("/")
    if not bucket or any(character in bucket for character in "?#@:"):
        raise UsageError(f"{redact(url)} names no bucket", hint=_FORMS)
    parts = path.split("/")
    has_gap = any(part in {"", ".", ".."} for part in parts[:-1]) or parts[-1] in {".", ".."}
    if (path and has_gap) or not path.isprintable():
        raise UsageError(f"{redact(url)[:200]!r}: a part of its path is none that every store takes", hint=_FORMS)
    return f"{scheme}://{bucket}", path


def check_url(url: str) -> None:
    """UsageError where the URL names no bucket, or the library is not installed."""
    split_url(url)
    if find_spec("obstore") is None:
        raise UsageError(f"{redact(url)}: object stores need one package more", hint="pip install 'seedvr-cli[bucket]'")


def open_store(url: str, *, endpoint: str | None = None, region: str | None = None) -> Any:
    """The library's store at that URL, for who needs all of it; UsageError where there can be none."""
    check_url(url)
    from obstore.exceptions import BaseError
    from obstore.store import from_url

    try:
        options = profile_options() if url.startswith("s3:") else {}
        own = {"endpoint": endpoint, "region": region}
        options |= {name: value for name, value in own.items() if value is not None}
        client = {"allow_http": True} if _is_plain(options.get("endpoint")) else {}
        return from_url(url, config=options or None, client_options=client, retry_config=_RETRIES)  # type: ignore[call-overload]
    except (BaseError, ValueError) as error:
        reason = " ".join(redact(str(error).partition("Debug source")[0]).split())[:200]
        raise UsageError(f"{redact(url)}: {reason}", hint=_FORMS) from error


class Stopped(OSError):
    """Whoever wanted it sent wants it no more."""


class ObjectStore:
    """One bucket, or container; `endpoint` and `region` where they are not the environment's. Raises StoreError."""

    def __init__(self, root: str, *, endpoint: str | None = None, region: str | None = None) -> None:
        self._root = root
        self._store = open_store(root, endpoint=endpoint, region=region)

    def facts(self, path: str) -> ObjectFacts | None:
        """What stands there; None where nothing does."""
        import obstore

        found = self._call(lambda: obstore.get(self._store, path, options={"head": True}), missing=None)
        if found is None:
            return None
        meta, attributes = found.meta, found.attributes
        return ObjectFacts(meta["size"], meta["e_tag"], attributes.get("Content-Type"), attributes.get(LABEL))

    def put(
        self, path: str, file: str, *, media_type: str, label: str, overwrite: bool,
        watch: Callable[[int], None] = lambda _: None,
    ) -> bool:  # fmt: skip
        """Make an object of a file; False where there is one already, unless `overwrite`.

        `watch` is told how many bytes were read of it, and may raise Stopped.

        A file that goes in pieces is not made under a condition, which stores do not offer: there the look before has
        to do. Nobody sees an object that is not whole.
        """
        import obstore

        attributes: Any = {"Content-Type": media_type, **({LABEL: label} if label else {})}
        if os.path.getsize(file) <= ONE_PIECE:
            with open(file, "rb") as stream:
                content = stream.read()
            mode: Any = "overwrite" if overwrite else "create"
            how: Any = {"mode": mode, "use_multipart": False}
            return self._call(lambda: obstore.put(self._store, path, content, attributes=attributes, **how)) is not None
        if not overwrite and self.facts(path) is not None:
            return False

        def put() -> Any:
            with open(file, "rb") as stream:
                how: Any = {"use_multipart": True, "chunk_size": ONE_PIECE, "max_concurrency": 2}
                watched: Any = _Watched(stream, watch)
                return obstore.put(self._store, path, watched, attributes=attributes, **how)

        return self._call(put) is not None

    def sign(self, path: str, seconds: float) -> str:
        """A URL with which anybody may read the object, for so many seconds."""
        import obstore

        return str(self._call(lambda: obstore.sign(self._store, "GET", path, timedelta(seconds=seconds))))

    def delete(self, path: str) -> None:
        """There is no such object any more."""
        import obstore

        self._call(lambda: obstore.delete(self._store, path), missing=None)

    def put_empty(self, path: str) -> None:
        """An object with nothing in it, whatever was there."""
        import obstore

        self._call(lambda: obstore.put(self._store, path, b"", use_multipart=False))

    def has_any(self, folder: str) -> bool:
        """Whether there is anything below that path."""
        import obstore

        found = self._call(lambda: next(iter(obstore.list(self._store, folder)), []))
        return bool(found)

    def probe(self, folder: str) -> None:
        """StoreError where nothing can be made in that folder, or what is there would be replaced."""
        import obstore

        path = f"{folder.rstrip('/')}/.seedvr" if folder else ".seedvr"
        self.put_empty(path)
        again = self._call(lambda: obstore.put(self._store, path, b"", mode="create", use_multipart=False))
        with suppress(StoreError):  # who may make objects need not be one who may delete them
            self.delete(path)
        if again is not None:
            words = "makes objects where there are some already: results would go over what is there"
            raise StoreError(f"{self._root} cannot be used: the store {words}", is_lasting=True)

    def read(self, path: str) -> io.BufferedReader:
        """The object's bytes, read as they are asked for."""
        import obstore

        opened = self._call(lambda: obstore.open_reader(self._store, path, buffer_size=BLOCK))
        return io.BufferedReader(_Reader(opened, self._call), BLOCK)

    def _call(self, call: Callable[[], T], *, missing: Any = StoreError) -> T | Any:
        """The answer; None where there is an object already, `missing` where there is none."""
        from obstore.exceptions import (
            AlreadyExistsError,
            BaseError,
            PermissionDeniedError,
            PreconditionError,
            UnauthenticatedError,
        )

        try:
            return call()
        except (AlreadyExistsError, PreconditionError):
            return None
        except FileNotFoundError as error:
            if missing is not StoreError:
                return missing
            words = f"there is no {self._root}, or nothing of that name in it (404)"
            raise StoreError(words, is_lasting=True) from error
        except (PermissionDeniedError, UnauthenticatedError) as error:
            words = f"{self._root} refuses access (403): look at the keys, and at what they may do"
            raise StoreError(words, is_lasting=True) from error
        except Stopped:
            raise
        except (BaseError, OSError) as error:
            raise StoreError(self._words(error)) from error
        except (ValueError, TypeError) as error:  # a path that it does not take
            raise StoreError(self._words(error), is_lasting=True) from error

    def _words(self, error: Exception) -> str:
        text = redact(str(error).partition("Debug source")[0])
        return f"{self._root}: {' '.join(text.split())[:300]}"


class _Watched:
    """A file that is read, and who wants to know how far."""

    def __init__(self, stream: io.BufferedReader, watch: Callable[[int], None]) -> None:
        self._stream = stream
        self._watch = watch

    def read(self, size: int = -1) -> bytes:
        """Bytes of the file."""
        self._watch(self._stream.tell())
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """As a file does."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """As a file does."""
        return self._stream.tell()


class _Reader(io.RawIOBase):
    """The library's reader as Python's."""

    def __init__(self, opened: Any, call: Callable[..., Any]) -> None:
        self._opened = opened
        self._call = call

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            block = self._call(lambda: self._opened.read(len(buffer)))
        except StoreError as error:
            raise OSError(str(error)) from error
        buffer[: len(block)] = bytes(block)
        return len(block)


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
