"""Checks side by side: each in a thread, none longer than its time, and what goes wrong in one is its finding."""

import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from seedvr_cli.cli.streams import flush_last
from seedvr_cli.settings.key import seen_keys
from seedvr_cli.values.checkup import Check
from seedvr_cli.values.errors import SeedvrError
from seedvr_cli.values.redaction import redact

# Characters of a secret that is blotted out of any finding. A shorter one may be a word that stands everywhere: the
# password "seedvr", for one. It is blotted out of what nobody foresaw; what was foreseen does not have it.
LONG_SECRET = 12

Findings = Check | Sequence[Check]


@dataclass(slots=True)
class Probe:
    """Some checks that are made together. `hint` is what to look at where they do not end in time."""

    name: str
    look: Callable[[], Findings]
    hint: str | None = None
    thread: threading.Thread = field(init=False)
    found: list[Check] | None = None
    crash: str = ""
    took: float = 0.0

    def begin(self) -> None:
        """In a thread that nobody waits for at the end: what hangs in a dead disk or server cannot be ended."""
        self.thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self.thread.start()

    def findings(self, seconds: float, began: float) -> list[Check]:
        """What was found in so many seconds since that instant of the monotonic clock; no check has a secret in it."""
        self.thread.join(max(0.0, began + seconds - time.monotonic()))
        found = self.found
        if found is None:
            self.took = seconds
            found = [Check(self.name, "problem", f"no answer in {seconds:g} seconds", self.hint)]
        secrets = {secret for secret in list(seen_keys) if len(secret) >= LONG_SECRET}  # other threads may find more
        return [check.without(secrets) for check in found]

    def _run(self) -> None:
        began = time.monotonic()
        try:
            found = self.look()
            found = [found] if isinstance(found, Check) else list(found)
        except SeedvrError as error:
            found = [Check(self.name, "problem", redact(error.message, seen_keys), error.hint)]
        except Exception as error:  # noqa: BLE001 - whatever it is, the other checks are made
            what = f"unforeseen error: {type(error).__name__}: {error}".splitlines()[0]
            hint = "'seedvr doctor -v' says where; please report it"
            found = [Check(self.name, "problem", redact(what, seen_keys), hint)]
            self.crash = redact(traceback.format_exc(), seen_keys)
        self.took = time.monotonic() - began
        self.found = found


def run_probes(probes: Sequence[Probe], seconds: float) -> Iterator[tuple[Probe, list[Check]]]:
    """All at once, none longer than that; their findings in order, each as soon as it and those before it are there."""
    began = time.monotonic()
    for probe in probes:
        probe.begin()
    for probe in probes:
        yield probe, probe.findings(seconds, began)


def leave(code: int, before: Sequence[threading.Thread]) -> int:
    """The exit code; where threads hang that were begun since, Python would wait for them, so that we do not return."""
    if set(threading.enumerate()) - set(before):
        os._exit(code if flush_last() else code or 1)
    return code
