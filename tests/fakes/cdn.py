"""A stand-in for the server that results are fetched from: real connections, cut where a test says."""

import asyncio
import math
import re
import time
from contextlib import asynccontextmanager
from dataclasses import replace

from fakes.loopback import loopback
from seedvr_cli.download.download import fetch_file
from seedvr_cli.gateway.client import Gateway
from seedvr_cli.values.errors import DeliveryError, StillRunning


class Cdn:
    """A media server on loopback. Each request takes the next answer: how, and after how many bytes it is cut.

    A "silent" one is not cut there: nothing more comes, and the connection stays.
    """

    def __init__(self, content, *answers, etag='"a"'):
        self.content = content
        self.answers = list(answers)
        self.etag = etag
        self.ranges = []

    @asynccontextmanager
    async def serve(self):
        """The media URL, while the server is there."""

        async def handle(reader, writer):
            how = self._answer((await reader.readuntil(b"\r\n\r\n")).decode(), writer)
            await writer.drain()
            if how == "silent":
                await reader.read()

        async with loopback(handle) as url:
            yield f"{url}/output.png"

    def _answer(self, head, writer):
        how, at = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        asked = re.search(r"(?im)^range: bytes=(\d+)-(\d*)\r$", head)
        condition = re.search(r"(?im)^if-range: (.*)\r$", head)
        self.ranges.append((int(asked[1]) if asked else 0, condition[1] if condition else None))
        is_part = asked and how == "ranges" and condition and condition[1] == self.etag
        begin = int(asked[1]) if is_part else 0
        end = int(asked[2]) + 1 if is_part and asked[2] else len(self.content)
        if how == "416" and asked:
            writer.write(b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n")
            return how
        part = self.content[begin:end]
        lines = ["HTTP/1.1 206 Partial Content" if begin else "HTTP/1.1 200 OK", "Connection: close"]
        if begin:
            lines.append(f"Content-Range: bytes {begin}-{end - 1}/{len(self.content)}")
        if how == "ranges":
            lines.append("Accept-Ranges: bytes")
        if self.etag:
            lines.append(f"ETag: {self.etag}")
        if how == "chunked":
            lines.append("Transfer-Encoding: chunked")
            part = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in _pieces(part)) + b"0\r\n\r\n"
        elif how != "to the end":
            lines.append(f"Content-Length: {len(part)}")
        writer.write("\r\n".join([*lines, "", ""]).encode() + part[: None if at is None else at])
        return how


def _pieces(content, size=200):
    return [content[start : start + size] for start in range(0, len(content), size)]


def from_cdn(owner, cdn, *, now=time.monotonic, deadline=math.inf, **more):
    """What a delivery from that server comes to."""
    hooks = replace(owner.hooks, now=now, deadline=deadline)

    async def run():
        async with cdn.serve() as url, Gateway("http://127.0.0.1:9", "k-0123456789") as client:
            return (await fetch_file(url, client.media.fetch, hooks, **more))[0]

    try:
        return asyncio.run(run())
    except (DeliveryError, StillRunning) as error:
        return error
