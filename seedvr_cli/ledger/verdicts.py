"""What the ledger answers to "may I submit this?": one of these, each a case of its own for whoever asked."""

from dataclasses import dataclass

from seedvr_cli.values.caps import NO_CAPS, Caps, Period
from seedvr_cli.values.job import Job


@dataclass(frozen=True, slots=True)
class Claimed:
    """Yes: the record says that the POST may be in the air from now on."""

    job: Job


@dataclass(frozen=True, slots=True)
class Free:
    """Nobody has it: it would have been claimed, had that been asked for."""


@dataclass(frozen=True, slots=True)
class Paid:
    """It is paid for: the job goes on, or is done."""

    job: Job


@dataclass(frozen=True, slots=True)
class Held:
    """Another run is about to submit it, or is at it now."""

    job: Job


@dataclass(frozen=True, slots=True)
class Unanswered:
    """An earlier submission was never answered: it may be paid for."""

    job: Job


@dataclass(frozen=True, slots=True)
class Failed:
    """It ended FAILED, and may have been charged."""

    job: Job


@dataclass(frozen=True, slots=True)
class OverCap:
    """The money of a day, of a month or of a tag (`period` is None then) is spent, as far as its price goes.

    `cap` and what is `spent` of it in millionths of a dollar.
    """

    period: Period | None
    tag: str | None
    cap: int
    spent: int


Verdict = Claimed | Free | Paid | Held | Unanswered | Failed | OverCap


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Under which an item may be submitted.

    `again`: whatever the ledger says (--new); `instead_of`: this job and those before it do not count, as their source
    was another one (--if-changed); `after_failure`: also after FAILED; `caps`: of what all runs together may spend.
    """

    again: bool = False
    instead_of: Job | None = None
    after_failure: bool = False
    caps: Caps = NO_CAPS
