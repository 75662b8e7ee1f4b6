"""What a run may do, and the time and chance it is handed."""

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from seedvr_cli.settings.profile import Settings
from seedvr_cli.values.caps import NO_CAPS, Caps
from seedvr_cli.values.options import OPTIONS
from seedvr_cli.values.target import Target

Check = Literal["none", "files", "all"]
Keep = Literal["none", "files", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The user's wishes for a run. Lengths in seconds, costs in millionths of a dollar, `rate` submissions a second.

    `caps` are what all runs together may spend. `max_filesize` is how many bytes a result may have.
    `skip_claimed` leaves what another run holds. `shared_rate`: `rate` is that of all machines with the same ledger.
    `callback` is the public URL below which the gateway calls `seedvr listen`.
    `check` is which sources are looked at before they are paid for: files of this machine, all of them, or none.
    `if_changed` submits again what has changed at its URL since it was paid for.
    `keep_metadata` and `keep_sound` are of which sources these are carried to the results: of files of this machine,
    of URLs too, which are fetched for it, or of none. `embed` writes the request there.
    `summary` is the file that gets the run's totals.
    `sidecar`: the JSON object is written beside each result; `compare`: before and after as a picture, and `preview`
    shows them. `upload` is where files of this machine go, so that the gateway can read them.
    `skim` passes over delivered items of a list without a closer look than name, size and time, unless `looks_again`.
    """

    jobs: int = OPTIONS["jobs"].default
    poll_interval: float = OPTIONS["poll-interval"].default
    timeout: float = OPTIONS["timeout"].default
    wait: bool = True
    download: bool = True
    new: bool = False
    retry_failed: bool = False
    overwrite: bool = False
    max_filesize: int = OPTIONS["max-filesize"].default
    max_cost: int | None = None
    caps: Caps = NO_CAPS
    rate: float | None = None
    fail_fast: bool = False
    skip_claimed: bool = False
    callback: str | None = None
    shared_rate: bool = False
    upload: Target | None = None
    check: Check = "none"
    if_changed: bool = False
    sidecar: bool = False
    summary: str | None = None
    compare: bool = False
    preview: bool = False
    keep_metadata: Keep = "none"
    keep_sound: Keep = "none"
    embed: bool = False
    skim: bool = False
    profile: str = "default"

    @property
    def wants_more(self) -> bool:
        """Whether each result is looked at, also one that stands there: for what is made beside it, or in it."""
        is_particular = self.embed or {self.keep_metadata, self.keep_sound} != {"files"}
        return self.sidecar or self.compare or self.preview or is_particular

    @property
    def looks_again(self) -> bool:
        """Whether what stands at the URLs of sources that are paid for is compared with what was paid for."""
        return self.if_changed or self.check == "all"


def make_policy(
    settings: Settings,
    *circumstances: str,
    jobs: int | None = None,
    poll_interval: float | None = None,
    timeout: float | None = None,
    overwrite: bool | None = None,
    max_filesize: int | None = None,
    max_cost: int | None = None,
    rate: float | None = None,
    callback: str | None = None,
    check: Check = "none",
    keep_upload: bool | None = None,
    keep_metadata: bool | None = None,
    keep_sound: bool | None = None,
    summary: str | None = None,
    **plain: bool,
) -> Policy:
    """What was given, else what the profile has, else the defaults in these circumstances (`video`, `sandbox`)."""
    choose = settings.choose
    return Policy(
        jobs=choose("jobs", jobs, *circumstances),
        poll_interval=choose("poll-interval", poll_interval, *circumstances),
        timeout=choose("timeout", timeout, *circumstances),
        overwrite=choose("overwrite", overwrite),
        max_filesize=choose("max-filesize", max_filesize),
        max_cost=choose("max-cost", max_cost),
        caps=Caps(
            day=choose("max-cost-per-day", None),
            month=choose("max-cost-per-month", None),
            tags=choose("max-cost-per-tag", None) or {},
        ),
        rate=choose("rate", rate),
        callback=callback,
        summary=summary,
        check=check,
        keep_metadata=_kept(settings, "keep-metadata", keep_metadata),
        keep_sound=_kept(settings, "keep-sound", keep_sound),
        upload=find_target(settings, keep=keep_upload),
        profile=settings.profile,
        **plain,
    )


def _kept(settings: Settings, name: str, given: bool | None) -> Keep:  # noqa: FBT001 - what a switch was given as
    """A URL is only fetched for those who asked for it in so many words: a default would fetch a whole list."""
    if given:
        return "all"
    return "files" if settings.choose(name, given) else "none"


def find_target(settings: Settings, *, keep: bool | None = None) -> Target | None:
    """Where files of this machine go, if the profile says it."""
    url, command = settings.values.get("upload"), settings.values.get("upload-command")
    if url is None and command is None:
        return None
    endpoint, region = settings.values.get("upload-endpoint"), settings.values.get("upload-region")
    return Target(url, command, endpoint, region, keep=settings.choose("keep-upload", keep))


async def _sleep(seconds: float) -> None:
    import asyncio  # late: a command that waits for nothing need not load it

    await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Clock:
    """Handed in, so that tests need neither to sleep nor to be lucky. `jitter` gives 0-1."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = _sleep
    jitter: Callable[[], float] = random.random
