"""Which objects jobs of this machine need: a small file for each mark that was put beside an object.

Who is killed, or does not wait, leaves such files, and a later run takes from them what is to be let go of.
"""

import json
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from seedvr_cli.values.target import Target


@dataclass(frozen=True, slots=True)
class Mark:
    """That the job of that key needs an object, since `made_at` (seconds since 1970); `path` is the file that says so.

    `target` is where the object is, its `url` the object's own.
    """

    key: str
    name: str
    target: Target
    path: str
    made_at: float


class Marks:
    """Of this machine, in that folder. Blocks, if only for the disk."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def make(self, key: str, url: str, target: Target) -> Mark:
        """A new one for the object at `url`, before it is put there. OSError where it cannot be written."""
        name = uuid.uuid4().hex
        path = os.path.join(self._folder, key, name)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(path, "x", encoding="utf-8") as file:
            json.dump([made_at := time.time(), url, target.endpoint, target.region], file)
        return Mark(key, name, replace(target, url=url), path, made_at)

    def of(self, key: str) -> list[Mark]:
        """Those of one job."""
        return list(self._read(key))

    def jobs(self) -> list[str]:
        """The keys of those that have marks."""
        return _names(self._folder)

    def remove(self, mark: Mark) -> None:
        """It is no more."""
        with suppress(OSError):
            os.unlink(mark.path)
            os.rmdir(os.path.dirname(mark.path))  # where it was the last one

    def _read(self, key: str) -> Iterator[Mark]:
        for name in _names(os.path.join(self._folder, key)):
            path = os.path.join(self._folder, key, name)
            with suppress(OSError, ValueError, TypeError):  # of somebody who was killed right here, or another's work
                with open(path, encoding="utf-8") as file:
                    made_at, url, endpoint, region = json.load(file)
                yield Mark(key, name, Target(url=url, endpoint=endpoint, region=region), path, made_at)


def _names(folder: str) -> list[str]:
    with suppress(FileNotFoundError, NotADirectoryError):
        return os.listdir(folder)
    return []
