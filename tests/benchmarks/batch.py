"""Batches: thousands of jobs, a list of a million lines, a loop of a thousand processes, and how often is polled."""

import itertools
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from statistics import mean, median

from measure import Bench, Figure

JOBS = 5000
IN_FLIGHT = 512
LATENCY = 0.5
FEW_JOBS = 500
LONG_JOBS = 100_000
# The shell loop is slow, and every one of its jobs costs the same.
SHELL_JOBS = 500
LINES = 1_000_000
FEW_LINES = 1_000
PROCESSES = 1_000
# Jobs whose durations vary, for counting polls: how many, seconds, share, seconds between polls.
POLLED_JOBS, POLLED_SECONDS, POLLED_SPREAD, POLL_INTERVAL = 400, 3.0, 0.3, 1.0

AIOHTTP = """\
import asyncio, os, sys
import aiohttp

url, count, in_flight, interval, folder = sys.argv[1], *map(int, sys.argv[2:4]), float(sys.argv[4]), sys.argv[5]
headers = {"Ocp-Apim-Subscription-Key": "benchmark"}

async def main():
    gate = asyncio.Semaphore(in_flight)
    connector = aiohttp.TCPConnector(limit=64)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        async def job(number):
            async with gate:
                body = {"image_url": f"https://example.com/aiohttp-{number}.png"}
                async with session.post(f"{url}/seedvr2-7b-upscale/image-request", json=body) as answer:
                    request_id = (await answer.json())["request_id"]
                while True:
                    await asyncio.sleep(interval)
                    async with session.get(f"{url}/v2/requests/status/{request_id}") as answer:
                        status = await answer.json()
                    if status["status"] == "COMPLETED":
                        break
                async with session.get(status["output"]["media_url"][0]) as answer:
                    content = await answer.read()
                with open(os.path.join(folder, f"{request_id}.png"), "wb") as file:
                    file.write(content)
        await asyncio.gather(*map(job, range(count)))

asyncio.run(main())
"""
THREADS = """\
import os, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
import requests

url, count, in_flight, interval, folder = sys.argv[1], *map(int, sys.argv[2:4]), float(sys.argv[4]), sys.argv[5]
headers = {"Ocp-Apim-Subscription-Key": "benchmark", "Content-Type": "application/json", "Cache-Control": "no-cache"}
local = threading.local()

def job(number):
    session = local.session = getattr(local, "session", None) or requests.Session()
    data = {"image_url": f"https://example.com/threads-{number}.png"}
    answer = session.post(f"{url}/seedvr2-7b-upscale/image-request", json=data, headers=headers)
    request_id = answer.json()["request_id"]
    while True:
        time.sleep(interval)
        status = session.get(f"{url}/v2/requests/status/{request_id}", headers=headers).json()
        if status["status"] == "COMPLETED":
            break
    with open(os.path.join(folder, f"{request_id}.png"), "wb") as file:
        file.write(session.get(status["output"]["media_url"][0]).content)

with ThreadPoolExecutor(in_flight) as pool:
    list(pool.map(job, range(count)))
"""
SHELL = """\
key='Ocp-Apim-Subscription-Key: benchmark'
id=$(curl -s -X POST "$1/seedvr2-7b-upscale/image-request" -H 'Content-Type: application/json' -H "$key" \\
  --data-raw "{\\"image_url\\": \\"https://example.com/shell-$4.png\\"}" \\
  | sed 's/.*"request_id": *"\\([^"]*\\)".*/\\1/')
while :; do
  sleep "$2"
  answer=$(curl -s -H "$key" "$1/v2/requests/status/$id")
  case "$answer" in *COMPLETED*) break;; esac
done
media=$(printf %s "$answer" | sed 's/.*"media_url": *\\["\\([^"]*\\)".*/\\1/')
curl -s -o "$3/$id.png" "$media"
"""
PREFILL = """\
import os, sys
from seedvr_cli.ledger.file import open_database
from seedvr_cli.ledger.migrations import migrate
from seedvr_cli.plan.planner import Planner
from seedvr_cli.plan.wishes import Wishes
from seedvr_cli.values.catalog import ENDPOINTS

url, count, home, out = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
planner = Planner(Wishes(ENDPOINTS["7b-image"], {}, output=out + "/"), url)
database = open_database(os.path.join(home, "state", "ledger.sqlite3"), migrate)
database.execute("PRAGMA synchronous = OFF")
database.execute("BEGIN")
os.makedirs(out)
model = None
for number in range(count):
    if number % 60000 == 0:  # a file has a limited number of names
        model = os.path.join(out, f"model-{number}")
        with open(model, "wb") as file:
            file.write(b"x" * 100)
        facts = os.stat(model)
    source = f"https://example.com/{number:07}.png"
    path = os.path.join(out, f"{number:07}-upscaled.png")
    os.link(model, path)
    (prospect,) = planner.word(source)
    database.execute("INSERT INTO jobs (id, key, gateway, endpoint, source, name, params, price, profile, state,"
        " status, request_id, media_url) VALUES (?, ?, ?, '7b-image', ?, ?, '{}', 1000, 'default', 'completed',"
        " 'COMPLETED', ?, '[\\"u\\"]')",
        (number + 1, prospect.key, url, source, source[-11:], str(number)))
    database.execute("INSERT INTO deliveries VALUES"
        " (?, 0, ?, 'r', 0, NULL, 100, 's', ?, 'image/png', 1, 1, 1, NULL, NULL)",
        (number + 1, path, facts.st_mtime_ns))
database.execute("COMMIT")
"""


def throughput(bench: Bench) -> Iterator[Figure]:
    """Jobs a second, and milliseconds of the processor a job, against three rivals."""
    with _sandbox(bench, "--latency", f"{LATENCY}s") as (url, _):
        sources = _list(bench, "jobs.txt", (f"https://example.com/ours-{number}.png" for number in range(JOBS)))
        ours = bench.spend(
            bench.seedvr, "image", "--from", sources, "--base-url", url, "-j", str(IN_FLIGHT),
            "--poll-interval", str(LATENCY), "-o", "ours/", "-q",
        )  # fmt: skip
        assert len(os.listdir(os.path.join(bench.folder, "ours"))) == JOBS
        rivals = []
        for name, script, count, in_flight in (
            ("bare aiohttp without a ledger", AIOHTTP, JOBS, IN_FLIGHT),
            ("requests in 256 threads", THREADS, JOBS // 2, 256),
        ):
            path = _write(bench, "rival.py", script)
            folder = os.path.join(bench.folder, f"rival-{len(rivals)}")
            os.mkdir(folder)
            spent = bench.spend(bench.python, path, url, str(count), str(in_flight), str(LATENCY), folder)
            rivals.append((name, count, spent))
        shell = _write(bench, "job.sh", SHELL)
        folder = os.path.join(bench.folder, "shell")
        os.mkdir(folder)
        command = f"seq {SHELL_JOBS} | xargs -P 64 -n 1 sh {shell} {url} {LATENCY} {folder}"
        rivals.append(("xargs and curl", SHELL_JOBS, bench.spend("sh", "-c", command)))
    rate, cost = JOBS / ours.seconds, ours.processor / JOBS * 1000
    yield Figure(f"{JOBS} jobs, {IN_FLIGHT} in flight: {rate:.0f} jobs/s, {cost:.2f} ms of the processor each")
    for name, count, spent in rivals:
        other, other_cost = count / spent.seconds, spent.processor / count * 1000
        is_judged = spent is rivals[0][2]
        yield Figure(f"{rate / other:.2f}x the rate of {name} ({other:.0f} jobs/s)",
                     "0.85x", rate / other >= 0.85 if is_judged else None)  # fmt: skip
        yield Figure(f"{cost / other_cost:.2f}x the processor time of {name} ({other_cost:.2f} ms)",
                     "1.25x", cost / other_cost <= 1.25 if is_judged else None)  # fmt: skip


def small_batch(bench: Bench) -> Iterator[Figure]:
    """Milliseconds of the processor a job where few are in flight, start-up and all."""
    with _sandbox(bench, "--latency", f"{LATENCY}s") as (url, _):
        sources = _list(bench, "few.txt", (f"https://example.com/few-{number}.png" for number in range(FEW_JOBS)))
        spent = bench.spend(
            bench.seedvr, "image", "--from", sources, "--base-url", url, "-j", "16",
            "--poll-interval", str(LATENCY), "-o", "few/", "-q",
        )  # fmt: skip
    cost = spent.processor / FEW_JOBS * 1000
    yield Figure(f"{FEW_JOBS} jobs, 16 in flight: {cost:.1f} ms of the processor each", "4 ms", cost <= 4)


def long_run(bench: Bench) -> Iterator[Figure]:
    """Many jobs through one process: its memory, and its rate at the end."""
    with _sandbox(bench, "--latency", "0.05s") as (url, _):
        sources = _list(bench, "long.txt", (f"https://example.com/long-{number}.png" for number in range(LONG_JOBS)))
        words = ("image", "--from", sources, "--base-url", url, "-j", str(IN_FLIGHT), "--poll-interval", "0.1", "-q")
        process = subprocess.Popen(
            [bench.seedvr, *words, "-o", "long/"], env=bench.environ, cwd=bench.folder, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        marks = []  # the instant and the bytes resident at each tenth
        for number, _ in enumerate(process.stdout, start=1):
            if number % (LONG_JOBS // 10) == 0:
                marks.append((time.monotonic(), _resident(process.pid)))
        if process.wait() or len(marks) != 10:
            raise RuntimeError(f"seedvr ended with {process.returncode}, {len(marks)} tenths done")
    tenths = [(end - begin) for (begin, _), (end, _) in itertools.pairwise(marks)]
    growth = (marks[-2][1] - marks[0][1]) / 2**20  # at the very end it is ending
    yield Figure(f"{LONG_JOBS} jobs of 50 ms: {growth:+.1f} MB from the first tenth to the ninth, of "
                 f"{marks[-2][1] / 2**20:.0f} MB", "at most 2 MB", growth <= 2)  # fmt: skip
    slower = mean(tenths[-2:]) / mean(tenths[:2])
    first, last = (LONG_JOBS / 10 / seconds for seconds in (tenths[0], tenths[-1]))
    text = f"{first:.0f} jobs/s in the second tenth, {last:.0f} in the last; {slower:.2f}x the time"
    yield Figure(text, "1.15x", slower <= 1.15)


def _resident(process: int) -> int:
    """Bytes that it has in memory; 0 where this system does not tell."""
    try:
        with open(f"/proc/{process}/statm", encoding="utf-8") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    except OSError:
        return 0


def polling(bench: Bench) -> Iterator[Figure]:
    """Polls a job, and how long after COMPLETED a file is there, where durations vary; fixed intervals beside it."""
    flags = ("--latency", f"{POLLED_SECONDS}s", "--spread", str(POLLED_SPREAD))
    with _sandbox(bench, *flags) as (url, folder):
        for name in ("warm", "ours"):  # the first list teaches the ledger how long jobs take
            sources = _list(bench, f"{name}.txt", (f"https://example.com/{name}-{n}.png" for n in range(POLLED_JOBS)))
            before = _polls(bench)
            bench.spend(
                bench.seedvr, "image", "--from", sources, "--base-url", url, "-j", "64", "--rate", "20",
                "--poll-interval", str(POLL_INTERVAL), "-o", f"polled-{name}/{{request_id}}{{ext}}", "-q",
            )  # fmt: skip
        polls = (_polls(bench) - before) / POLLED_JOBS
        waits = _waits(folder, os.path.join(bench.folder, "polled-ours"))
        before = _polls(bench)
        fixed = os.path.join(bench.folder, "fixed")
        os.mkdir(fixed)
        script = _write(bench, "rival.py", AIOHTTP)
        bench.spend(bench.python, script, url, str(POLLED_JOBS), "64", str(POLL_INTERVAL), fixed)
        fixed_polls, fixed_waits = (_polls(bench) - before) / POLLED_JOBS, _waits(folder, fixed)
    wait = median(waits) / POLL_INTERVAL
    yield Figure(f"{polls:.2f} polls a job", "at most 2.5", polls <= 2.5)
    yield Figure(f"median wait from COMPLETED to file: {wait:.2f} poll intervals", "below 0.6", wait < 0.6)
    fixed_wait = median(fixed_waits) / POLL_INTERVAL
    means = f"mean {mean(fixed_waits) / POLL_INTERVAL:.2f}, ours {mean(waits) / POLL_INTERVAL:.2f}"
    yield Figure(f"fixed intervals: {fixed_polls:.2f} polls a job, {fixed_wait:.2f} intervals ({means})")


def million_lines(bench: Bench) -> Iterator[Figure]:
    """Memory and time where all of a long list is delivered."""
    url = "http://127.0.0.1:9"  # nobody is asked
    out = os.path.join(bench.folder, "out")
    bench.spend(bench.python, _write(bench, "prefill.py", PREFILL), url, str(LINES), bench.environ["SEEDVR_HOME"], out)
    peaks, seconds = [], []
    for count in (FEW_LINES, LINES):
        lines = (f"https://example.com/{number:07}.png" for number in range(count))
        spent = bench.spend(
            bench.seedvr, "image", "--from", _list(bench, "lines.txt", lines), "--base-url", url, "-o", f"{out}/", "-q"
        )
        peaks.append(spent.peak / 2**20)
        seconds.append(spent.seconds)
    rate = (LINES - FEW_LINES) / (seconds[1] - seconds[0])
    yield Figure(f"{LINES} delivered lines: {peaks[1]:.0f} MB resident", "below 150 MB", peaks[1] < 150)
    more = peaks[1] - peaks[0]
    yield Figure(f"{more:.1f} MB more than for {FEW_LINES} lines", "within 10 MB", more < 10)
    yield Figure(f"passed over at {rate:.0f} a second", "at least 50000", rate >= 50_000)


def loop(bench: Bench) -> Iterator[Figure]:
    """A thousand processes share the ledger."""
    with _sandbox(bench, "--latency", "0s") as (url, _):
        command = (
            f"seq {PROCESSES} | xargs -P 8 -I % {bench.seedvr} image https://example.com/loop-%.png --base-url {url}"
            " --poll-interval 0.1 -q -o loop/"
        )
        spent = bench.spend("sh", "-c", command)
    done = len(os.listdir(os.path.join(bench.folder, "loop")))
    each = spent.processor / PROCESSES
    yield Figure(f"xargs -P 8: {done} of {PROCESSES} processes delivered, {each:.2f} s of the processor each",
                 "all", done == PROCESSES)  # fmt: skip


class _sandbox:  # noqa: N801 - reads as what it is: `with _sandbox(bench)`
    """`seedvr sandbox --instant` with its requests logged; gives its URL and its folder."""

    def __init__(self, bench: Bench, *flags: str) -> None:
        self._bench = bench
        self._flags = flags

    def __enter__(self) -> tuple[str, str]:
        bench = self._bench
        folder = os.path.join(bench.folder, f"sandbox-{time.monotonic_ns()}")
        self._log = open(os.path.join(bench.folder, "requests.log"), "wb")
        self._process = subprocess.Popen(
            [bench.seedvr, "sandbox", "--port", "0", "--instant", "--folder", folder, *self._flags],
            env=bench.environ, cwd=bench.folder, stdout=subprocess.PIPE, stderr=self._log, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        return re.search(r"http://[\d.:]+", self._process.stdout.readline())[0], folder

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate()
        self._log.close()


def _polls(bench: Bench) -> int:
    with open(os.path.join(bench.folder, "requests.log"), encoding="utf-8") as file:
        return sum("/v2/requests/status/" in line for line in file)


def _waits(folder: str, results: str) -> Sequence[float]:
    """Seconds from each job's end, as the gateway keeps it, to the time of its file."""
    waits = []
    for name in os.listdir(results):
        with open(os.path.join(folder, "jobs", f"{os.path.splitext(name)[0]}.json"), encoding="utf-8") as file:
            due = json.load(file)["due_at"]
        waits.append(max(0.0, os.stat(os.path.join(results, name)).st_mtime - due))
    return waits


def _list(bench: Bench, name: str, lines: Iterator[str]) -> str:
    path = os.path.join(bench.folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
    return path


def _write(bench: Bench, name: str, text: str) -> str:
    path = os.path.join(bench.folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path
