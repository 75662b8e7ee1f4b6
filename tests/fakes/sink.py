"""An S3 that forgets all bodies: for files that are too large to be kept. `python sink.py` prints its URL."""

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_BLOCK = 1 << 20


class Sink(ThreadingHTTPServer):
    """`asked` counts the requests, `taken` the bytes of all bodies; while `answers` is cleared, none is answered."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked = self.taken = 0
        self.lock = threading.Lock()
        self.answers = threading.Event()
        self.answers.set()

    def handle_error(self, *_: Any) -> None:
        """Who has waited too long is gone."""


@contextmanager
def sink() -> Iterator[Sink]:
    """One that runs."""
    server = Sink()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.answers.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Sink

    def _answer(self) -> None:
        left = int(self.headers.get("Content-Length", 0))
        with self.server.lock:
            self.server.asked += 1
            self.server.taken += left
        while left and (block := self.rfile.read(min(left, _BLOCK))):
            left -= len(block)
        self.server.answers.wait()
        is_new = self.command == "POST" and re.search(r"[?&]uploads=?(&|$)", self.path)
        body = b"<R><UploadId>one</UploadId><Bucket>b</Bucket><Key>k</Key></R>" if is_new else b"<R><ETag>x</ETag></R>"
        self.send_response(404 if self.command == "HEAD" else 200)
        self.send_header("ETag", '"x"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: Any) -> None:
        pass


if __name__ == "__main__":
    running = Sink()
    print(running.url, flush=True)
    try:
        running.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)
