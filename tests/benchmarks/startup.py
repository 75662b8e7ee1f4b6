"""How long a command takes before it does anything, against an interpreter that does nothing."""

import os
from collections.abc import Iterator

from measure import Bench, Figure, Spent, at_most, middle

ROUNDS = 25
PEER = "bare Python"

# The command, and how many times bare Python's time it may take.
COMMANDS = {
    "seedvr --version": (("--version",), 4),
    "seedvr --help": (("--help",), 11),
    "seedvr image --dry-run URL": (("image", "--dry-run", "https://example.com/a.png"), 8),
    "seedvr status": (("status",), 8),
}


# Seconds that a job of 50 ms may take.
SHORT_LIMIT = 0.25
SCRIPT = """\
import sys, time
import httpx

url, source, path = sys.argv[1:]
headers = {"Ocp-Apim-Subscription-Key": "benchmark", "Cache-Control": "no-cache"}
with httpx.Client(headers=headers) as client:
    answer = client.post(f"{url}/seedvr2-7b-upscale/image-request", json={"image_url": source}).json()
    while answer["status"] != "COMPLETED":
        time.sleep(0.05)
        answer = client.get(f"{url}/v2/requests/status/{answer['request_id']}").json()
    with open(path, "wb") as file:
        file.write(client.get(answer["output"]["media_url"][0]).content)
"""

# Seconds that a TAB may take, by the words so far.
TAB_LIMIT = 0.15
TABS = {"a command": ("seedvr", "im"), "a flag": ("seedvr", "image", "--"), "a topic": ("seedvr", "help", "")}

# A source that is delivered already, and how many times the processor time of a dry run it may take.
DELIVERED_LIMIT = 1.15


def figures(bench: Bench) -> Iterator[Figure]:
    yield from _bare(bench)
    yield from _tab(bench)
    yield from _delivered(bench)
    yield from _short_job(bench)


def _delivered(bench: Bench) -> Iterator[Figure]:
    """A loop over what stands already: all that it takes is the ledger."""
    url = "https://example.com/b.png"
    words = ("sandbox", "--port", "0", "--instant", "--latency", "0s", "--quiet", "--folder", bench.folder)
    with bench.serving(bench.seedvr, *words) as gateway:
        again = (bench.seedvr, "image", url, "--quiet", "--base-url", gateway)
        bench.spend(*again, SEEDVR_API_KEY="benchmark")
        dry = (bench.seedvr, "image", "--dry-run", url, "--quiet", "--base-url", gateway)
        ours: list[Spent] = []
        peers: list[Spent] = []
        for _ in range(ROUNDS):
            ours.append(bench.spend(*again))
            peers.append(bench.spend(*dry))
    spent, peer = (sorted(one.processor for one in all_)[ROUNDS // 2] for all_ in (ours, peers))
    ratio = spent / peer
    text = f"seedvr image URL, delivered already: {spent * 1000:.0f} ms of the processor, {ratio:.2f}x --dry-run"
    yield Figure(text, f"{DELIVERED_LIMIT}x", ratio <= DELIVERED_LIMIT)


def _short_job(bench: Bench) -> Iterator[Figure]:
    """The whole way of one job that takes next to no time, against a script that does as much."""
    script = os.path.join(bench.folder, "script.py")
    with open(script, "w", encoding="utf-8") as file:
        file.write(SCRIPT)
    words = ("sandbox", "--port", "0", "--instant", "--latency", "0.05s", "--quiet", "--folder", bench.folder)
    ours: list[Spent] = []
    peers: list[Spent] = []
    with bench.serving(bench.seedvr, *words) as gateway:
        for number in range(ROUNDS):
            source, home = f"https://example.com/short-{number}.png", os.path.join(bench.folder, "short")
            command = (bench.seedvr, "image", source, "--quiet", "--base-url", gateway, "--poll-interval", "0.05")
            ours.append(bench.spend(*command, SEEDVR_HOME=home))
            peers.append(bench.spend(bench.python, script, gateway, f"{source}?peer", os.path.join(home, "peer.png")))
    seconds, peer = middle(ours), middle(peers)
    text = f"seedvr image URL, a job of 50 ms: {seconds * 1000:.0f} ms, {seconds / peer:.2f}x a script with httpx"
    yield Figure(text, f"{SHORT_LIMIT * 1000:.0f} ms", seconds <= SHORT_LIMIT)


def _bare(bench: Bench) -> Iterator[Figure]:
    commands = {PEER: (bench.python, "-c", "pass")}
    commands |= {name: (bench.seedvr, *words) for name, (words, _) in COMMANDS.items()}
    spent: dict[str, list[Spent]] = {name: [] for name in commands}
    for command in commands.values():  # writes the bytecode
        bench.spend(*command)
    for _ in range(ROUNDS):
        for name, command in commands.items():
            spent[name].append(bench.spend(*command))
    for name, (_, limit) in COMMANDS.items():
        yield at_most(name, middle(spent[name]), middle(spent[PEER]), PEER, limit)


def _tab(bench: Bench) -> Iterator[Figure]:
    for what, words in TABS.items():
        question = {"_SEEDVR_COMPLETE": "complete_bash", "_SEEDVR_WORDS": "\x1f".join(words)}
        bench.spend(bench.seedvr, **question)
        seconds = middle([bench.spend(bench.seedvr, **question) for _ in range(ROUNDS)])
        yield Figure(f"TAB for {what}: {seconds * 1000:.0f} ms", f"{TAB_LIMIT * 1000:.0f} ms", seconds <= TAB_LIMIT)
