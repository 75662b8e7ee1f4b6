"""The result of one source, as scripts and programs get it: the fields of the JSON object of cli.md."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from seedvr_cli.values.items import Outcome, Purchase
from seedvr_cli.values.job import Charge, File
from seedvr_cli.values.money import as_usd


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong: `code` for programs, `message` for people, `hint` what to do; `exit_code` as the command's."""

    code: str
    message: str
    hint: str | None
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one source ended.

    `status` is the gateway's word, or None. `charge` is `none` (nothing was submitted), `listed` (completed, at the
    list price), `not_charged` (ERROR), `maybe` (FAILED, or still running) or `unknown` (never answered); `price_usd`
    is the list price in US dollars. `files` are on disk, with their size in bytes and pixels. `resumed`: the ledger
    had the job before. `error` is None where all went well. `elapsed_s` is in seconds. `extra` has what the
    gateway said beyond its documentation. `number` says which source of the call this was, from 1.
    """

    source: str | None
    endpoint: str | None
    request_id: str | None
    status: str | None
    charge: Charge
    price_usd: float | None
    media_url: tuple[str, ...] = ()
    media_type: str | None = None
    files: tuple[File, ...] = ()
    error: Problem | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    resumed: bool = False
    submitted_at: datetime | None = None
    completed_at: datetime | None = None
    elapsed_s: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    number: int | None = None


def result_of(outcome: Outcome) -> Result:
    """The result of an item's outcome."""
    item, job, known, error = outcome.item, outcome.job, outcome.known, outcome.error
    submitted = job.shown_start if job else outcome.answer.created_at if outcome.answer else None
    elapsed = known.seconds if known else None
    charge = outcome.charge
    return Result(
        source=item.source,
        endpoint=item.endpoint,
        request_id=outcome.request_id,
        status=known.status if known else None,
        charge=charge,
        price_usd=as_usd(job.price) if job and job.price is not None and charge != "none" else None,
        media_url=known.media_url if known else (),
        media_type=known.media_type if known else None,
        files=outcome.files,
        error=Problem(error.code, error.message, error.hint, error.exit_code) if error else None,
        params=item.params,
        resumed=outcome.resumed,
        submitted_at=submitted,
        completed_at=known.completed_at if known else None,
        elapsed_s=None if elapsed is None else round(elapsed, 3),
        extra=known.extra if known else {},
        number=item.number if isinstance(item, Purchase) else None,
    )
