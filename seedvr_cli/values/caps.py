"""What may be spent on a day, in a month, and under a tag: limits that outlive a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Period = Literal["day", "month"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The most, in millionths of a dollar, that all runs together may submit at a gateway, jobs in flight included.

    Days and months are UTC's; of a tag it is all that was ever submitted under it. None and no entry: no limit.
    """

    day: int | None = None
    month: int | None = None
    tags: Mapping[str, int] = field(default_factory=dict)

    def hold_for(self, tags: Sequence[str]) -> bool:
        """Whether anything limits jobs with these tags."""
        return self.day is not None or self.month is not None or any(tag in self.tags for tag in tags)


NO_CAPS = Caps()
