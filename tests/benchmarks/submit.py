"""One job with --no-wait, key lookup and ledger and all, against a script that makes the same POST."""

import json
import os
import urllib.request
from collections.abc import Iterator

from measure import Bench, Figure, Spent, at_most, middle

ROUNDS = 20
LIMIT = 1.5

SCRIPT = """\
import sys

import httpx

url, source = sys.argv[1:]
headers = {"Ocp-Apim-Subscription-Key": "benchmark", "Cache-Control": "no-cache"}
response = httpx.post(f"{url}/seedvr2-7b-upscale/image-request", headers=headers, json={"image_url": source})
response.raise_for_status()
print(response.json()["request_id"])
"""


def figures(bench: Bench) -> Iterator[Figure]:
    script = os.path.join(bench.folder, "script.py")
    with open(script, "w", encoding="utf-8") as file:
        file.write(SCRIPT)
    words = ("sandbox", "--port", "0", "--instant", "--latency", "0s", "--quiet", "--folder", bench.folder)
    ours: list[Spent] = []
    peers: list[Spent] = []
    with bench.serving(bench.seedvr, *words) as url:
        for number in range(ROUNDS + 1):
            source = f"https://example.com/{number}"  # the ledger pays for no source twice
            ours.append(bench.spend(bench.seedvr, "image", "--no-wait", "--base-url", url, f"{source}-a.png"))
            peers.append(bench.spend(bench.python, script, url, f"{source}-b.png"))
        with urllib.request.urlopen(f"{url}/sandbox/accepted") as response:
            accepted = json.load(response)["accepted"]
    if accepted != len(ours) + len(peers):
        raise RuntimeError(f"{accepted} jobs were accepted, not {len(ours) + len(peers)}")
    # The first of each wrote the bytecode.
    yield at_most("seedvr image --no-wait URL", middle(ours[1:]), middle(peers[1:]), "ten lines of httpx", LIMIT)
