"""What `image` and `video` share: from options to a run."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from seedvr_cli.cli.context import Common
from seedvr_cli.cli.groups import ListOptions, RunOptions
from seedvr_cli.cli.quote import ask_before, print_requests
from seedvr_cli.plan.planner import plan
from seedvr_cli.plan.wishes import Wishes
from seedvr_cli.run.policy import Policy
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.money import parse_usd
from seedvr_cli.values.request import choose_endpoint
from seedvr_cli.values.schedule import parse_duration, parse_rate

# Defaults of cli.md.
JOBS = 16
POLL_SECONDS = "5"
TIMEOUT = {"image": "30m", "video": "2h"}
# The sandbox is quick and does not mind being asked.
SANDBOX_POLL_SECONDS = "0.25"


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
        from seedvr_cli.cli.lists import upscale_lists

        skim = form == "paths" and not policy.new
        return upscale_lists(common, sources, wishes, replace(policy, skim=skim), form, lists, dry_run=dry_run)
    prospects = plan(sources, wishes, common.gateway_name)
    if dry_run:
        return print_requests(common, prospects)
    from seedvr_cli.cli.failed_file import Failures
    from seedvr_cli.cli.session import Workload, run_work

    failures = Failures(lists.failed_file)

    async def find_work(session: Any) -> Workload:
        await ask_before(common, session.ledger, prospects, yes=lists.yes)
        return Workload.of(prospects)

    return run_work(common, policy, form, find_work, failures)


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
