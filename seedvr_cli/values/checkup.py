"""What `doctor` finds: one value a check, and the rules that several rooms judge by."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from seedvr_cli.values.redaction import redact

CheckState = Literal["ok", "warning", "problem"]

# Seconds by which two clocks may differ before anybody suffers from it.
CLOCK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `name` is stable, for scripts; `hint` is the remedy, where there is something to do."""

    name: str
    state: CheckState
    message: str
    hint: str | None = None

    def without(self, secrets: set[str]) -> "Check":
        """The same without these secrets, and without what looks like one."""
        hint = None if self.hint is None else redact(self.hint, secrets)
        return replace(self, message=redact(self.message, secrets), hint=hint)


def clock_check(name: str, whose: str, theirs: datetime, ours: datetime, harm: str) -> Check:
    """Whether two clocks agree, both read at the same instant; `harm` is what suffers where they do not."""
    seconds = (ours - theirs).total_seconds()
    if abs(seconds) <= CLOCK_SECONDS:
        return Check(name, "ok", f"this machine's clock agrees with {whose}")
    side = "ahead of" if seconds > 0 else "behind"
    return Check(
        name,
        "warning",
        f"this machine's clock is {abs(seconds):.0f} seconds {side} {whose}: {harm}",
        "set the clock, by NTP for instance",
    )
