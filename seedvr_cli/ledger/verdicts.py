"""What the ledger answers to "may I submit this?": one of these, each a case of its own for whoever asked."""

from dataclasses import dataclass

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
class OverDay:
    """The money of the day is spent."""


Verdict = Claimed | Free | Paid | Held | Unanswered | Failed | OverDay


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Under which an item may be submitted.

    `again`: whatever the ledger says (--new); `instead_of`: this job and those before it do not count, as their source
    was another one (--if-changed); `after_failure`: also after FAILED; `day_cap`: the most, in millionths of a dollar,
    that all runs together may submit on a day (UTC), jobs in flight included.
    """

    again: bool = False
    instead_of: Job | None = None
    after_failure: bool = False
    day_cap: int | None = None
