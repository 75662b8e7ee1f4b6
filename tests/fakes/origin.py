"""A server of sources, as users have them behind their URLs."""

import itertools
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from helpers.waiting import PATIENCE

# The system gives the port of a server that is closed to a later one: by its number no two have a URL in common.
_numbers = itertools.count(1)


@dataclass
class Origin:
    """What stands at each path, with headers beside its length; where nothing does, the connection breaks off."""

    files: dict[str, tuple[bytes, dict[str, str]]] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"origin": self}))
        self._server.daemon_threads = True
        self._root = f"/{next(_numbers)}"
        self.url = f"http://127.0.0.1:{self._server.server_port}{self._root}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def put(self, path: str, content: bytes, **headers: str) -> str:
        """Have it stand there from now on; gives its URL."""
        self.files[path] = content, {name.replace("_", "-"): value for name, value in headers.items()}
        return self.url + path

    def path(self, asked: str) -> str:
        """The path that is asked for, without the query."""
        return asked.partition("?")[0].removeprefix(self._root)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    origin: Origin

    def do_GET(self) -> None:
        path = self.origin.path(self.path)
        self.origin.heard.append(path)
        if path not in self.origin.files:
            self.close_connection = True
            return
        content, headers = self.origin.files[path]
        first, _, last = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
        part = content[int(first) : int(last) + 1] if last else content
        self.send_response_only(206 if last else 200)
        usual = {"Content-Length": str(len(part))}
        if last:
            usual["Content-Range"] = f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"
        for name, value in {**usual, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, *_: object) -> None:
        pass
