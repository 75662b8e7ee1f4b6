"""`seedvr listen`, with what a test asks of it."""

import json
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from helpers.command import Done
from helpers.waiting import PATIENCE

HOOK = "x-webhook-url"
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Listening:
    """A listener under way."""

    process: "subprocess.Popen[bytes]"
    url: str

    def end(self, signal: int | None = None) -> Done:
        """How it ended, by itself or with a signal."""
        if signal is not None:
            self.process.send_signal(signal)
        out, errors = self.process.communicate(timeout=PATIENCE)
        return Done(self.process.returncode, out, errors.decode())

    def line(self) -> str:
        """The next line of its standard output."""
        assert self.process.stdout
        return self.process.stdout.readline().decode().rstrip("\n")


def listen(start: Callable[..., "subprocess.Popen[bytes]"], to: Any, *words: Any, **how: Any) -> Listening:
    """Start the command, and wait until it listens."""
    process = start("listen", "--bind", "127.0.0.1:0", *words, to=to, **how)
    assert process.stderr
    seen = b""
    while not (match := re.search(rb"listening on (https?://\S+?),?\s", seen)):
        line = process.stderr.readline()
        assert line, f"it ended: {seen.decode()}"
        seen += line
    return Listening(process, match[1].decode())


def call(address: str, body: Any, *, method: str = "POST") -> int:
    """Call back; the status of the answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(address, content, {"Content-Type": "application/json"}, method=method)
    try:
        with _DIRECT.open(request, timeout=PATIENCE) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def submit(run: Any, listener: Listening, *sources: str, to: Any, **how: Any) -> Any:
    """Submit for this listener, without waiting."""
    words = ("--no-wait", "--callback", "--public-url", f"{listener.url}/some/where", "-q")
    return run("image", *sources, *words, to=to, **how)


def told(request_id: str, status: str = "COMPLETED") -> dict[str, Any]:
    """What a callback says, as the reference shows it."""
    return {"request_id": request_id, "status": status, "model_id": "seedvr2-7b-upscale", "error": None}
