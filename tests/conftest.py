"""Fixtures for all tests: the real command in a clean home, the sandbox, a gateway that a test scripts."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from fakes.gateway import FakeGateway, Script
from fakes.origin import Origin
from helpers.bucket import azurite, moto
from helpers.command import Bench, Done
from helpers.places import DATA
from helpers.postgres import Server as PostgresServer
from helpers.postgres import postgres
from helpers.recipes import installed
from helpers.sandbox import SandboxServer, serve
from helpers.sources import new_url

from seedvr_cli.gateway.client import Gateway
from seedvr_cli.gateway.curl_transport import CurlTransport
from seedvr_cli.gateway.httpx_transport import HttpxTransport

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as under a runner of many: commands would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.pop("GITHUB_ACTIONS", None)  # what is tested in this process talks as it does on a desk


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


@pytest.fixture
def sandbox_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., SandboxServer]]:
    """Starts `seedvr sandbox` with these flags, which stops with the test."""
    with ExitStack() as stack:
        yield lambda *flags: stack.enter_context(serve(tmp_path_factory.mktemp("sandbox"), *flags))


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    """One sandbox for all tests that need no fault: without latency, its results tiny. Sources tell tests apart."""
    with serve(tmp_path_factory.mktemp("sandbox"), "--instant", "--latency", "0s") as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A real PostgreSQL, one for all tests; each asks it for a database of its own."""
    with postgres() as running:
        yield running


@pytest.fixture(scope="session")
def store() -> Iterator[dict[str, str]]:
    """The environment that leads to an object store which keeps conditions; tests part its bucket among them."""
    with moto() as environment:
        yield environment


@pytest.fixture(scope="session")
def azure_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The same of Azure's own emulator."""
    with azurite(installed("azurite-blob"), tmp_path_factory.mktemp("azurite")) as environment:
        yield environment


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


@pytest.fixture
def origin() -> Iterator[Origin]:
    """A server of sources."""
    made = Origin()
    yield made
    made.close()


@pytest.fixture(params=[HttpxTransport, CurlTransport])
def wire(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What carries requests over real connections: httpx, or libcurl where pycurl is installed."""
    monkeypatch.setitem(Gateway.__init__.__kwdefaults__, "connect", request.param)
