"""A large result by `seedvr download`, against curl on the same server and disk; and the memory that it takes.

From a server that sends the whole; from one that sends any part of it; and from one that limits each connection, where
streams side by side are to count.
"""

import os
import shutil
import struct
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from measure import Bench, Figure, Spent, middle

ROUNDS = 5
BYTES = 1_000_000_000
# The share of curl's throughput.
LEAST = 0.95
# The times of curl's throughput where each of our four streams has as much as its one: four, but for the start and the
# last pieces.
LEAST_LIMITED = 3.0
# The time with streams side by side that bring nothing, as one has all of the line, against that of the one alone.
MOST_BESIDE = 1.1
# Bytes resident.
MOST_MEMORY = 80_000_000

GATEWAY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "gateway.py")


def figures(bench: Bench) -> Iterator[Figure]:
    curl, sync = shutil.which("curl"), shutil.which("sync")
    if curl is None or sync is None:
        raise RuntimeError("this benchmark needs curl and sync")
    film, result = (os.path.join(bench.folder, name) for name in ("film.mp4", "result.mp4"))
    make_film(film)
    with bench.serving(bench.python, GATEWAY, film) as url:
        for server, told, rounds, least in (
            ("whole", "1 GB", ROUNDS, LEAST),
            ("ranges", "1 GB by ranges", ROUNDS, LEAST),
            ("limited", "1 GB by ranges, 50 MB/s a connection", 1, LEAST_LIMITED),
        ):
            by_curl = (curl, "-s", "-o", result, f"{url}/media/{server}/film.mp4")
            commands = {
                "curl": by_curl,
                "seedvr": (bench.seedvr, "download", server, "--base-url", url, "-q", "-o", result),
                "curl and sync": ("/bin/sh", "-c", '"$@" && exec "$0" "$4"', sync, *by_curl),
            }
            if server == "ranges":
                commands["one stream"] = (bench.seedvr, "download", "whole", *commands["seedvr"][3:])
            spent: dict[str, list[Spent]] = {name: [] for name in commands}
            warm_up = server == "whole"  # the first of each writes bytecode, and reads the film into memory
            for number in range(rounds + warm_up):
                for name, command in commands.items():
                    took = bench.spend(*command, SEEDVR_HOME=os.path.join(bench.folder, f"home-{server}-{number}"))
                    if os.path.getsize(result) != BYTES:
                        raise RuntimeError(f"{name} brought {os.path.getsize(result)} of {BYTES} bytes")
                    os.unlink(result)
                    os.sync()  # what one leaves to the disk is not the next one's burden
                    if number or not warm_up:
                        spent[name].append(took)
            yield from compared(told, spent, least)
            if "one stream" in spent:
                ratio = middle(spent["seedvr"]) / middle(spent["one stream"])
                text = f"{told}: {ratio:.2f}x the time of one stream, where that has all of the line"
                yield Figure(text, f"at most {MOST_BESIDE}x", ratio <= MOST_BESIDE)


def compared(told: str, spent: Mapping[str, Sequence[Spent]], least: float) -> Iterator[Figure]:
    """Ours against curl's, which does not flush, and against curl's with a flush; and our memory."""
    ours = middle(spent["seedvr"])
    for name, target in (("curl", least), ("curl and sync", None)):
        peer = middle(spent[name])
        text = (
            f"{told}: {BYTES / ours / 1e6:.0f} MB/s, {peer / ours:.2f}x {name} ({BYTES / peer / 1e6:.0f} MB/s); "
            f"processor {median(s.processor for s in spent['seedvr']):.2f} s, "
            f"{name} {median(s.processor for s in spent[name]):.2f} s"
        )
        yield Figure(text, f"at least {target}x", None if target is None else peer / ours >= target)
    peak = max(took.peak for took in spent["seedvr"])
    yield Figure(f"{told}: {peak / 1e6:.0f} MB of memory", f"below {MOST_MEMORY / 1e6:.0f} MB", peak < MOST_MEMORY)


def make_film(path: str) -> None:
    """An MP4 of `BYTES` by its boxes: an index with one 1080p track, and nothing on its pictures."""
    header = b"ftypisom" + struct.pack(">I", 512) + b"isomiso2mp41"
    track = bytes(84 - 8) + struct.pack(">II", 1920 << 16, 1080 << 16)
    boxes = box(header) + box(b"moov" + box(b"trak" + box(b"tkhd" + track)))
    with open(path, "wb") as file:
        file.write(boxes + struct.pack(">I4s", BYTES - len(boxes), b"mdat"))
        file.truncate(BYTES)


def box(content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 4) + content  # the length counts itself
