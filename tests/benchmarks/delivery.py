"""From the instant at which the gateway has a result to the file under its name, against the poll interval."""

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from statistics import median

from measure import Bench, Figure

ROUNDS = 3
INTERVAL = 1.0
# Seconds past one poll interval that are allowed, for the last poll, the download and the disk.
GRACE = 0.1
# Seconds between two looks for new files.
LOOK = 0.002

JOBS = 8
# The ledger expects what was usual; these jobs are usual, and none takes exactly as long as another.
USUAL = [f"after-{milliseconds}ms" for milliseconds in range(2900, 3100, 200 // JOBS)]
# The gateway completes these right after it said that it has not.
WORST = [f"behind-2-{number}" for number in range(JOBS)]

GATEWAY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "gateway.py")


def figures(bench: Bench) -> Iterator[Figure]:
    latencies: dict[str, list[float]] = {
        "durations not known": [],
        "durations in the ledger": [],
        "completed right after a poll": [],
    }
    rounds = [USUAL, USUAL, WORST]
    for number in range(ROUNDS):
        home = os.path.join(bench.folder, f"home-{number}")
        with bench.serving(bench.python, GATEWAY) as url:
            for turn, (name, jobs) in enumerate(zip(latencies, rounds, strict=True)):
                output = os.path.join(bench.folder, f"out-{number}-{turn}")
                latencies[name] += run_jobs(bench, url, jobs, turn, output, home)
    limit = INTERVAL + GRACE
    for name, seconds in latencies.items():
        worst = max(seconds)
        text = (
            f"{name}: {worst * 1000:.0f} ms at worst of {len(seconds)} (median {median(seconds) * 1000:.0f}), "
            f"{worst / INTERVAL:.2f}x the poll interval"
        )
        yield Figure(text, f"at most 1x and {GRACE * 1000:.0f} ms", worst <= limit)


def run_jobs(bench: Bench, url: str, jobs: list[str], turn: int, output: str, home: str) -> list[float]:
    """Seconds from COMPLETED to the file, for each job of one command."""
    os.mkdir(output)
    sources = [f"https://example.com/{turn}/{job}.png" for job in jobs]
    words = ("--base-url", url, "--poll-interval", str(INTERVAL), "-q", "-o", os.path.join(output, "{stem}{ext}"))
    process = subprocess.Popen(
        [bench.seedvr, "image", *words, *sources],
        env={**bench.environ, "SEEDVR_HOME": home},
        stdout=subprocess.DEVNULL,
    )
    arrived: dict[str, float] = {}
    while process.poll() is None:
        for name in os.listdir(output):
            stem, ext = os.path.splitext(name)
            if ext == ".png" and stem not in arrived:
                arrived[stem] = time.monotonic()
        time.sleep(LOOK)
    with urllib.request.urlopen(f"{url}/completed") as response:
        completed = json.load(response)
    if process.returncode or set(arrived) != set(jobs):
        raise RuntimeError(f"seedvr ended with {process.returncode}, and {len(arrived)} of {len(jobs)} files")
    return [arrived[job] - completed[job] for job in jobs]
