"""A large file on its way to a bucket that forgets it: the memory that it takes, against that of a small one."""

import os
import struct
from collections.abc import Iterator

from measure import Bench, Figure, Spent

SIZES = {"1 MB": 1 << 20, "2 GB": 2 << 30}
# Bytes resident.
MOST_MEMORY = 120_000_000

HERE = os.path.dirname(os.path.abspath(__file__))
GATEWAY = os.path.join(HERE, "gateway.py")
SINK = os.path.join(os.path.dirname(HERE), "fakes", "sink.py")


def figures(bench: Bench) -> Iterator[Figure]:
    with bench.serving(bench.python, GATEWAY) as gateway, bench.serving(bench.python, SINK) as bucket:
        for name, size in SIZES.items():
            spent = _upload(bench, gateway, bucket, size)
            speed = f"{size / spent.seconds / 1e6:.0f} MB/s, " if name == "2 GB" else ""
            text = f"a file of {name}: {speed}{spent.peak / 1e6:.0f} MB of memory"
            yield Figure(text, f"below {MOST_MEMORY / 1e6:.0f} MB", spent.peak < MOST_MEMORY)


def _upload(bench: Bench, gateway: str, bucket: str, size: int) -> Spent:
    film, home = os.path.join(bench.folder, f"{size}.png"), os.path.join(bench.folder, f"home-{size}")
    with open(film, "wb") as file:  # no picture beyond its first bytes, and it takes no room
        file.write(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR")
        file.truncate(size)
    words = ("--base-url", gateway, "-q", "--no-check", "--no-keep-metadata", "--poll-interval", "0.1")
    os.makedirs(os.path.join(home, "config"))
    with open(os.path.join(home, "config", "config.toml"), "w", encoding="utf-8") as file:
        file.write('[default]\nupload = "s3://bucket/in"\n')
    keys = {"AWS_ENDPOINT_URL": bucket, "AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark"}
    return bench.spend(bench.seedvr, "image", film, *words, SEEDVR_HOME=home, **keys)
