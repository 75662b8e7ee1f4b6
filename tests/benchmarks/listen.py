"""How many callbacks a second `seedvr listen` takes, beside the addresses that it refuses without a look."""

import asyncio
import json
import os
import re
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence

from measure import Bench, Figure

JOBS = 2_000
CALLERS = 32
LEAST = 500


def figures(bench: Bench) -> Iterator[Figure]:
    from seedvr_cli.ledger.calls import read_secret
    from seedvr_cli.values.callbacks import callback_address

    home = os.path.join(bench.folder, "home")
    words = ("sandbox", "--port", "0", "--instant", "--latency", "1h", "--quiet", "--folder", f"{bench.folder}/gateway")
    with bench.serving(bench.seedvr, *words) as gateway:
        sources = os.path.join(bench.folder, "list.txt")
        with open(sources, "w", encoding="utf-8") as file:
            file.writelines(f"https://example.com/{number}.png\n" for number in range(JOBS))
        callback = ("--callback", "--public-url", "https://example.invalid", "--no-wait", "-q")
        bench.spend(bench.seedvr, "image", "--from", sources, "--base-url", gateway, *callback, SEEDVR_HOME=home)
        with sqlite3.connect(f"{home}/state/ledger.sqlite3") as ledger:
            claims = ledger.execute("SELECT claim, request_id FROM jobs").fetchall()
        secret = read_secret(f"{home}/state")
        listener = subprocess.Popen(
            (bench.seedvr, "listen", "--bind", "127.0.0.1:0", "--base-url", gateway, "--poll-interval", "1h"),
            env={**bench.environ, "SEEDVR_HOME": home}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert listener.stderr
        found = re.search(r"127\.0\.0\.1:(\d+)", listener.stderr.readline())
        assert found
        port = int(found[1])
        calls = [(callback_address("", claim, secret), request_id) for claim, request_id in claims]
        forged = [(address[:-1] + ("0" if address[-1] != "0" else "1"), one) for address, one in calls]
        refused = asyncio.run(_call(port, forged, b"404"))
        taken = asyncio.run(_call(port, calls, b"204"))
        listener.terminate()
        listener.wait()
    text = f"{JOBS} callbacks over {CALLERS} connections: {taken:.0f} a second, {taken / refused:.2f}x of those refused"
    yield Figure(text, f"at least {LEAST}", taken >= LEAST)


async def _call(port: int, calls: Sequence[tuple[str, str]], status: bytes) -> float:
    """Calls a second, each answered with that status."""
    left = list(calls)

    async def caller() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while left:
            path, request_id = left.pop()
            body = json.dumps({"request_id": request_id, "status": "COMPLETED"}).encode()
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.split(b" ", 2)[1] == status, answer
            length = re.search(rb"(?i)content-length: (\d+)", answer)
            await reader.readexactly(int(length[1]) if length else 0)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return len(calls) / (time.perf_counter() - began)
