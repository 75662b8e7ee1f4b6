"""A real proxy (pproxy) in a process of its own, to which every host is this machine."""

import asyncio
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from helpers.waiting import PATIENCE, wait_for

_PROXY = """
import asyncio, socket, sys
import pproxy
of_any = socket.getaddrinfo
socket.getaddrinfo = lambda host, port, *more, **how: of_any("127.0.0.1", port, *more, **how)

async def serve(address):
    server = await pproxy.Server(address).start_server({"rserver": [], "verbose": lambda text: print(text, flush=True)})
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()

asyncio.run(serve(sys.argv[1]))
"""


@dataclass(frozen=True)
class Proxy:
    """Where it listens, without scheme and password, and what it says of its connections."""

    address: str
    log: Path

    @property
    def lines(self) -> list[str]:
        """One for each connection: `http 127.0.0.1:40000 -> gateway.test:443`, or why there is none."""
        return self.log.read_text().splitlines()[1:]


@contextmanager
def proxy(folder: Path, login: str = "") -> Iterator[Proxy]:
    """It speaks HTTP and SOCKS5; `login` is what it wants to hear, as `NAME:PASSWORD`."""
    log = folder / "proxy.log"
    with log.open("w") as out:
        words = [sys.executable, "-W", "ignore", "-c", _PROXY, "http+socks5://127.0.0.1:0" + (login and f"#{login}")]
        process = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: "\n" in log.read_text())
        yield Proxy(f"127.0.0.1:{int(log.read_text().split()[0])}", log)
    finally:
        process.kill()
        process.wait(PATIENCE)


@contextmanager
def over_tls(address: str, tls: ssl.SSLContext) -> Iterator[str]:
    """The address of a door with TLS in front of that one."""
    host, _, port = address.rpartition(":")
    loop = asyncio.new_event_loop()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def treat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pass_on(reader, behind[1]), pass_on(behind[0], writer))

    server = loop.run_until_complete(asyncio.start_server(treat, "127.0.0.1", 0, ssl=tls))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.05))
        loop.close()
