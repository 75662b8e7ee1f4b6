"""Stand-ins around a delivery: who asks for it, and who serves it, piece by piece."""

import asyncio
import hashlib
import io
import os
from contextlib import asynccontextmanager

from PIL import Image

from seedvr_cli.download.destination import Destination
from seedvr_cli.download.disk import Disk
from seedvr_cli.download.download import fetch_file
from seedvr_cli.download.hooks import Hooks
from seedvr_cli.values.answer import Stream
from seedvr_cli.values.errors import DeliveryError, NetworkError
from seedvr_cli.values.media import EXTENSIONS
from seedvr_cli.values.schedule import LONGEST_BACKOFF

URL = "https://cdn.example/output.png"
# Waits after which a delivery that should have been given up counts as endless.
ENDLESS = 50
HTML = b"<!DOCTYPE html><html><body><h1>Sign in to the hotel's network</h1>" + b"<p>please</p>" * 20


def picture(seed=0, size=(40, 30), form="PNG"):
    """A picture of its own for each seed, of some kilobytes."""
    file = io.BytesIO()
    pixels = hashlib.shake_128(str(seed).encode()).digest(size[0] * size[1] * 3)
    Image.frombytes("RGB", size, pixels).save(file, form)
    return file.getvalue()


PNG, OTHER, JPEG = picture(1), picture(2), picture(1, form="JPEG")


class Endless(Exception):
    """A delivery that goes on for ever."""


class Owner:
    """What a delivery asks of its owner: names in a folder, and notes of all that it is told."""

    def __init__(self, folder, *, overwrite=False, largest=1 << 30):
        self.folder = folder
        self.overwrite = overwrite
        self.largest = largest
        self.placed = []
        self.etags = []
        self.progress = []
        self.pauses = []
        self.noted = None, None
        self.urls = []

    @property
    def hooks(self):
        beside = asyncio.Semaphore(6)
        return Hooks(
            self.place, self.note, self.note_progress, self.pause, lambda: 1.0, Disk(), self.largest, beside, self.renew
        )  # fmt: skip

    async def place(self, media_type, _lost=None, _proof=None):
        number = 1
        while True:
            name = f"out{EXTENSIONS[media_type]}" if number == 1 else f"out-{number}{EXTENSIONS[media_type]}"
            path = str(self.folder / name)
            if self.overwrite or not os.path.lexists(path):
                self.placed.append(name)
                return Destination(path, self.overwrite)
            number += 1

    async def note(self, path, etag, pieces=None):
        assert os.path.exists(f"{path}.part")
        if pieces is None:
            self.etags.append((os.path.basename(path), etag))
        self.noted = etag, pieces

    async def renew(self):
        return self.urls.pop(0) if self.urls else None

    def note_progress(self, done, total):
        self.progress.append((done, total))

    async def pause(self, seconds):
        assert 0 <= seconds <= LONGEST_BACKOFF
        self.pauses.append(seconds)
        if len(self.pauses) > ENDLESS:
            raise Endless


class Server:
    """A `Fetch` by hand: one answer after the other, the last one again and again. `asked` are offset and ETag."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    @asynccontextmanager
    async def fetch(self, _url, offset=0, etag=None, _end=None):
        self.asked.append((offset, etag))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        yield answer(offset, etag)


def body(content, *, etag=None, total=-1, offset=0, chunk=100, then=None):
    """A stream of these bytes in pieces, which then breaks with `then`. `total` -1 is the bytes' own number."""

    async def chunks():
        for start in range(0, len(content), chunk):
            yield content[start : start + chunk]
        if then is not None:
            raise then

    return lambda _offset, _etag: Stream(offset, offset + len(content) if total == -1 else total, etag, chunks())


def cut(content, at, *, etag=None):
    """A body that breaks after so many bytes."""
    return body(content[:at], etag=etag, total=len(content), then=NetworkError("the download broke: cut"))


def served(content, etag, *, at=()):
    """A server that knows ranges, and breaks once at each of these bytes."""
    cuts = list(at)

    def answer(offset, asked):
        begin = offset if asked == etag else 0
        end = cuts.pop(0) if cuts else len(content)
        then = NetworkError("cut") if end < len(content) else None
        return body(content[begin:end], etag=etag, offset=begin, total=len(content), then=then)(offset, asked)

    return answer


def delivered(owner, *answers, resume=None, etag=None, url=URL):
    """The delivered file, or the exception; the server comes second."""
    server = Server(*answers)

    async def run():
        return (await fetch_file(url, server.fetch, owner.hooks, resume=resume, etag=etag))[0]

    try:
        return asyncio.run(run()), server
    except DeliveryError as error:
        return error, server


def files(folder):
    return sorted(os.listdir(folder))


# Taken up again, from an earlier run.


def left_behind(folder, content, name="out.png"):
    """The destination of an earlier run that got so far."""
    (folder / f"{name}.part").write_bytes(content)
    return Destination(str(folder / name))
