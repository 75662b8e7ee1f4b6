"""How a sandbox is to behave."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from seedvr_cli.sandbox.faults import FAULTS

# What the fault ambiguous answers with, where nothing else is said.
AMBIGUOUS = 408


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """How the sandbox behaves.

    `latency`: seconds from submission until due, the first third QUEUED; `spread`: 0-1, by which share latency varies.
    `faults`: probability 0-1 by name of `faults.FAULTS`; `ambiguous_status`: 300-599, of the fault ambiguous.
    `rate_limit`: submissions and polls a second, None unlimited.
    `balance`: millionths of a dollar, None unlimited. `instant`: every result is one tiny file, nothing is upscaled.
    `seed`: reproduces ids, fates and faults; None: different every time. Raises ValueError for an unknown fault.
    """

    latency: float = 1.0
    spread: float = 0.0
    faults: Mapping[str, float] = field(default_factory=dict)
    ambiguous_status: int = AMBIGUOUS
    rate_limit: int | None = None
    balance: int | None = None
    instant: bool = False
    seed: int | None = None

    def __post_init__(self) -> None:
        unknown = self.faults.keys() - FAULTS.keys()
        if unknown:
            raise ValueError(f"there are no such faults: {', '.join(sorted(unknown))}")
