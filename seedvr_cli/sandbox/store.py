"""The sandbox's jobs on disk: one JSON file each, which other processes on the same folder may change."""

import hashlib
import json
import os
import re
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, fields
from itertools import count
from typing import Any

from seedvr_cli.sandbox.job import Job
from seedvr_cli.values.system import replace

# Characters. A longer source is a data: URI that would make every reading of its job slow: it gets a file of its own.
LONGEST_SOURCE = 16 * 1024
KEPT_SOURCE = "kept-source:"

_REQUEST_ID = re.compile(r"[a-z0-9-]{1,64}_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FIELDS = tuple(field.name for field in fields(Job))


@dataclass(slots=True)
class _Cached:
    job: Job
    # Inode and time of the file: a replaced file differs in at least one.
    stamp: tuple[int, int]


class JobStore(MutableMapping[str, Job]):
    """Jobs by request id, in `folder/jobs`. Reading an unfinished job looks whether its file has changed.

    Files are replaced as a whole and not flushed to the disk: the sandbox survives a kill, not a power cut.
    """

    def __init__(self, folder: str) -> None:
        self._jobs = os.path.join(folder, "jobs")
        self._sources = os.path.join(folder, "sources")
        self._media = os.path.join(folder, "media")
        self._cache: dict[str, _Cached] = {}
        self._first_sources: dict[str, str] = {}
        self._numbers = count()
        os.makedirs(self._jobs, exist_ok=True)
        os.makedirs(self._media, exist_ok=True)

    def __getitem__(self, request_id: str) -> Job:
        cached = self._cache.get(request_id)
        if cached and cached.job.finished_at is not None and not cached.job.wants_webhook:
            return cached.job
        path = self._path(request_id)
        try:
            stamp = _stamp(path)
            if cached and cached.stamp == stamp:
                return cached.job
            job = _read(path)
        except FileNotFoundError:
            raise KeyError(request_id) from None
        self._cache[request_id] = _Cached(job, stamp)
        return job

    def __setitem__(self, request_id: str, job: Job) -> None:
        if len(job.source) > LONGEST_SOURCE:
            job.source = self._keep_source(job.source)
        path = self._path(request_id)
        self._write(path, json.dumps({name: getattr(job, name) for name in _FIELDS}).encode())
        self._cache[request_id] = _Cached(job, _stamp(path))

    def __delitem__(self, request_id: str) -> None:
        os.remove(self._path(request_id))
        self._cache.pop(request_id, None)

    def __contains__(self, request_id: object) -> bool:
        return isinstance(request_id, str) and (
            request_id in self._cache or (_REQUEST_ID.fullmatch(request_id) is not None and
                                          os.path.exists(self._path(request_id)))
        )  # fmt: skip

    def __iter__(self) -> Iterator[str]:
        with os.scandir(self._jobs) as entries:
            return iter([entry.name[:-5] for entry in entries if entry.name.endswith(".json")])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def sources(self) -> Iterator[str]:
        """The source of every job in the folder. A source never changes, so each file is read once."""
        for request_id in self:
            if request_id not in self._first_sources:
                self._first_sources[request_id] = self[request_id].source
            yield self._first_sources[request_id]

    def media_folder(self, request_id: str) -> str:
        """Where the job's results are; it may not exist yet."""
        return os.path.join(self._media, request_id)

    def source_file(self, source: str) -> str | None:
        """The file with the text of a source that was too long for its job, or None for any other source."""
        if not source.startswith(KEPT_SOURCE):
            return None
        return os.path.join(self._sources, source.removeprefix(KEPT_SOURCE))

    def _keep_source(self, source: str) -> str:
        content = source.encode()
        digest = hashlib.sha256(content).hexdigest()
        os.makedirs(self._sources, exist_ok=True)
        self._write(os.path.join(self._sources, digest), content)
        return KEPT_SOURCE + digest

    def _path(self, request_id: str) -> str:
        # The id comes from a URL: it must not lead out of the folder.
        if not _REQUEST_ID.fullmatch(request_id):
            raise KeyError(request_id)
        return os.path.join(self._jobs, request_id + ".json")

    def _write(self, path: str, content: bytes) -> None:
        part = f"{path}.{os.getpid()}-{next(self._numbers)}.part"
        with open(part, "wb") as file:
            file.write(content)
        replace(part, path)


def _stamp(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_ino, status.st_mtime_ns


def _read(path: str) -> Job:
    with open(path, "rb") as file:
        values: dict[str, Any] = json.load(file)
    return Job(**{name: value for name, value in values.items() if name in _FIELDS})
