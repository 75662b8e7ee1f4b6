"""Whole lives of jobs in a ledger, without a gateway: claim, acceptance, end. Prints how many a second.

python lives.py FOLDER NAME JOBS IN_FLIGHT [URL]
"""

import asyncio
import sys
import time
from collections.abc import Iterator

from seedvr_cli.ledger.boards import find_board
from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.ledger.shared import SharedLedger
from seedvr_cli.ledger.verdicts import Claimed, Terms
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.job import Draft


async def main(folder: str, name: str, jobs: int, in_flight: int, url: str | None) -> float:
    ledger = SharedLedger(folder, find_board(url)) if url else Ledger(folder)

    async def live(numbers: Iterator[int]) -> None:
        for number in numbers:
            key = f"{name}-{number}"
            draft = Draft(key=key, gateway="g", endpoint="7b-image", source=key, name=key, params={}, output=None,
                          price=1000, profile="default")  # fmt: skip
            claimed = await ledger.claim(draft, Terms())
            assert isinstance(claimed, Claimed)
            job = await ledger.record(claimed.job, Answer(f"job-{key}", "QUEUED"))
            await ledger.record(job, Answer(f"job-{key}", "COMPLETED", ("https://example.com/x.png",)))

    async with ledger:
        await ledger.prepare()
        began, numbers = time.perf_counter(), iter(range(jobs))
        await asyncio.gather(*(live(numbers) for _ in range(in_flight)))
        return jobs / (time.perf_counter() - began)


if __name__ == "__main__":
    folder, name, jobs, in_flight, *url = sys.argv[1:]
    print(asyncio.run(main(folder, name, int(jobs), int(in_flight), url[0] if url else None)))
