"""What `image` and `video` share: from options to a run."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from seedvr_cli.catalog import Endpoint, check
from seedvr_cli.cli.common import Common
from seedvr_cli.errors import UsageError
from seedvr_cli.models import Item
from seedvr_cli.money import as_usd, parse_usd, show_usd
from seedvr_cli.plan import Wishes, plan
from seedvr_cli.policy import Policy
from seedvr_cli.request import SIZE_FLAGS, choose_endpoint
from seedvr_cli.schedule import parse_duration

# Defaults of cli.md.
JOBS = 16
POLL_SECONDS = "5"
TIMEOUT = {"image": "30m", "video": "2h"}
# The sandbox is quick and does not mind being asked.
SANDBOX_POLL_SECONDS = "0.25"


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


def upscale(
    kind: Literal["image", "video"],
    common: Common,
    sources: Sequence[str],
    options: Mapping[str, Any],
    run: RunOptions,
    *,
    model: str | None = None,
    extra: Sequence[str] = (),
    recursive: bool = False,
    dry_run: bool = False,
    failed_file: str | None = None,
) -> int:
    """Plan, then print or run; returns the exit code."""
    endpoint = choose_endpoint(kind, common.choose("model", model))
    wishes = Wishes(
        endpoint=endpoint,
        options=with_defaults(common, endpoint, options),
        extra=tuple(extra),
        output=common.choose("output", run.output),
        recursive=bool(common.choose("recursive", recursive)),
        local_files=common.is_local,
    )
    policy = make_policy(common, kind, run)
    check_stdout(common, wishes.output)
    items = plan(sources, wishes)
    if dry_run:
        return print_requests(common, items)
    if kind == "video" and common.sandbox:
        _check_video_support()
    from seedvr_cli.cli.session import run_items

    form = "bytes" if wishes.output == "-" else result_form(common, run)

    async def find_items(_session: Any) -> Sequence[Item]:
        return items

    return run_items(common, policy, form, find_items, failed_file=failed_file)


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
    try:
        cap = None if max_cost is None else parse_usd(str(max_cost))
    except ValueError as error:
        raise UsageError(f"--max-cost: {error}") from error
    return Policy(
        jobs=int(jobs),
        poll_interval=interval,
        timeout=_duration("--timeout", common.choose("timeout", run.timeout, TIMEOUT[kind])),
        wait=not run.no_wait,
        download=not run.no_download,
        new=run.new,
        retry_failed=run.retry_failed,
        overwrite=bool(common.choose("overwrite", run.overwrite)),
        max_cost=cap,
        profile=common.settings.profile,
    )


def with_defaults(common: Common, endpoint: Endpoint, options: Mapping[str, Any]) -> dict[str, Any]:
    """The request's options with the profile's defaults where they fit this endpoint."""
    chosen = dict(options)
    sized = any(options.get(flag) is not None for flag in SIZE_FLAGS)
    for flag, value in common.settings.values.items():
        if chosen.get(flag) not in {None, False} or (flag in SIZE_FLAGS and sized):
            continue
        parameter = endpoint.by_flag(flag)
        if parameter is not None:
            try:
                check(parameter, value, flag, endpoint)
            except UsageError:
                continue  # it is another endpoint's default
        elif flag not in {"webhook", "webhook-mode"}:
            continue
        chosen[flag] = value
    if chosen.get("target") and chosen.get("scale") and not sized:
        chosen["scale"] = None  # both are stored: the resolution says more
    if not chosen.get("webhook") and not options.get("webhook-mode"):
        chosen["webhook-mode"] = None
    return chosen


def check_stdout(common: Common, output: str | None) -> None:
    """UsageError where bytes would go where they cannot."""
    if output == "-" and common.json:
        raise UsageError("-o - and --json: both want standard output")
    if output == "-" and sys.stdout.isatty():
        raise UsageError("-o -: standard output is a terminal; send it into a file or a pipe")


def result_form(common: Common, run: RunOptions) -> Literal["json", "ids", "urls", "paths"]:
    """What a line of standard output is."""
    return "json" if common.json else "ids" if run.no_wait else "urls" if run.no_download else "paths"


def print_requests(common: Common, items: Sequence[Item]) -> int:
    """--dry-run: each request and its list price on standard output, the sum on standard error."""
    from seedvr_cli.models import Outcome
    from seedvr_cli.render import machine
    from seedvr_cli.render.results import write_line

    base = "sandbox:" if common.sandbox else common.base_url
    for item in items:
        request = item.request
        assert request is not None
        url = base + request.endpoint.path
        if common.json:
            value = machine.outcome_object(Outcome(item))
            value["price_usd"] = as_usd(request.price())
            value["request"] = {
                "method": "POST",
                "url": url,
                "headers": dict(request.headers),
                "body": request.body,
            }
            write_line(machine.line(value))
        else:
            headers = "".join(f" {name}: {value}" for name, value in request.headers.items())
            write_line(f"{show_usd(request.price())}\tPOST {url}{headers}\t{machine.line(request.body)}")
    total = show_usd(sum(item.request.price() for item in items if item.request))
    requests = "1 request" if len(items) == 1 else f"{len(items)} requests"
    common.talk.say(f"seedvr: {requests}, list price {total}; nothing is sent")
    return 0


def _duration(flag: str, value: Any) -> float:
    try:
        return parse_duration(str(value))
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from error


def _check_video_support() -> None:
    from importlib.util import find_spec

    if find_spec("av") is None:
        raise UsageError("the sandbox needs PyAV for videos", hint="pip install 'seedvr-cli[video]'")
