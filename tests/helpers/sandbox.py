"""The sandbox, `seedvr sandbox`, in a process of its own."""

import json
import re
import select
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.command import clean_environment
from helpers.waiting import PATIENCE


@dataclass(frozen=True)
class SandboxServer:
    """A running `seedvr sandbox`."""

    url: str
    process: "subprocess.Popen[bytes]"

    def accepted(self, source: str | None = None) -> int:
        """How many submissions it has accepted, of that source or of all."""
        return self._counts()["accepted"] if source is None else self.by_source()[source]

    def by_source(self) -> Counter[str]:
        """How many submissions of each source it has accepted."""
        return Counter(self._counts()["by_source"])

    def _counts(self) -> Any:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}/sandbox/accepted", timeout=PATIENCE) as answer:
            return json.load(answer)


@contextmanager
def serve(folder: Path, *flags: Any) -> Iterator[SandboxServer]:
    """A sandbox with these flags that keeps its jobs in the folder."""
    words = ["sandbox", "--port", "0", "-q", "--folder", str(folder / "sandbox"), *map(str, flags)]
    with subprocess.Popen(
        [sys.executable, "-m", "seedvr_cli", *words],
        env=clean_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout
            assert select.select([process.stdout], [], [], PATIENCE)[0], "the sandbox does not come up"
            line = process.stdout.readline().decode()
            match = re.search(r"http://127\.0\.0\.1:\d+", line)
            assert match, f"the sandbox says {line!r}"
            yield SandboxServer(match[0], process)
        finally:
            process.terminate()
            process.wait(PATIENCE)
