"""What the tests over the real command share: the command in a clean environment, the sandbox, a scriptable gateway."""

import json
import os
import re
import select
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parent / "data"
ROOT = Path(__file__).parent.parent
# Seconds after which whatever a test waits for has failed; nothing takes anywhere near as long.
PATIENCE = 60
KEY = "test-key-0123456789"
STATUS_PATH = "/v2/requests/status/"
TINY = ROOT / "seedvr_cli" / "sandbox" / "tiny"

# What the developer's own environment must not bring into a test.
_FOREIGN = re.compile(
    r"SEEDVR_.*|PIXAZO_.*|.*_proxy|NO_COLOR|FORCE_COLOR|SSL_CERT_.*|PYTHONDONTWRITEBYTECODE|COLUMNS", re.IGNORECASE
)


def clean_environment(home: Path, env: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """This process's environment without settings of seedvr, at home in `home`; `env` adds, None removes."""
    environment = {name: value for name, value in os.environ.items() if not _FOREIGN.fullmatch(name)}
    paths = [str(ROOT), environment.get("PYTHONPATH", "")]
    environment |= {
        "HOME": str(home),
        "SEEDVR_HOME": str(home),
        "TERM": "xterm-256color",
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
    for name, value in (env or {}).items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    return environment


def wait_for(condition: Callable[[], Any], what: str = "") -> Any:
    """The condition's value as soon as it is true; fails after PATIENCE."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {PATIENCE} seconds for {what or condition}"
        time.sleep(0.01)
    return value


# The command.


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    rc: int
    raw: bytes
    stderr: str

    @property
    def stdout(self) -> str:
        return self.raw.decode()

    @property
    def lines(self) -> list[str]:
        return self.stdout.splitlines()

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The lines of standard output as JSON."""
        return [json.loads(line) for line in self.lines]

    @property
    def object(self) -> dict[str, Any]:
        """The only line of standard output as JSON."""
        (value,) = self.objects
        return value


class Bench:
    """A user's folder to work in, home, and the command."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.work = folder / "work"
        self._site = folder / "site"
        for made in (self.home, self.work):
            made.mkdir(exist_ok=True)
        self._running: list[subprocess.Popen[bytes]] = []

    def run(self, *args: Any, stdin: str | bytes | None = None, **how: Any) -> Done:
        """Run the command to its end; see `start`. Without `stdin` there is none to read from."""
        given = stdin.encode() if isinstance(stdin, str) else stdin
        process = self.start(*args, stdin=subprocess.DEVNULL if given is None else subprocess.PIPE, **how)
        try:
            out, err = process.communicate(given, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            pytest.fail(f"{args} did not end\nstdout: {out!r}\nstderr: {err.decode()}")
        return Done(process.returncode, out, err.decode())

    def run_all(self, *commands: Sequence[Any], **how: Any) -> list[Done]:
        """Run commands that do not mind each other, as many at once as there are cores; a dict at the end adds how."""

        def one(words: Sequence[Any]) -> Done:
            *plain, last = words
            return self.run(*plain, **{**how, **last}) if isinstance(last, dict) else self.run(*words, **how)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(one, commands))

    def start(
        self,
        *args: Any,
        to: Any = None,
        key: str | None = KEY,
        cwd: Path | None = None,
        env: Mapping[str, str | None] | None = None,
        inject: str = "",
        **streams: Any,
    ) -> "subprocess.Popen[bytes]":
        """Start the command.

        `to` is a server with a `url`, which is then asked often; `inject` is code that its interpreter runs first.
        """
        words = [str(word) for word in args]
        if to is not None:
            words += ["--base-url", to.url]
            words += ["--poll-interval", "0.05"] if words[0] != "status" and "--poll-interval" not in words else []
        environment = self.environment(key=key, env=env)
        if inject:
            self._site.mkdir(exist_ok=True)
            part = self._site / f"{uuid.uuid4()}.part"
            part.write_text(inject)
            part.replace(self._site / "sitecustomize.py")
            environment["PYTHONPATH"] = os.pathsep.join([str(self._site), environment["PYTHONPATH"]])
        process = subprocess.Popen(
            [sys.executable, "-m", "seedvr_cli", *words],
            cwd=cwd or self.work,
            env=environment,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},
        )
        self._running.append(process)
        return process

    def environment(self, *, key: str | None = KEY, env: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """The command's environment."""
        return clean_environment(self.home, {"SEEDVR_API_KEY": key, **(env or {})})

    def files(self) -> list[str]:
        """The names in the folder to work in, sorted."""
        return sorted(os.listdir(self.work))

    def configure(self, text: str) -> None:
        """Write the config file."""
        path = self.home / "config" / "config.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def close(self) -> None:
        """End what a failed test left behind."""
        for process in self._running:
            if process.poll() is None:
                process.kill()
                process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A user's folders and the command."""
    made = Bench(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def module_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The same for tests that look at one run together."""
    made = Bench(tmp_path_factory.mktemp("bench"))
    yield made
    made.close()


@pytest.fixture
def home(bench: Bench) -> Path:
    """SEEDVR_HOME of the command."""
    return bench.home


@pytest.fixture
def run(bench: Bench) -> Callable[..., Done]:
    """Runs the real command; see `Bench.run`."""
    return bench.run


@pytest.fixture
def start(bench: Bench) -> Callable[..., "subprocess.Popen[bytes]"]:
    """Starts the real command; see `Bench.start`."""
    return bench.start


@pytest.fixture
def work(bench: Bench) -> Path:
    """The folder that the command runs in."""
    return bench.work


@pytest.fixture
def photo() -> Path:
    """A JPEG of 480 x 320 pixels."""
    return DATA / "photo.jpg"


@pytest.fixture
def clip() -> Path:
    """An MP4 of 320 x 180 pixels, two seconds long."""
    return DATA / "clip.mp4"


@pytest.fixture
def url() -> str:
    """A source that no other test has, and that the sandbox has a picture for."""
    return new_url()


def new_url(name: str = "photo.jpg") -> str:
    """A source that no other test has; its file name is as given."""
    return f"https://example.com/{uuid.uuid4()}/{name}"


@pytest.fixture
def requires() -> Callable[[str], str]:
    """Gives the path of a command of a Debian package: skips where it is missing, and fails there under CI=true."""

    def find(command: str) -> str:
        path = shutil.which(command)
        if path is None and os.environ.get("CI") == "true":
            pytest.fail(f"{command} is not installed, and CI has to have it")
        if path is None:
            pytest.skip(f"{command} is not installed")
        return path

    return find


# The sandbox in a process of its own.


@dataclass(frozen=True)
class SandboxServer:
    """A running `seedvr sandbox`."""

    url: str
    process: "subprocess.Popen[bytes]"

    def accepted(self, source: str | None = None) -> int:
        """How many submissions it has accepted, of that source or of all."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}/sandbox/accepted", timeout=PATIENCE) as answer:
            counts = json.load(answer)
        return counts["accepted"] if source is None else counts["by_source"].get(source, 0)


@contextmanager
def _serve(folder: Path, flags: tuple[Any, ...]) -> Iterator[SandboxServer]:
    words = ["sandbox", "--port", "0", "-q", "--folder", str(folder / "sandbox"), *map(str, flags)]
    with subprocess.Popen(
        [sys.executable, "-m", "seedvr_cli", *words],
        env=clean_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout
            assert select.select([process.stdout], [], [], PATIENCE)[0], "the sandbox does not come up"
            line = process.stdout.readline().decode()
            match = re.search(r"http://127\.0\.0\.1:\d+", line)
            assert match, f"the sandbox says {line!r}"
            yield SandboxServer(match[0], process)
        finally:
            process.terminate()
            process.wait(PATIENCE)


@pytest.fixture
def sandbox_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., SandboxServer]]:
    """Starts `seedvr sandbox` with these flags, which stops with the test."""
    with ExitStack() as stack:
        yield lambda *flags: stack.enter_context(_serve(tmp_path_factory.mktemp("sandbox"), flags))


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    """One sandbox for all tests that need no fault: without latency, its results tiny. Sources tell tests apart."""
    with _serve(tmp_path_factory.mktemp("sandbox"), ("--instant", "--latency", "0s")) as server:
        yield server


# A gateway that does what a test says.


@dataclass(frozen=True)
class Heard:
    """One request to the fake gateway. `source` is that of the body, or of the job that is asked for."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float
    source: str | None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """An answer: a body as it is, or anything else as JSON. `cut_after`: bytes of the body, then no connection."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None

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

    def __init__(self, script: Script | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self.script: Script = script or (lambda _: None)
        self.heard: list[Heard] = []
        self.errors: list[BaseException] = []
        self.picture = (TINY / "picture.png").read_bytes()
        self._sources: list[str] = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.fake = self
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"
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
        request_id = heard.path.removeprefix(STATUS_PATH)
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

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE)

    def _hear(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        at = time.monotonic()
        source = None
        if method == "POST":
            values = json.loads(body)
            source = values.get("image_url") or values.get("video_url")
        elif path.startswith(STATUS_PATH):
            number = path.rpartition("_")[2]
            source = self._sources[int(number) - 1] if number.isdigit() and int(number) <= len(self._sources) else None
        heard = Heard(method, path, headers, body, at, source)
        self.heard.append(heard)
        answer = self.script(heard)
        if answer is not None:
            return answer
        if method == "POST":
            return self.accept(source)
        if source is not None:
            return self.view(heard)
        if path.startswith("/media/"):
            return Reply(200, self.picture)
        return Reply(404, {"error": "Not Found", "message": "no such job"})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    fake: FakeGateway

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self.fake.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.fake._hear(self.command, self.path, headers, body)
        if answer.status == CUT.status:
            self._cut()
            return
        content = answer.content
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(content)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content if answer.cut_after is None else content[: answer.cut_after])
        if answer.cut_after is not None:
            self._cut()

    def do_POST(self) -> None:
        self.do_GET()

    def do_CONNECT(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        pass

    def _cut(self) -> None:
        self.close_connection = True
        if self.wfile.closed:
            return
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def gateway() -> Iterator[Callable[..., FakeGateway]]:
    """Starts a gateway that answers as the script says: for what the sandbox cannot do."""
    made: list[FakeGateway] = []

    def begin(script: Script | None = None) -> FakeGateway:
        made.append(FakeGateway(script))
        return made[-1]

    yield begin
    for fake in made:
        fake.close()
    assert [error for fake in made for error in fake.errors] == []


def free_port() -> int:
    """A port on loopback that nothing listens on, now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
