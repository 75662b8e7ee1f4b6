"""A stand-in for the hosted gateway: it really listens, and answers as a test's script says."""

import json
import socket
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from helpers.places import TINY
from helpers.waiting import PATIENCE

STATUS_PATH = "/v2/requests/status/"


@dataclass(frozen=True)
class Heard:
    """One request to the fake gateway. `source` is that of the body, or of the job that is asked for.

    `certificate`: whether the client has shown one.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float
    source: str | None
    certificate: bool = False

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def request_id(self) -> str:
        """Of a poll: the job that it asks for."""
        return unquote(self.path.removeprefix(STATUS_PATH))


@dataclass(frozen=True)
class Reply:
    """An answer: a body as it is, or anything else as JSON.

    `cut_after`: bytes of the body, then no connection. `held`: half of the body, and the rest once that is set,
    or `drip` seconds for each byte before, so that whoever shows how far it is has something to show.
    """

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    held: threading.Event | None = None
    drip: float | None = None

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


# The connection ends without an answer.
CUT = Reply(status=0)
Script = Callable[[Heard], Reply | None]


class FakeGateway:
    """Accepts, completes at the first poll and serves a small PNG, except where the script has another answer.

    A script returns None for what a gateway would say. It may run in several threads at once.
    """

    def __init__(
        self, script: Script | None = None, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> None:  # fmt: skip
        self.script: Script = script or (lambda _: None)
        self.heard: list[Heard] = []
        self.errors: list[BaseException] = []
        self.picture = (TINY / "picture.png").read_bytes()
        self._sources: list[str] = []
        self._lock = threading.Lock()
        self._server = (_Server6 if ":" in host else _Server)((host, 0), _Handler)
        self._server.fake = self
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self.url = f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def posts(self, source: str | None = None) -> list[Heard]:
        """The submissions that arrived, of that source or all, whatever the answer was."""
        return [one for one in self.heard if one.method == "POST" and source in {None, one.source}]

    def polls(self) -> list[Heard]:
        return [one for one in self.heard if one.path.startswith(STATUS_PATH)]

    def downloads(self) -> list[Heard]:
        return [one for one in self.heard if one.path.startswith("/media/")]

    def accept(self, source: str | None, **more: Any) -> Reply:
        """The answer 202 to a submission, with a request id of its own."""
        with self._lock:
            self._sources.append(source or "")
            request_id = f"fake_{len(self._sources)}"
        return Reply(202, {"request_id": request_id, "status": "QUEUED", **more})

    def view(self, heard: Heard, status: str = "COMPLETED", **more: Any) -> Reply:
        """The answer to a poll."""
        request_id = heard.request_id
        output = {"media_url": [f"{self.url}/media/{request_id}/output.png"], "media_type": "image/png"}
        now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
        body = {
            "request_id": request_id,
            "status": status,
            "model_id": "seedvr2-7b-upscale",
            "error": None,
            "output": output if status == "COMPLETED" else None,
            "created_at": now,
            "updated_at": now,
            "completed_at": now if status in {"COMPLETED", "FAILED", "ERROR"} else None,
        }
        return Reply(200, {**body, **more})

    def accepted(self) -> Counter[str]:
        """How often each source was accepted."""
        with self._lock:
            return Counter(self._sources)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE)

    def _hear(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, *, certificate: bool
    ) -> Reply:  # fmt: skip
        at = time.monotonic()
        source = None
        if method == "POST":
            values = json.loads(body)
            source = values.get("image_url") or values.get("video_url")
        elif path.startswith((STATUS_PATH, "/media/")):
            number = path.removesuffix("/output.png").rpartition("_")[2]
            source = self._sources[int(number) - 1] if number.isdigit() and int(number) <= len(self._sources) else None
        heard = Heard(method, path, headers, body, at, source, certificate)
        self.heard.append(heard)
        answer = self.script(heard)
        if answer is not None:
            return answer
        if method == "POST":
            return self.accept(source)
        if path.startswith("/media/"):
            return Reply(200, self.picture)
        if source is not None:
            return self.view(heard)
        return Reply(404, {"error": "Not Found", "message": "no such job"})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    fake: FakeGateway

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self.fake.errors.append(error)


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:  # the client is gone: half a request is none
            self._cut()
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.fake._hear(self.command, self.path, headers, body, certificate=self._has_certificate())
        if answer.status == CUT.status:
            self._cut()
            return
        content = answer.content
        self.send_response_only(answer.status)
        usual = {"Date": self.date_time_string(), "Content-Length": str(len(content))}
        for name, value in {**usual, **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if answer.held:
            half = len(content) // 2
            self.wfile.write(content[:half])
            content = content[half:]
            while not answer.held.wait(answer.drip or PATIENCE) and answer.drip:
                self.wfile.write(content[:1])
                content = content[1:]
        self.wfile.write(content if answer.cut_after is None else content[: answer.cut_after])
        if answer.cut_after is not None:
            self._cut()

    def do_POST(self) -> None:
        self.do_GET()

    def do_CONNECT(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        pass

    def _has_certificate(self) -> bool:
        return isinstance(self.connection, ssl.SSLSocket) and bool(self.connection.getpeercert(binary_form=True))

    def _cut(self) -> None:
        self.close_connection = True
        if self.wfile.closed:
            return
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
