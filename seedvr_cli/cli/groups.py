"""The options of a run and of its lists, as they were typed."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How to run; None is what was not given."""

    output: str | None = None
    overwrite: bool = False
    jobs: str | None = None
    poll_interval: str | None = None
    timeout: str | None = None
    no_wait: bool = False
    no_download: bool = False
    new: bool = False
    retry_failed: bool = False
    max_cost: str | None = None
    rate: str | None = None
    fail_fast: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """What to run."""

    lists: Sequence[str] = ()
    shard: str | None = None
    failed_file: str | None = None
    yes: bool = False
