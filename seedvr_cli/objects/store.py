"""Objects: read, looked at, and made where there is none. Everything blocks, and is for threads.

The library's own asynchronous calls may end the interpreter with a crash.
"""

import io
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from secrets import token_hex
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from seedvr_cli.objects.credentials import own_keys
from seedvr_cli.objects.opening import open_store, seconds_for
from seedvr_cli.objects.streams import Reader, Watched
from seedvr_cli.objects.trouble import Stopped, StoreError, explain

if TYPE_CHECKING:
    from seedvr_cli.objects.signature import Place

# Bytes: an object up to this size is made in one request where that has a condition; what has none goes in pieces, of
# this size at the least, and stores take so many of them.
ONE_PIECE = 32 << 20
PIECE = 8 << 20
MOST_PIECES = 10_000
AT_ONCE = 2
# How often an upload is begun that other machines end.
ATTEMPTS = 3
# Bytes that are read at a time.
BLOCK = 4 << 20
# What our own objects say of themselves, in a field that every store takes.
LABEL = "seedvr"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """An object as it stands: bytes, ETag, media type, and our label where it has one."""

    size: int
    etag: str | None
    media_type: str | None
    label: str | None


class ObjectStore:
    """One bucket, or container; `endpoint` and `region` where they are not the environment's. Raises StoreError."""

    def __init__(self, root: str, *, endpoint: str | None = None, region: str | None = None) -> None:
        self._root = root
        self._open = partial(open_store, root, endpoint=endpoint, region=region)
        self._store = self._open()

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

        A file that goes in pieces is not made under a condition, which the library does not offer there: an object
        beside it, `NAME.part`, says who is at it, and before the last piece it is seen that the name is still free.
        Nobody sees an object that is not whole.
        """
        import obstore
        from obstore.exceptions import BaseError

        attributes: Any = {"Content-Type": media_type, **({LABEL: label} if label else {})}
        size = os.path.getsize(file)
        if size <= (PIECE if overwrite else ONE_PIECE):
            with open(file, "rb") as stream:
                content = stream.read()
            mode: Any = "overwrite" if overwrite else "create"
            how: Any = {"mode": mode, "use_multipart": False}
            store = self._patient(size)
            return self._call(lambda: obstore.put(store, path, content, attributes=attributes, **how)) is not None
        if not overwrite and not self._reserve(f"{path}.part", attributes, label):
            return False

        stopped: list[Exception] = []  # of which the library tells no more than the name

        def look(done: int) -> None:
            try:
                watch(done)
                if done == size and not overwrite:
                    self._see_that_free(path)
            except (OSError, StoreError) as error:
                stopped.append(error)
                raise

        def put() -> Any:
            with open(file, "rb") as stream:
                how: Any = {"use_multipart": True, "chunk_size": piece_size(size), "max_concurrency": AT_ONCE}
                watched: Any = Watched(stream, look)
                store = self._patient(AT_ONCE * piece_size(size))
                try:
                    return obstore.put(store, path, watched, attributes=attributes, **how)
                except (BaseError, OSError) as error:
                    raise (stopped or [error])[0] from None

        try:
            is_free = overwrite or self.facts(path) is None
            return is_free and self._call(put) is not None
        except _Taken:
            return False
        finally:
            if not overwrite:
                with suppress(StoreError):  # who may make objects need not be one who may delete them
                    self.delete(f"{path}.part")

    def put_named(self, path: str, file: str, *, media_type: str, watch: Callable[[int], None]) -> None:
        """Make an object whose name says what is in it: of a large file what S3 has of it already is not sent again.

        That is done with keys that are known here. Where only the library has them (roles), and in other stores, a
        file is sent from its beginning. See `put`.
        """
        place = self._place(path) if os.path.getsize(file) > PIECE else None
        if place is None:
            self.put(path, file, media_type=media_type, label="", overwrite=True, watch=watch)
            return
        from seedvr_cli.objects.multipart import send_in_pieces
        from seedvr_cli.objects.requests import UploadGone

        for attempt in range(ATTEMPTS):
            try:
                send_in_pieces(place, file, media_type=media_type, watch=watch, anew=attempt > 0)
            except StoreError as error:
                there = self.facts(path)
                if there is not None and there.size == os.path.getsize(file):
                    return  # another machine was faster
                if not isinstance(error, UploadGone) or attempt + 1 == ATTEMPTS:
                    raise
            else:
                return

    def sign(self, path: str, seconds: float) -> str:
        """A URL with which anybody may read the object, for so many seconds."""
        import obstore

        return str(self._call(lambda: obstore.sign(self._store, "GET", path, timedelta(seconds=seconds))))

    def _reserve(self, part: str, attributes: Any, label: str) -> bool:
        """Whether a name is ours for now: another machine's, or that of another job's killed run, is not."""
        import obstore

        how: Any = {"mode": "create", "use_multipart": False}
        if self._call(lambda: obstore.put(self._store, part, b"", attributes=attributes, **how)) is not None:
            return True
        facts = self.facts(part)
        return facts is not None and facts.label == label

    def _see_that_free(self, path: str) -> None:
        """_Taken where somebody has made an object there meanwhile; StoreError where that cannot be seen."""
        seen: list[ObjectFacts | StoreError | None] = []

        def see() -> None:
            try:
                seen.append(self.facts(path))
            except StoreError as error:
                seen.append(error)

        thread = Thread(target=see, daemon=True)  # in this one the library is at work
        thread.start()
        thread.join()
        if isinstance(seen[0], StoreError):
            raise seen[0]
        if seen[0] is not None:
            raise _Taken

    def _place(self, path: str) -> "Place | None":
        """Where the object is to be, and with whose keys; None where they are not known here, or it is no S3.

        The library knows: what it signs says where, for which region and with which session.
        """
        pair = own_keys() if self._root.startswith("s3://") else None
        if pair is None:
            return None
        from seedvr_cli.objects.signature import Keys, Place

        signed = urlsplit(self.sign(path, 1.0))
        said = dict(parse_qsl(signed.query))
        access, _, region, *_ = said["X-Amz-Credential"].split("/")
        if access != pair[0]:
            return None
        url = signed._replace(query="").geturl()
        bucket = url.rsplit("/", path.count("/") + 1)[0]
        return Place(self._root, bucket, path, url, Keys(*pair, said.get("X-Amz-Security-Token"), region))

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

    def names(self, folder: str) -> list[str]:
        """The paths of what there is below that path."""
        import obstore

        found: list[str] = self._call(
            lambda: [one["path"] for page in obstore.list(self._store, folder) for one in page]
        )
        return found

    def probe(self, folder: str) -> None:
        """StoreError where nothing can be made in that folder, or what is there would be replaced."""
        import obstore

        name = f".seedvr-{token_hex(8)}"  # of our own: other machines try at the same time
        path = f"{folder.rstrip('/')}/{name}" if folder else name
        self.put_empty(path)
        again = self._call(lambda: obstore.put(self._store, path, b"", mode="create", use_multipart=False))
        with suppress(StoreError):  # who may make objects need not be one who may delete them
            self.delete(path)
        try:
            self.facts(f"{path}-none")
        except StoreError as error:
            if "(403)" not in str(error):
                raise
            words = "does not say what is not there (403): the keys need s3:ListBucket and s3:GetObject as well"
            raise StoreError(f"{self._root} {words}", is_lasting=True) from error
        if again is not None:
            words = "makes objects where there are some already: results would go over what is there"
            raise StoreError(f"{self._root} cannot be used: the store {words}", is_lasting=True)

    def read(self, path: str) -> io.BufferedReader:
        """The object's bytes, read as they are asked for."""
        import obstore

        store = self._patient(BLOCK)
        opened = self._call(lambda: obstore.open_reader(store, path, buffer_size=BLOCK))
        return io.BufferedReader(Reader(opened, self._call), BLOCK)

    def _patient(self, size: int) -> Any:
        """The library's store for requests that carry so many bytes."""
        seconds = seconds_for(size)
        return self._store if seconds == seconds_for(0) else self._open(seconds=seconds)

    def _call(self, call: Callable[[], T], *, missing: Any = StoreError) -> T | Any:
        """The answer; None where there is an object already, `missing` where there is none."""
        from obstore.exceptions import (
            AlreadyExistsError,
            BaseError,
            PreconditionError,
        )

        try:
            return call()
        except (AlreadyExistsError, PreconditionError):
            return None
        except FileNotFoundError as error:
            if missing is not StoreError:
                return missing
            if "NoSuchBucket" in str(error):
                raise explain(self._root, str(error)) from error
            words = f"there is no {self._root}, or nothing of that name in it (404)"
            raise StoreError(words, is_lasting=True) from error
        except Stopped:
            raise
        except (BaseError, OSError) as error:
            raise explain(self._root, str(error)) from error
        except (ValueError, TypeError) as error:  # a path that it does not take
            raise explain(self._root, str(error), is_lasting=True) from error


class _Taken(Stopped):
    """Somebody has made an object of that name meanwhile."""


def piece_size(size: int) -> int:
    """Bytes of each piece of an object of that size."""
    return max(PIECE, -(-size // MOST_PIECES))
