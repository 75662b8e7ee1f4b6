"""A proxy on this machine that notes what goes through it, and may let some of it wait."""

import http.client
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from helpers.waiting import PATIENCE


class Proxy:
    """`asked` has what was asked for as `METHOD URL`, or `CONNECT HOST:PORT`, and `answered` what had its answer.

    What `holds` says yes to is read and goes no further; its connection is cut in the end.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answered: list[str] = []
        self.holds: Callable[[str], bool] = lambda _: False
        self.released = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def proxy() -> Iterator[Proxy]:
    """One that runs."""
    made = Proxy()
    try:
        yield made
    finally:
        made.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    proxy: Proxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who was killed says no goodbye."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        proxy, name = self.server.proxy, f"{self.command} {self.path}"
        proxy.asked.append(name)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if proxy.holds(name):
            proxy.released.wait(PATIENCE)
            self.close_connection = True
            return
        parts = urlsplit(self.path)
        with closing(http.client.HTTPConnection(parts.netloc, timeout=PATIENCE)) as onward:
            onward.request(self.command, parts._replace(scheme="", netloc="").geturl(), body, dict(self.headers))
            answer = onward.getresponse()
            content = answer.read()
        self.send_response_only(answer.status)
        for header, value in answer.headers.items():
            if header.lower() not in {"transfer-encoding", "connection", "content-length"}:
                self.send_header(header, value)
        self.send_header("Content-Length", answer.headers.get("Content-Length") or str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        proxy.answered.append(name)

    do_PUT = do_POST = do_HEAD = do_DELETE = do_GET  # noqa: N815 - the names that http.server looks for

    def do_CONNECT(self) -> None:
        self.server.proxy.asked.append(f"CONNECT {self.path}")
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port)), PATIENCE) as onward:
            self.send_response_only(200)
            self.end_headers()
            self.wfile.flush()
            ends = {self.connection: onward, onward: self.connection}
            while ready := select.select(list(ends), [], [], PATIENCE)[0]:
                for end in ready:
                    data = end.recv(1 << 16)
                    if not data:
                        self.close_connection = True
                        return
                    ends[end].sendall(data)

    def log_message(self, *_: Any) -> None:
        pass
