"""Whole lives of jobs with a ledger that machines share, beside the local ledger alone."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from measure import Bench, Figure

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

JOBS = 2_000
IN_FLIGHT = 64
# Of the local ledger's lives a second; of one process's, with four; lives a second over a slow line.
LEAST = 0.3
LEAST_OF_FOUR = 2.0
LEAST_FAR_AWAY = 150
# Seconds of delay to the server and back.
DELAY = 0.030
# Records on a board that is old, and processes of an array job that begin at once.
RECORDS = 1_000_000
STARTS = 64


def figures(bench: Bench) -> Iterator[Figure]:
    from helpers.postgres import postgres  # the tests' own, which brings a real server

    with postgres() as server:
        url = server.database()
        local, shared = (_lives(bench, name, there) for name, there in (("local", None), ("shared", url)))
        text = f"{JOBS} lives in a ledger, {IN_FLIGHT} at once: {shared:.0f}/s with a shared one, {shared / local:.2f}x"
        yield Figure(f"{text} without ({local:.0f}/s)", f"at least {LEAST}x", shared / local >= LEAST)
        four = _lives(bench, "four", url, processes=4)
        text = f"four processes: {four:.0f}/s together, {four / shared:.2f}x one"
        yield Figure(text, f"at least {LEAST_OF_FOUR}x", four / shared >= LEAST_OF_FOUR)
        with _far_away(url) as distant:
            far = _lives(bench, "far", distant)
        text = f"{DELAY * 1000:.0f} ms to the database and back: {far:.0f} lives/s"
        yield Figure(text, f"at least {LEAST_FAR_AWAY}", far >= LEAST_FAR_AWAY)
        commands = {name: _commands(bench, f"{name}-command", there) for name, there in (("no", None), ("one", url))}
        text = f"{JOBS} jobs of the command: {commands['one']:.0f}/s with a shared ledger"
        ratio = commands["one"] / commands["no"]
        yield Figure(f"{text}, {ratio:.2f}x without", f"at least {LEAST}x", ratio >= LEAST)
        young = asyncio.run(_claims(url, "young"))
        server.do(_MANY, url)
        old = asyncio.run(_claims(url, "old"))
        text = f"claims a second on {RECORDS:,} records: {old:.0f}, {old / young:.2f}x those on a few thousand"
        yield Figure(text, "at least 0.8x", old / young >= 0.8)
        yield _starts(bench, server.database())


_MANY = (
    "INSERT INTO seedvr_board SELECT 'many-' || n, 3, 'completed', 'run', 'claim-' || n, 'g', 1000, 'job-' || n,"
    f" '{{}}' FROM generate_series(1, {RECORDS}) n"
)


def _lives(bench: Bench, name: str, url: str | None, *, processes: int = 1) -> float:
    """Lives a second in a ledger, by as many machines."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lives.py")
    running = []
    for number in range(processes):
        words = (script, f"{bench.folder}/{name}-{number}", f"{name}-{number}", str(JOBS), str(IN_FLIGHT))
        command = (bench.python, *words, *([url] if url else []))
        running.append(subprocess.Popen(command, env=bench.environ, stdout=subprocess.PIPE, text=True))
    return sum(float(process.communicate()[0]) for process in running)


def _commands(bench: Bench, name: str, url: str | None) -> float:
    """Jobs a second, from the start of the command to its end."""
    folder = os.path.join(bench.folder, name)
    words = ("sandbox", "--port", "0", "--instant", "--latency", "0s", "--quiet", "--folder", f"{folder}-gateway")
    with bench.serving(bench.seedvr, *words) as gateway:
        sources = f"{folder}.txt"
        with open(sources, "w", encoding="utf-8") as file:
            file.writelines(f"https://example.com/{name}-{number}.png\n" for number in range(JOBS))
        home = {"SEEDVR_HOME": f"{folder}-home"} | ({"SEEDVR_LEDGER_URL": url} if url else {})
        command = (bench.seedvr, "image", "--from", sources, "--base-url", gateway, "-j", str(IN_FLIGHT))
        spent = bench.spend(*command, "--poll-interval", "0.05", "-q", "-o", f"{folder}/", **home)
    assert len(os.listdir(folder)) == JOBS
    return JOBS / spent.seconds


async def _claims(url: str, name: str) -> float:
    """Claims of new keys a second."""
    from seedvr_cli.ledger.board import Record
    from seedvr_cli.ledger.postgres import PostgresBoard

    count = 5_000
    async with PostgresBoard(url) as board:
        records = [
            Record(key=f"{name}-{n}", state="submitting", run="r", claim=f"{name}-{n}", gateway="g", price=1)
            for n in range(count)
        ]
        began = time.perf_counter()
        for start in range(0, count, IN_FLIGHT):
            await asyncio.gather(*(board.post(record) for record in records[start : start + IN_FLIGHT]))
        return count / (time.perf_counter() - began)


def _starts(bench: Bench, url: str) -> Figure:
    """Many processes that begin with an empty database at the same time."""
    words = ("sandbox", "--port", "0", "--instant", "--latency", "0s", "--quiet", "--folder", f"{bench.folder}/starts")
    with bench.serving(bench.seedvr, *words) as gateway:
        began = time.perf_counter()
        running = [
            subprocess.Popen(
                (bench.seedvr, "image", f"https://example.com/start-{number % 8}.png", "--base-url", gateway,
                 "-q", "--poll-interval", "0.2", "-o", f"{bench.folder}/start-{number}/"),
                env={**bench.environ, "SEEDVR_HOME": f"{bench.folder}/start-home-{number}", "SEEDVR_LEDGER_URL": url},
                stdout=subprocess.DEVNULL,
            )
            for number in range(STARTS)
        ]  # fmt: skip
        failed = sum(process.wait() != 0 for process in running)
        seconds = time.perf_counter() - began
    return Figure(f"{STARTS} processes at once, for 8 sources: {failed} errors, {seconds:.1f} s", "none", failed == 0)


@contextmanager
def _far_away(url: str) -> Iterator[str]:
    """The same database behind a line that is slow, and loses nothing."""
    from psycopg.conninfo import conninfo_to_dict

    facts = conninfo_to_dict(url)
    place = f"{facts['host']}/.s.PGSQL.{facts.get('port', 5432)}"
    loop = asyncio.new_event_loop()
    made: list[int] = []
    ready = threading.Event()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                loop.call_later(DELAY / 2, writer.write, data)
        loop.call_later(DELAY / 2, writer.close)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(place)
        await asyncio.gather(pipe(reader, back), pipe(there, writer))

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        made.append(server.sockets[0].getsockname()[1])
        ready.set()

    serving = loop.create_task(main())
    threading.Thread(target=loop.run_forever, daemon=True).start()
    ready.wait()
    try:
        yield f"postgresql://{facts.get('user', 'postgres')}@127.0.0.1:{made[0]}/{facts['dbname']}"
    finally:
        loop.call_soon_threadsafe(serving.cancel)
        loop.call_soon_threadsafe(loop.stop)
