"""How far one item has come. Each step fills in what it learns, so that an error on the way loses nothing of it."""

from dataclasses import dataclass, field

from seedvr_cli.run.budget import Reservation
from seedvr_cli.values.job import File, Job


@dataclass(slots=True)
class Progress:
    """`is_attached`: the job was submitted before, by this run or another; `money` is what this item has set aside.

    `doubt`: what the gateway says lately of a job that is COMPLETED, where that is something else.
    """

    job: Job | None = None
    is_attached: bool = False
    money: Reservation | None = None
    files: list[File] = field(default_factory=list)
    is_skipped: bool = False
    doubt: str | None = None

    @property
    def known_job(self) -> Job:
        """The job, in the steps that come after there is one."""
        assert self.job is not None
        return self.job
