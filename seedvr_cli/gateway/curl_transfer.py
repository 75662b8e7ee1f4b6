"""One request of libcurl's and its answer, as libcurl tells of them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pycurl

from seedvr_cli.gateway.certificates import is_refusal
from seedvr_cli.gateway.proxies import hide_proxies, refusal
from seedvr_cli.gateway.transport import CertificateRefused, Lost, Unreachable, Unsent

# Bytes of a stream that may wait for who reads it.
AHEAD_BYTES = 1 << 20

# CURLE_PROXY, which pycurl has no name for: SOCKS did not come to a connection.
_PROXY_FAILED = 97
_NO_URL = frozenset({pycurl.E_URL_MALFORMAT, pycurl.E_UNSUPPORTED_PROTOCOL})


class Transfer:
    """Under way from `begin` to `close`."""

    def __init__(self, curl: pycurl.Curl, seconds: float, largest: int | None) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._curl = curl
        self._seconds = seconds
        self._largest = largest
        self._pieces: list[bytes] = []
        self._size = 0
        self._is_sent = self._is_begun = self._is_paused = False
        self._reason = ""
        self._changed = asyncio.Event()
        curl.setopt(pycurl.PREREQFUNCTION, self._on_sending)
        curl.setopt(pycurl.HEADERFUNCTION, self._on_header)
        curl.setopt(pycurl.WRITEFUNCTION, self._on_body)

    def begin(self, ended: "asyncio.Future[pycurl.Curl]") -> None:
        """It is under way, and has `ended` when that is done."""
        self.ended = ended
        ended.add_done_callback(lambda _: self._changed.set())
        self._loop = asyncio.get_running_loop()
        self._heard = self._loop.time()
        self._timer = self._loop.call_later(self._seconds, self._on_silence)

    def close(self) -> None:
        """Break it off, if it has not come to its end."""
        self._timer.cancel()
        self.ended.cancel()

    def take(self) -> list[bytes]:
        """What has come of the body since this was last asked."""
        pieces, self._pieces, self._size = self._pieces, [], 0
        return pieces

    async def begun(self) -> None:
        """Wait for the end of the headers."""
        with self.translated():
            while not self._is_begun:
                if self.ended.done():
                    self.ended.result()
                    return
                await self._change()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes; libcurl waits where nobody takes it."""
        while True:
            for piece in self.take():
                yield piece
            with self.translated():
                if self._pieces:
                    continue
                if self.ended.done():
                    self.ended.result()
                    return
                if self._is_paused:
                    self._is_paused, self._heard = False, self._loop.time()
                    self._curl.pause(pycurl.PAUSE_CONT)
                else:
                    await self._change()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """What libcurl says, as the seam says it: before it was about to send there was no request."""
        try:
            yield
        except TimeoutError as error:
            if not self._is_sent:
                raise Unreachable("no connection in time") from error
            raise Lost("no answer in time") from error
        except pycurl.error as error:
            code, text = error.args
            if is_refusal(text):
                raise CertificateRefused(hide_proxies(text)) from error
            if self._is_sent:
                raise Lost(self._reason or hide_proxies(text)) from error
            if code in _NO_URL:
                raise Unsent(hide_proxies(text)) from error
            status = self._curl.getinfo(pycurl.HTTP_CONNECTCODE)
            if status >= 300:
                raise refusal(status, text, is_login=True) from error
            if code == _PROXY_FAILED:
                raise refusal(None, hide_proxies(text), is_login="auth" in text.lower()) from error
            late = code == pycurl.E_OPERATION_TIMEDOUT
            raise Unreachable("no connection in time" if late else hide_proxies(text)) from error

    async def _change(self) -> None:
        """Something has happened: headers, a piece, the end."""
        self._changed.clear()
        await self._changed.wait()

    def _on_sending(self, *_: object) -> int:
        self._is_sent = True
        return int(pycurl.PREREQFUNC_OK)

    def _on_header(self, line: bytes) -> None:
        self._heard = self._loop.time()
        if not self._is_sent or self._is_begun:
            return  # a proxy's, or what follows the body
        name, colon, value = line.partition(b":")
        if line.startswith(b"HTTP/"):
            self.status, self.headers = _status(line), {}
        elif colon:
            key, text = _text(name).lower(), _text(value).strip()
            self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text
        elif not line.strip() and self.status >= 200:
            self._is_begun = True
            self._changed.set()

    def _on_body(self, piece: bytes) -> int | None:
        self._heard = self._loop.time()
        self._changed.set()
        if self._largest is None and self._size >= AHEAD_BYTES:
            self._is_paused = True
            return int(pycurl.WRITEFUNC_PAUSE)
        self._pieces.append(piece)
        self._size += len(piece)
        if self._largest is not None and self._size > self._largest:
            self._reason = f"it has more than {self._largest} bytes"
            return 0
        return None

    def _on_silence(self) -> None:
        now = self._loop.time()
        if self._is_paused:
            self._heard = now
        if self._heard + self._seconds <= now:
            if not self.ended.done():
                self.ended.set_exception(TimeoutError())
            return
        self._timer = self._loop.call_at(self._heard + self._seconds, self._on_silence)


def _status(line: bytes) -> int:
    """What libcurl, which is not strict about it, has taken for a status line."""
    digits = line.partition(b" ")[2].lstrip()[:3]
    return int(digits) if digits.isdigit() else 0


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")
