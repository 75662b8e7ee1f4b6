"""A gateway for measurements: it does no work, and keeps its own clock of when each job became COMPLETED.

    python gateway.py [FILM]     serves until it is ended; prints its URL

A source `.../after-2900ms.png` is completed that long after its submission, `.../behind-2-0.png` one millisecond after
its second poll was answered, which is the worst moment for whoever polls, and any other source at once. Any other
request id is a job whose result is FILM: `ranges` from a server that sends any part of it, `limited` from one that
sends `RATE` to each connection, and whatever else from one that sends the whole. `GET /completed` gives, by the
source's name, the instants at which jobs became COMPLETED (`time.monotonic`, which all processes of a machine share).
"""

import asyncio
import json
import re
import sys
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO

from PIL import Image

STATUS = "/v2/requests/status/"
MEDIA = "/media/"
# Bytes a second to one connection, and bytes of it at once.
RATE = 50_000_000
SLICE = 1_000_000
# Seconds between the answer to a poll and the completion, at the worst moment.
BEHIND = 0.001


@dataclass
class Job:
    name: str
    began: float = field(default_factory=time.time)
    completed: float | None = None
    completes_behind_poll: int = 0
    polls: int = 0


class Gateway:
    def __init__(self, film: str | None) -> None:
        self._film = film
        self._jobs: dict[str, Job] = {}
        picture = BytesIO()
        Image.new("RGB", (64, 64)).save(picture, "PNG")
        self._picture = picture.getvalue()

    async def serve(self) -> None:
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0)
        self._url = "http://{}:{}".format(*server.sockets[0].getsockname())
        print(self._url, flush=True)
        await server.serve_forever()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = re.search(r"(?i)content-length: *(\d+)", head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                await self._answer(head, body, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(self, head: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        method, path = head.split(" ", 2)[:2]
        if method == "POST":
            self._json(writer, 202, self._submit(body))
        elif path.startswith(STATUS):
            self._json(writer, 200, self._poll(path.removeprefix(STATUS)))
        elif path == "/completed":
            self._json(writer, 200, {job.name: job.completed for job in self._jobs.values()})
        elif path.endswith("/film.mp4") and self._film:
            await self._send_film(path.split("/")[-2], head, writer, self._film)
        else:
            self._head(writer, 200, "image/png", len(self._picture))
            writer.write(self._picture)

    async def _send_film(self, how: str, head: str, writer: asyncio.StreamWriter, path: str) -> None:
        asked = re.search(r"(?im)^range: bytes=(\d+)-(\d*)\r$", head) if how in {"ranges", "limited"} else None
        with open(path, "rb") as film:
            begin, end = 0, (size := film.seek(0, 2))
            if asked:
                begin, end = int(asked[1]), int(asked[2]) + 1 if asked[2] else size
            more = f"Content-Range: bytes {begin}-{end - 1}/{size}\r\n" if asked else ""
            more += "Accept-Ranges: bytes\r\n" if how in {"ranges", "limited"} else ""
            self._head(writer, 206 if asked else 200, "application/octet-stream", end - begin, more)
            await writer.drain()
            loop = asyncio.get_running_loop()
            if how != "limited":
                await loop.sendfile(writer.transport, film, begin, end - begin)
                return
            began, first = time.monotonic(), begin
            while begin < end:
                if writer.is_closing():
                    return
                begin += await loop.sendfile(writer.transport, film, begin, min(SLICE, end - begin))
                await asyncio.sleep(max(0.0, began + (begin - first) / RATE - time.monotonic()))

    def _submit(self, body: bytes) -> dict[str, object]:
        name = json.loads(body)["image_url"].rpartition("/")[2].removesuffix(".png")
        job = Job(name)
        kind, _, rest = name.partition("-")
        number = rest.partition("-")[0]
        if kind == "behind":
            job.completes_behind_poll = int(number)
        else:
            job.completed = time.monotonic() + (int(number.removesuffix("ms")) / 1000 if kind == "after" else 0.0)
        request_id = str(uuid.uuid4())
        self._jobs[request_id] = job
        return {"request_id": request_id, "status": "QUEUED"}

    def _poll(self, request_id: str) -> dict[str, object]:
        job = self._jobs.get(request_id) or Job("film", completed=0)
        job.polls += 1
        now = time.monotonic()
        answer: dict[str, object] = {"request_id": request_id, "status": "PROCESSING", "created_at": stamp(job.began)}
        if job.completed is not None and now >= job.completed:
            media = f"{request_id}.png" if request_id in self._jobs else f"{request_id}/film.mp4"
            answer |= {
                "status": "COMPLETED",
                "output": {"media_url": [f"{self._url}{MEDIA}{media}"]},
                "completed_at": stamp(time.time() - now + job.completed),
            }
        elif job.polls == job.completes_behind_poll:
            job.completed = now + BEHIND
        return answer

    def _json(self, writer: asyncio.StreamWriter, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self._head(writer, status, "application/json", len(body))
        writer.write(body)

    def _head(self, writer: asyncio.StreamWriter, status: int, media_type: str, length: int, more: str = "") -> None:
        writer.write(
            f"HTTP/1.1 {status} OK\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n"
            f'{more}ETag: "1"\r\n\r\n'.encode()
        )


def stamp(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


if __name__ == "__main__":
    asyncio.run(Gateway(sys.argv[1] if len(sys.argv) > 1 else None).serve())
