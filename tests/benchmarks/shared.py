"""Whole lives of jobs with a ledger that machines share, beside the local ledger alone."""

import os
import sys
from collections.abc import Iterator

from measure import Bench, Figure

JOBS = 2_000
IN_FLIGHT = 64
LEAST = 0.3


def figures(bench: Bench) -> Iterator[Figure]:
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    from helpers.postgres import postgres  # the tests' own, which brings a real server

    rates: dict[str, float] = {}
    with postgres() as server:
        for name, more in (("local", {}), ("shared", {"SEEDVR_LEDGER_URL": server.database()})):
            folder = os.path.join(bench.folder, name)
            words = (
                "sandbox",
                "--port",
                "0",
                "--instant",
                "--latency",
                "0s",
                "--quiet",
                "--folder",
                f"{folder}-gateway",
            )
            with bench.serving(bench.seedvr, *words) as url:
                sources = os.path.join(bench.folder, f"{name}.txt")
                with open(sources, "w", encoding="utf-8") as file:
                    file.writelines(f"https://example.com/{name}-{number}.png\n" for number in range(JOBS))
                command = (bench.seedvr, "image", "--from", sources, "--base-url", url, "-j", str(IN_FLIGHT))
                spent = bench.spend(
                    *command, "--poll-interval", "0.05", "-q", "-o", f"{folder}/", SEEDVR_HOME=f"{folder}-home", **more
                )
                assert len(os.listdir(folder)) == JOBS
                rates[name] = JOBS / spent.seconds
    ratio = rates["shared"] / rates["local"]
    text = (
        f"{JOBS} jobs, {IN_FLIGHT} in flight: {rates['shared']:.0f} jobs/s with a shared ledger, {ratio:.2f}x without"
    )
    yield Figure(f"{text} ({rates['local']:.0f})", f"at least {LEAST}x", ratio >= LEAST)
