"""How fast `seedvr` is, each figure against a peer measured in the same run.

    python tests/benchmarks/run.py [NAME...]     all without a name; `BENCHMARKS` has the names

One line a figure, with its target and whether it is met. Exit code 1 where a target is missed.
A busy machine makes every figure worse: run it alone. So does a disk on which many files were deleted a moment ago, as
a run of this does at its end: ext4 without a journal, for one, makes new files slowly for five minutes after that.
"""

import os
import sys
import tempfile
import time

import batch
import delivery
import download
import laws
import listen
import shared
import startup
import submit
import upload
from installation import install
from measure import Bench, environment

BENCHMARKS = {
    "startup": startup.figures,
    "submit": submit.figures,
    "delivery": delivery.figures,
    "download": download.figures,
    "upload": upload.figures,
    "batch": batch.throughput,
    "batch-16": batch.small_batch,
    "polling": batch.polling,
    "list": batch.million_lines,
    "loop": batch.loop,
    "long": batch.long_run,
    "schedule": laws.schedule,
    "years": laws.years,
    "day": laws.day,
    "names": laws.names,
    "cap": laws.cap,
    "shared": shared.figures,
    "listen": listen.figures,
}
# What these need beside the core: the package's extras, and what rivals are written with.
FAST = (("fast",), ())
EXTRAS = {
    "startup": FAST,
    "download": FAST,
    "upload": (("fast", "bucket"), ()),
    "batch": (("fast",), ("aiohttp", "requests")),
    "batch-16": FAST,
    "polling": (("fast",), ("aiohttp",)),
    "long": FAST,
    "shared": (("fast", "postgres"), ()),
}
# What is measured in memory as well as on disk, where there is such a folder.
MEMORY = "/dev/shm"
IN_MEMORY = {"batch", "batch-16"}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"there is no {unknown[0]!r}: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    missed = measured = 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="seedvr-bench-") as top:
        installed = {}
        for name in names or BENCHMARKS:
            needs = extras, beside = EXTRAS.get(name, ((), ()))
            if needs not in installed:
                installed[needs] = install(os.path.join(top, f"venv-{len(installed)}"), *extras, beside=beside)
            python, seedvr = installed[needs]
            places = [(name, None)]
            if name in IN_MEMORY and os.path.isdir(MEMORY):
                places.insert(0, (f"{name}, in memory", MEMORY))
            for label, place in places:
                with tempfile.TemporaryDirectory(prefix="seedvr-bench-", dir=place) as folder:
                    bench = Bench(folder, python, seedvr, environment(folder, os.path.join(top, "bytecode")))
                    for figure in BENCHMARKS[name](bench):
                        print(f"{label}: {figure}", flush=True)
                        measured += figure.is_met is not None
                        missed += figure.is_met is False
    seconds = time.monotonic() - began
    print(f"{measured - missed} of {measured} targets met, {seconds:.0f} s", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
