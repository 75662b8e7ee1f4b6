"""HTTP/1.1 on asyncio: h11 reads and writes the messages, a handler answers them, one at a time a connection."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

import h11

# Bytes of a file in memory at a time, and of unsent answer at most.
CHUNK = 256 * 1024
# Seconds without a byte taken of an answer.
STALL_SECONDS = 60.0
# Seconds that a client may go on sending what was refused as too large, so that it gets to read the refusal.
LINGER = 5.0

REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """Of a server: its name, the bytes that a request's body may have, and the seconds for a whole request.

    The seconds count from the request before; `connections` is how many may be open.
    """

    name: str
    largest_body: int
    request_seconds: float
    connections: int = 1 << 16


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class FilePart:
    """A stretch of a file. `stop_after`: bytes after which the connection is closed in the middle of the body."""

    path: str
    start: int
    length: int
    stop_after: int | None = None

    def read(self, chunk: int) -> Iterator[bytes]:
        """The bytes, `chunk` at a time. Raises EOFError where the file has become shorter than was promised."""
        left = self.length if self.stop_after is None else self.stop_after
        with open(self.path, "rb") as file:
            file.seek(self.start)
            while left:
                data = file.read(min(chunk, left))
                if not data:
                    raise EOFError(self.path)
                left -= len(data)
                yield data


@dataclass(frozen=True, slots=True)
class Response:
    """`bytes_per_second`: None is as fast as it can be."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | FilePart = b""
    bytes_per_second: int | None = None

    def pieces(self) -> Iterator[bytes]:
        """The body, a piece at a time."""
        speed = self.bytes_per_second
        size = CHUNK if speed is None else max(1, min(CHUNK, speed // 8))
        if isinstance(self.body, FilePart):
            yield from self.body.read(size)
        else:
            yield from (self.body[start : start + size] for start in range(0, len(self.body), size))


# None cuts the connection in place of an answer. A coroutine is for what cannot be answered at once.
Answer = Response | None
Handler = Callable[[Request], Answer | Coroutine[Any, Any, Answer]]


class Connection(asyncio.Protocol):
    """One client. `connections` is the set of those that are open, itself among them."""

    def __init__(self, handler: Handler, connections: set["Connection"], manners: Manners) -> None:
        self._handler = handler
        self._manners = manners
        self._connections = connections
        self._http = h11.Connection(h11.SERVER)
        self._transport: asyncio.Transport
        self._loop = asyncio.get_running_loop()
        # Done when the connection is.
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._request: h11.Request | None = None
        self._body = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._full = False
        self._drained: asyncio.Future[None] | None = None
        self._deaf = False
        self._linger: asyncio.TimerHandle | None = None
        # Since when a request is waited for; None while one is answered.
        self._idle_since: float | None = None
        self._watch: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Over TLS that is after the handshake, and does not come where there is none."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._idle_since = self._loop.time()
        self._watch = self._loop.call_later(self._manners.request_seconds, self._close_if_idle)
        if len(self._connections) >= self._manners.connections:  # who says nothing makes room for who may
            idle = [one for one in self._connections if one._idle_since is not None]
            oldest = min(idle, key=lambda one: one._idle_since or 0.0, default=self)
            self._connections.discard(oldest)  # or the next one, before the loop turns, would find it again
            oldest.close()
        transport.set_write_buffer_limits(high=CHUNK)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why it was lost changes nothing
        self._connections.discard(self)
        self.closed.set_result(None)
        self._watch.cancel()
        if self._linger:
            self._linger.cancel()
        if self._task:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._http.receive_data(data)
        if self._task:
            # One more request is kept for later; what follows it stays in the kernel.
            self._transport.pause_reading()
        else:
            self._advance()

    def eof_received(self) -> bool:
        if not self._deaf:
            self._http.receive_data(b"")
            if self._task is None:
                self._advance()
        # What is being answered is answered still: who sends no more may well listen, but over TLS, which ends as one.
        is_plain = self._transport.get_extra_info("sslcontext") is None
        return is_plain and (self._task is not None or self._http.our_state is h11.SEND_BODY)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        if self._drained and not self._drained.done():
            self._drained.set_result(None)
        if self._task is None:
            self._advance()

    def close(self) -> None:
        """Cut the connection, whatever it is doing."""
        self._transport.abort()

    def _close_if_idle(self) -> None:
        now, since, most = self._loop.time(), self._idle_since, self._manners.request_seconds
        if since is not None and now - since >= most:
            self._transport.abort()
        else:
            left = most if since is None else most - (now - since)
            self._watch = self._loop.call_later(left, self._close_if_idle)

    def _advance(self) -> None:
        """Read and answer what has come, until more is needed or an answer takes its time."""
        try:
            while not (self._task or self._full or self._deaf or self._transport.is_closing()):
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    if self._http.they_are_waiting_for_100_continue:
                        self._send(h11.InformationalResponse(status_code=100, headers=[]))
                    return
                if event is h11.PAUSED:
                    return
                self._take(event)
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint, str(error))

    def _take(self, event: object) -> None:
        if isinstance(event, h11.Request):
            self._request = event
            if int(dict(event.headers).get(b"content-length", b"0")) > self._manners.largest_body:
                self._refuse(413, f"The body is larger than {self._manners.largest_body >> 20} MB")
        elif isinstance(event, h11.Data):
            self._body += event.data
            if len(self._body) > self._manners.largest_body:
                self._refuse(413, f"The body is larger than {self._manners.largest_body >> 20} MB")
        elif isinstance(event, h11.EndOfMessage):
            self._handle()
        else:
            self._transport.close()

    def _handle(self) -> None:
        assert self._request
        request = Request(
            self._request.method.decode(),
            self._request.target.decode("latin-1"),
            {name.decode(): value.decode("latin-1") for name, value in self._request.headers},
            bytes(self._body),
        )
        self._body.clear()
        self._idle_since = None
        answer = self._handler(request)
        if answer is None:
            self._transport.abort()
        elif not isinstance(answer, Response):
            self._begin(self._answer_later(answer))
        elif self._is_short(answer):
            self._send_short(answer)
        else:
            self._begin(self._stream(answer))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = self._loop.create_task(work)
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if task.cancelled():
            return
        error = task.exception()
        if error:
            # An answer that was begun cannot be taken back.
            self._transport.abort()
            if not isinstance(error, OSError | EOFError):
                self._loop.call_exception_handler({"message": "a request failed", "exception": error, "protocol": self})
        if not self._transport.is_closing():
            self._transport.resume_reading()
            self._advance()

    async def _answer_later(self, coming: Coroutine[Any, Any, Answer]) -> None:
        answer = await coming
        if answer is None:
            self._transport.abort()
        elif self._is_short(answer):
            self._send_short(answer)
        else:
            await self._stream(answer)

    def _is_short(self, response: Response) -> bool:
        """Whether it can be sent in one go."""
        body = response.body
        if self._request and self._request.method == b"HEAD":
            return True
        return response.bytes_per_second is None and (isinstance(body, bytes) or body.length <= CHUNK)

    def _send_short(self, response: Response) -> None:
        body = response.body
        if self._request and self._request.method == b"HEAD":
            body = b""
        elif isinstance(body, FilePart):
            body = b"".join(body.read(CHUNK))
        self._send(self._head(response), h11.Data(data=body))
        self._end(response)

    async def _stream(self, response: Response) -> None:
        self._send(self._head(response))
        speed = response.bytes_per_second
        for data in response.pieces():
            self._send(h11.Data(data=data))
            if speed is not None:
                await asyncio.sleep(len(data) / speed)
            if self._full:
                self._drained = self._loop.create_future()
                async with asyncio.timeout(STALL_SECONDS):  # an OSError, which ends the connection
                    await self._drained
        self._end(response)

    def _send(self, *events: h11.Event) -> None:
        # One write for all: the head and a short body travel in one packet.
        self._transport.write(b"".join([self._http.send(event) or b"" for event in events]))

    def _end(self, response: Response) -> None:
        self._request = None
        self._idle_since = self._loop.time()
        if isinstance(response.body, FilePart) and response.body.stop_after is not None:
            self._transport.close()
            return
        self._send(h11.EndOfMessage())
        if self._http.our_state is h11.MUST_CLOSE:
            self._transport.close()
        elif self._http.their_state is h11.DONE:
            self._http.start_next_cycle()

    def _refuse(self, status: int, message: str) -> None:
        """Answer what cannot be read on from, then close; the rest of it is received and dropped."""
        if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            headers = {"Content-Type": "text/plain; charset=utf-8", "Connection": "close"}
            body = message.encode()
            shown = b"" if self._request and self._request.method == b"HEAD" else body
            self._send(self._head(Response(status, headers, body)), h11.Data(data=shown))
        self._deaf = True
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._linger = self._loop.call_later(LINGER, self._transport.abort)

    def _head(self, response: Response) -> h11.Response:
        length = len(response.body) if isinstance(response.body, bytes) else response.body.length
        headers = [
            ("Server", self._manners.name),
            ("Date", formatdate(usegmt=True)),
            *response.headers.items(),
            ("Content-Length", str(length)),
        ]
        return h11.Response(status_code=response.status, headers=headers, reason=REASONS.get(response.status, b""))
