"""What the benchmarks share: a clean environment, processes with their time and memory, figures."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

# `ru_maxrss` counts kibibytes, except on macOS.
RSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Figure:
    """One line. `is_met` is None where there is no target: it is told, not judged."""

    text: str
    target: str = ""
    is_met: bool | None = None

    def __str__(self) -> str:
        if self.is_met is None:
            return self.text
        return f"{self.text}; target {self.target}: {'met' if self.is_met else 'MISSED'}"


@dataclass(frozen=True)
class Spent:
    """What a process took: seconds on the clock and of the processor, and bytes resident at its peak."""

    seconds: float
    processor: float
    peak: int


@dataclass(frozen=True)
class Bench:
    """What a benchmark works with: an empty folder of its own, the installed commands, their environment."""

    folder: str
    python: str
    seedvr: str
    environ: Mapping[str, str]

    def spend(self, *command: str, **variables: str) -> Spent:
        """Run it to its end; RuntimeError, with what it said, where that is not success."""
        with open(os.path.join(self.folder, "stderr.txt"), "w+b") as errors:
            began = time.perf_counter()
            process = subprocess.Popen(
                command, env={**self.environ, **variables}, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=errors
            )
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - began
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                errors.seek(0)
                raise RuntimeError(f"{command} ended with {process.returncode}: {errors.read().decode()}")
        return Spent(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * RSS_UNIT)

    @contextmanager
    def serving(self, *command: str) -> Iterator[str]:
        """A server in its own process; its URL, which is the last word of its first line."""
        process = subprocess.Popen(command, env=self.environ, cwd=self.folder, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            words = process.stdout.readline().split()
            if not words:
                raise RuntimeError(f"{command} did not start")
            yield words[-1]
        finally:
            process.terminate()
            process.communicate()


def environment(home: str, bytecode: str) -> dict[str, str]:
    """This process's, without the user's settings and with bytecode kept, as it is for an installed package."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SEEDVR_", "PIXAZO_", "PYTHON")) and not name.lower().endswith("_proxy")
    }
    return kept | {
        "PYTHONPYCACHEPREFIX": bytecode,
        "SEEDVR_HOME": os.path.join(home, "home"),
        "SEEDVR_API_KEY": "benchmark",
    }


def at_most(name: str, ours: float, peer: float, peer_name: str, limit: float) -> Figure:
    """Seconds against a peer's seconds."""
    ratio = ours / peer
    text = f"{name}: {ours * 1000:.1f} ms, {ratio:.2f}x {peer_name} ({peer * 1000:.1f} ms)"
    return Figure(text, f"at most {limit:g}x", ratio <= limit)


def middle(all_spent: Sequence[Spent]) -> float:
    """The median of the seconds."""
    return median(spent.seconds for spent in all_spent)
