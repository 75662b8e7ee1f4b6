"""How cost grows: a ledger of years, a day of many jobs, one name for all results, a list beyond the cap.

Each figure stands beside what it should be like: the same command with an empty ledger, or with names that differ; or
it is the power of a fit over three sizes, which is 0 for a constant cost and 1 for a linear one.
"""

import math
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import mean, median

from measure import Bench, Figure, Spent

from seedvr_cli.values.schedule import next_poll

YEARS = 1_000_000
ROUNDS = 5
NAMES = (1_000, 2_000, 4_000)
DAYS = (1_000, 5_000, 20_000)
CLAIMS = 300
CAPPED = 300_000
PRICE = 0.001
HOSTED = "https://gateway.pixazo.ai"
KEY = {"SEEDVR_API_KEY": "benchmark"}

# Jobs of the hosted gateway, all done long ago or all of them today; the last one's id is `job-LAST`.
FILL = """\
import os, sys, time
from seedvr_cli.ledger.file import open_database
from seedvr_cli.ledger.migrations import migrate

home, count, gateway, is_today = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4] == "today"
database = open_database(os.path.join(home, "state", "ledger.sqlite3"), migrate)
database.execute("PRAGMA synchronous = OFF")
database.execute("BEGIN")
began = time.time() - 10 - (0 if is_today else count * 60)
database.executemany(
    "INSERT INTO jobs (key, gateway, endpoint, source, name, params, price, profile, state, status, request_id,"
    " media_url, extra, submitted_at, ended_at, run) VALUES (?, ?, '7b-image', ?, 'a.png', '{}', 1000, 'default',"
    " 'completed', 'COMPLETED', ?, '[]', '{}', ?, ?, 'run')",
    (
        (f"key-{n}", gateway, f"https://example.com/{n}.png", f"job-{n * 7919 % count:07}",
         at := began + (0 if is_today else n * 60), at + 5)
        for n in range(count)
    ),
)
database.execute("COMMIT")
"""


def years(bench: Bench) -> Iterator[Figure]:
    """What is asked every day, of a ledger with a million jobs and of an empty one."""
    homes = {name: os.path.join(bench.folder, name) for name in ("empty", "full")}
    _fill(bench, homes["empty"], 1)
    _fill(bench, homes["full"], YEARS)
    first = {name: median(_first_line(bench, "status", SEEDVR_HOME=home) for _ in range(ROUNDS))
             for name, home in homes.items()}  # fmt: skip
    ratio = first["full"] / first["empty"]
    text = f"status: first row after {first['full'] * 1000:.0f} ms, {ratio:.2f}x an empty ledger"
    yield Figure(text, "0.3 s", first["full"] <= 0.3)
    whole = bench.spend(bench.seedvr, "status", SEEDVR_HOME=homes["full"])
    base = bench.spend(bench.seedvr, "status", SEEDVR_HOME=homes["empty"])
    more = (whole.peak - base.peak) / 2**20
    text = f"status: all {YEARS} rows in {whole.seconds:.1f} s, {more:.1f} MB more than for one"
    yield Figure(text, "10 MB", more < 10)

    def unknown(home: str) -> Spent:
        return bench.spend(bench.seedvr, "status", "--unknown", SEEDVR_HOME=home)

    def tab(home: str) -> Spent:
        words = "seedvr\x1fstatus\x1fjob-00"
        return bench.spend(bench.seedvr, SEEDVR_HOME=home, _SEEDVR_COMPLETE="complete_bash", _SEEDVR_WORDS=words)

    yield _like_empty(bench, "status --unknown", homes, unknown)
    yield _like_empty(bench, "TAB on a request id", homes, tab)
    with bench.serving(*_sandbox(bench, "0.05s")) as url:
        numbers = iter(range(1000))

        def other_endpoint(home: str) -> Spent:
            """A job of an endpoint that the ledger has hardly seen."""
            source = f"https://example.com/new-{next(numbers)}.png"
            words = (
                "image",
                source,
                "--model",
                "3b",
                "--base-url",
                url,
                "--poll-interval",
                "0.05",
                "-q",
                "-o",
                f"{home}/",
            )
            return bench.spend(bench.seedvr, *words, SEEDVR_HOME=home, **KEY)

        yield _like_empty(bench, "one job of an endpoint without history", homes, other_endpoint)


def day(bench: Bench) -> Iterator[Figure]:
    """A claim under max-cost-per-day, with more and more jobs today."""
    costs = []
    with bench.serving(*_sandbox(bench, "1h")) as url:
        for count in DAYS:
            home = os.path.join(bench.folder, f"day-{count}")
            _fill(bench, home, count, url, "today")
            bench.spend(bench.seedvr, "config", "set", "max-cost-per-day", "1000", SEEDVR_HOME=home)
            words = ("image", "--no-wait", "--base-url", url, "-q", "--from")
            few, many = (_sources(bench, f"{name}-{count}", lines) for name, lines in (("few", 1), ("many", CLAIMS)))
            spent = [
                bench.spend(bench.seedvr, *words, list_, SEEDVR_HOME=home, **KEY).processor for list_ in (few, many)
            ]
            costs.append((spent[1] - spent[0]) / CLAIMS)
    yield _growth("max-cost-per-day: the processor time of a submission, with so many jobs today", DAYS, costs, 0.15)


def names(bench: Bench) -> Iterator[Figure]:
    """One default name for all results, against names of their own."""
    seconds: dict[str, list[float]] = {"same": [], "own": []}
    with bench.serving(*_sandbox(bench, "0s")) as url:
        for count in NAMES:
            for kind, form in (("same", "https://example.com/{}/photo.png"), ("own", "https://example.com/own-{}.png")):
                path = os.path.join(bench.folder, f"{kind}-{count}.txt")
                with open(path, "w", encoding="utf-8") as file:
                    file.writelines(f"{form.format(f'{count}-{number}')}\n" for number in range(count))
                folder = os.path.join(bench.folder, f"{kind}-{count}")
                words = ("image", "--from", path, "--base-url", url, "-j", "64", "--poll-interval", "0.1", "-q")
                home = os.path.join(bench.folder, f"home-{kind}-{count}")
                spent = bench.spend(bench.seedvr, *words, "-o", f"{folder}/", SEEDVR_HOME=home, **KEY)
                assert len(os.listdir(folder)) == count
                seconds[kind].append(spent.processor)
    yield _growth("the same default name", NAMES, seconds["same"], 1.25)
    ratio = seconds["same"][-1] / seconds["own"][-1]
    yield Figure(f"{NAMES[-1]} same names: {ratio:.2f}x the processor time of own names", "1.15x", ratio <= 1.15)


def cap(bench: Bench) -> Iterator[Figure]:
    """--max-cost is reached with the first line of a long list."""
    seconds = []
    with bench.serving(*_sandbox(bench, "0s")) as url:
        for count in (1_000, CAPPED):
            lines = _sources(bench, f"capped-{count}", count)
            command = (bench.seedvr, "image", "--from", lines, "--max-cost", str(PRICE), "--base-url", url, "-q")
            silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            began = time.perf_counter()
            done = subprocess.run(
                [*command, "--poll-interval", "0.05"], cwd=bench.folder, env={**bench.environ, **KEY}, **silent
            )
            seconds.append(time.perf_counter() - began)
            assert done.returncode == 4
    rate = (CAPPED - 1_000) / (seconds[1] - seconds[0])
    yield Figure(f"--max-cost reached: {rate:.0f} lines a second", "at least 20000", rate >= 20_000)


def schedule(_: Bench) -> Iterator[Figure]:
    """By arithmetic: how late a job's end is seen, and after how many looks."""
    for seconds, late, most in ((3.0, 0.3, 6), (10.0, 0.7, None), (30.0, 2.0, None), (600.0, 5.0, 90)):
        wait, polls = _watched(seconds, ())
        limit = f"{late:g} s" + (f" at {most} polls" if most else "")
        is_met = wait <= late and (most is None or polls <= most)
        yield Figure(f"a first job of {seconds:g} s is seen {wait:.2f} s late, after {polls:.1f} polls", limit, is_met)
    usual = [20.0 + number / 10 for number in range(20)]
    wait, polls = _watched(2.0, usual)
    yield Figure(
        f"a job of 2 s where 20 s are usual is seen {wait:.1f} s late, after {polls:.1f} polls", "15 s", wait <= 15
    )


def _watched(seconds: float, durations: Sequence[float], interval: float = 5.0) -> tuple[float, float]:
    """How much later than its end a job's end is seen, and the polls until then: means over jobs 20 % off at most."""
    waits, looks = [], []
    for part in range(-20, 21):
        end, age, polls = seconds * (1 + part / 100), 0.0, 0
        while age < end:
            age += next_poll(age, interval, durations)
            polls += 1
        waits.append(age - end)
        looks.append(polls)
    return mean(waits), mean(looks)


def _like_empty(bench: Bench, name: str, homes: Mapping[str, str], run: Callable[[str], Spent]) -> Figure:
    seconds: dict[str, list[float]] = {kind: [] for kind in homes}
    for _ in range(ROUNDS):
        for kind, home in homes.items():
            seconds[kind].append(run(home).seconds)
    empty, full = median(seconds["empty"]), median(seconds["full"])
    text = f"{name}: {full * 1000:.0f} ms with {YEARS} jobs, {full / empty:.2f}x an empty ledger"
    return Figure(text, "1.2x", full / empty <= 1.2)


def _growth(name: str, sizes: Sequence[int], costs: Sequence[float], limit: float) -> Figure:
    """The power of the fit `cost = a * size ** power`."""
    xs, ys = [math.log(size) for size in sizes], [math.log(cost) for cost in costs]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    power = sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)
    told = ", ".join(f"{size}: {cost * 1000:.3g} ms" for size, cost in zip(sizes, costs, strict=True))
    return Figure(f"{name}: {told}; power {power:.2f}", f"power {limit}", power <= limit)


def _fill(
    bench: Bench, home: str, count: int, gateway: str = "https://gateway.pixazo.ai", when: str = "long ago"
) -> None:
    bench.spend(bench.python, "-c", FILL, home, str(count), gateway, when)


def _first_line(bench: Bench, *words: str, **variables: str) -> float:
    """Seconds to the first line of standard output."""
    began = time.perf_counter()
    with subprocess.Popen(
        [bench.seedvr, *words], env={**bench.environ, **variables}, cwd=bench.folder, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        seconds = time.perf_counter() - began
        process.kill()
    return seconds


def _sandbox(bench: Bench, latency: str) -> tuple[str, ...]:
    folder = os.path.join(bench.folder, f"sandbox-{time.monotonic_ns()}")
    return bench.seedvr, "sandbox", "--port", "0", "--instant", "--latency", latency, "--quiet", "--folder", folder


def _sources(bench: Bench, name: str, count: int) -> str:
    path = os.path.join(bench.folder, f"{name}.txt")
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"https://example.com/{name}/{number:07}.png\n" for number in range(count))
    return path
