"""What `image` and `video` share: from options to a run."""

import itertools
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from seedvr_cli.cli.common import Common
from seedvr_cli.errors import UsageError
from seedvr_cli.money import as_usd, parse_usd, show_usd
from seedvr_cli.plan import Prospect, Wishes, plan
from seedvr_cli.policy import Policy
from seedvr_cli.request import choose_endpoint
from seedvr_cli.schedule import parse_duration, parse_rate

# Defaults of cli.md.
JOBS = 16
POLL_SECONDS = "5"
TIMEOUT = {"image": "30m", "video": "2h"}
# The sandbox is quick and does not mind being asked.
SANDBOX_POLL_SECONDS = "0.25"
# Millionths of a dollar of list price that are spent without a question.
ASK_ABOVE = 1_000_000
# Keys in one look at the ledger.
LARGEST_LOOKUP = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The options of a run, as they were typed."""

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
    """The options of lists, as they were typed."""

    lists: Sequence[str] = ()
    shard: str | None = None
    failed_file: str | None = None
    yes: bool = False


def upscale(
    kind: Literal["image", "video"],
    common: Common,
    sources: Sequence[str],
    options: Mapping[str, Any],
    run: RunOptions,
    lists: ListOptions,
    *,
    model: str | None = None,
    extra: Sequence[str] = (),
    recursive: bool = False,
    dry_run: bool = False,
) -> int:
    """Plan, then print or run; returns the exit code."""
    wishes = Wishes(
        endpoint=choose_endpoint(kind, common.choose("model", model)),
        options=options,
        extra=tuple(extra),
        output=common.choose("output", run.output),
        recursive=bool(common.choose("recursive", recursive)),
        local_files=common.is_local,
        defaults=common.settings.values,
    )
    policy = make_policy(common, kind, run)
    check_stdout(common, wishes.output)
    if kind == "video" and common.sandbox and not dry_run:
        _check_video_support()
    form = "bytes" if wishes.output == "-" else result_form(common, run)
    if lists.lists or lists.shard:
        from seedvr_cli.cli.batch import upscale_lists

        skim = form == "paths" and not policy.new
        return upscale_lists(common, sources, wishes, replace(policy, skim=skim), form, lists, dry_run=dry_run)
    prospects = plan(sources, wishes, common.gateway_name)
    if dry_run:
        return print_requests(common, prospects)
    from seedvr_cli.cli.failures import Failures
    from seedvr_cli.cli.session import Workload, run_work

    failures = Failures(lists.failed_file)

    async def find_work(session: Any) -> Workload:
        await ask_before(session, prospects, yes=lists.yes)
        return Workload.of(prospects)

    return run_work(common, policy, form, find_work, failures)


async def ask_before(session: Any, prospects: Iterable[Prospect], *, yes: bool) -> None:
    """Before a run whose list price passes a dollar, on a terminal, ask; what the ledger knows costs nothing."""
    common = session.common
    if yes or common.sandbox or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    total, chunk = 0, list[Prospect]()
    for prospect in itertools.chain(prospects, [None]):
        if prospect is not None:
            chunk.append(prospect)
        if len(chunk) >= LARGEST_LOOKUP or prospect is None:
            keys = [one.recipe.key(one.source.identity) for one in chunk]
            known = await session.ledger.paid_keys(keys)
            total += sum({key: one.recipe.request.price() for one, key in zip(chunk, keys, strict=True)
                          if key not in known}.values())  # fmt: skip
            chunk = []
    if total <= ASK_ABOVE:
        return
    print(f"seedvr: this may cost {show_usd(total)} by the list. Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise UsageError("nothing is submitted", hint="--yes answers for you, --max-cost sets a limit")


def make_policy(common: Common, kind: str, run: RunOptions) -> Policy:
    """The run's policy, each value checked."""
    jobs = str(common.choose("jobs", run.jobs, JOBS))
    if not jobs.isdecimal() or int(jobs) < 1:
        raise UsageError(f"--jobs: {jobs!r} is not a whole number from 1 on")
    if run.no_wait and run.no_download:
        raise UsageError("--no-wait and --no-download: one of the two")
    if run.output == "-" and (run.no_wait or run.no_download):
        raise UsageError("-o -: there are no bytes to print with --no-wait or --no-download")
    max_cost = common.choose("max-cost", run.max_cost)
    usual = SANDBOX_POLL_SECONDS if common.sandbox else POLL_SECONDS
    interval = _duration("--poll-interval", common.choose("poll-interval", run.poll_interval, usual))
    if interval <= 0:
        raise UsageError("--poll-interval: it must be longer than nothing")
    return Policy(
        jobs=int(jobs),
        poll_interval=interval,
        timeout=_duration("--timeout", common.choose("timeout", run.timeout, TIMEOUT[kind])),
        wait=not run.no_wait,
        download=not run.no_download,
        new=run.new,
        retry_failed=run.retry_failed,
        overwrite=bool(common.choose("overwrite", run.overwrite)),
        max_cost=_usd("--max-cost", max_cost),
        max_cost_per_day=_usd("max-cost-per-day", common.settings.values.get("max-cost-per-day")),
        rate=_rate(common.choose("rate", run.rate)),
        fail_fast=run.fail_fast,
        profile=common.settings.profile,
    )


def check_stdout(common: Common, output: str | None) -> None:
    """UsageError where bytes would go where they cannot."""
    if output == "-" and common.json:
        raise UsageError("-o - and --json: both want standard output")
    if output == "-" and sys.stdout.isatty():
        raise UsageError("-o -: standard output is a terminal; send it into a file or a pipe")


def result_form(common: Common, run: RunOptions) -> Literal["json", "ids", "urls", "paths"]:
    """What a line of standard output is."""
    return "json" if common.json else "ids" if run.no_wait else "urls" if run.no_download else "paths"


def print_requests(common: Common, prospects: Iterable[Prospect]) -> int:
    """--dry-run: each request and its list price on standard output, the sum on standard error."""
    from seedvr_cli.models import Outcome
    from seedvr_cli.render import machine
    from seedvr_cli.render.results import write_line

    base = "sandbox:" if common.sandbox else common.base_url
    count = total = 0
    for prospect in prospects:
        item = prospect.item()
        request = item.request
        assert request is not None
        count, total = count + 1, total + request.price()
        url = base + request.endpoint.path
        if common.json:
            value = machine.outcome_object(Outcome(item))
            value["price_usd"] = as_usd(request.price())
            headers = dict(request.headers)
            value["request"] = {"method": "POST", "url": url, "headers": headers, "body": request.body}
            write_line(machine.line(value))
        else:
            shown = "".join(f" {name}: {value}" for name, value in request.headers.items())
            write_line(f"{show_usd(request.price())}\tPOST {url}{shown}\t{machine.line(request.body)}")
    requests = "1 request" if count == 1 else f"{count} requests"
    common.talk.say(f"seedvr: {requests}, list price {show_usd(total)}; nothing is sent")
    return 0


def _duration(flag: str, value: Any) -> float:
    try:
        return parse_duration(str(value))
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from error


def _usd(name: str, value: Any) -> int | None:
    try:
        return None if value is None else parse_usd(str(value))
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from error


def _rate(value: Any) -> float | None:
    if value is None:
        return None
    try:
        return parse_rate(str(value))
    except ValueError as error:
        raise UsageError(f"--rate: {error}") from error


def _check_video_support() -> None:
    from importlib.util import find_spec

    if find_spec("av") is None:
        raise UsageError("the sandbox needs PyAV for videos", hint="pip install 'seedvr-cli[video]'")
