"""What `image` and `video` share: from options to a run."""

import functools
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from seedvr_cli.cli.context import Common
from seedvr_cli.cli.delivered import tell_delivered
from seedvr_cli.cli.dry_run import check_plan_file, print_requests, write_plan
from seedvr_cli.cli.failed_file import Failures
from seedvr_cli.cli.groups import (
    LookOptions,
    MoneyOptions,
    OutputOptions,
    RequestOptions,
    SourceOptions,
    SubmittingOptions,
    WaitingOptions,
)
from seedvr_cli.cli.question import ask_before, may_ask
from seedvr_cli.plan.defaults import dropped_size
from seedvr_cli.plan.planner import plan
from seedvr_cli.plan.wishes import Wishes
from seedvr_cli.run.policy import Check, Policy, find_target
from seedvr_cli.run.policy import make_policy as policy_of
from seedvr_cli.values.catalog import Endpoint, endpoints_of
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.options import read
from seedvr_cli.values.request import choose_endpoint
from seedvr_cli.values.target import Target
from seedvr_cli.values.urls import is_object_url

if TYPE_CHECKING:
    from seedvr_cli.run.session import Session

# URLs that are looked at before anything is paid, where nobody said whether they are to be.
FEW_SOURCES = 100


def upscale(
    request: RequestOptions,
    sources: SourceOptions,
    output: OutputOptions,
    waiting: WaitingOptions,
    submitting: SubmittingOptions,
    money: MoneyOptions,
    common: Common,
    looks: LookOptions = LookOptions(),  # noqa: B008 - it is frozen
) -> int:
    """Plan, then print or run; returns the exit code."""
    wishes = Wishes(
        endpoint=_endpoint(request, common),
        options=request.values,
        extra=request.extra,
        output=common.choose("output", output.output),
        recursive=common.choose("recursive", sources.recursive),
        include=sources.include or (),
        exclude=sources.exclude or (),
        newer_than=_instant(sources.newer_than),
        own_results=_own_results,
        tell=functools.cache(lambda text: common.talk.say(f"seedvr: {text}")),  # a list is read more than once
        local_files=common.is_local,
        uploads=upload_target(common),
        defaults=common.settings.values,
        key=sources.key,
        tags=read("tag", sources.tag, "--tag") if sources.tag else (),
        calls_us=submitting.callback,
    )
    files = [*(sources.sources or ()), *(sources.lists or ()), wishes.output]
    policy = make_policy(
        common, request.kind, output, waiting, submitting, money, [*files, sources.failed_file, money.plan]
    )  # fmt: skip
    policy = replace(policy, compare=looks.compare, preview=looks.preview)
    _check_looks(policy, wishes.output)
    if policy.sidecar:
        from seedvr_cli.cli.sidecar import check_sidecars

        check_sidecars(wishes.output)
    check_stdout(common, wishes.output)
    if money.plan is not None:
        _check_plan(sources, money, wishes, output, looks)
        check_plan_file(money.plan, files, overwrite=policy.overwrite)
    failures = Failures(sources.failed_file, [*files, money.plan], overwrite=policy.overwrite)
    if request.kind == "video" and common.sandbox and not money.dry_run:
        _check_video_support()
    dropped = dropped_size(wishes.defaults, wishes.endpoint, wishes.options)
    if dropped is not None:
        common.talk.warn(f"seedvr: {dropped}")

    def is_planned_as_seen(count: int | None) -> bool:
        return count is not None and count < FEW_SOURCES and submitting.check is not False

    form = "bytes" if wishes.output == "-" else result_form(common, policy)
    # What is delivered is its path and nothing more, which needs no closer look.
    skim = form == "paths" and not policy.new and not policy.wants_more
    if sources.watch and not money.dry_run:
        from seedvr_cli.cli.watching import upscale_watched

        check = what_is_checked(common, waiting_for=None, given=submitting.check, money=money)
        return upscale_watched(common, wishes, replace(policy, skim=skim, check=check), form, sources, money, failures)
    words = sources.sources or ()
    if sources.lists or sources.shard:
        from seedvr_cli.cli.lists import upscale_lists

        return upscale_lists(
            common, words, wishes, replace(policy, skim=skim), form, sources, money, failures,
            lambda total: what_is_checked(common, waiting_for=total, given=submitting.check, money=money),
            is_planned_as_seen,
        )  # fmt: skip
    prospects = plan(words, wishes, common.gateway_name)
    policy = replace(
        policy, check=what_is_checked(common, waiting_for=len(prospects), given=submitting.check, money=money)
    )
    if money.dry_run:
        return print_requests(common, prospects, policy)
    if money.plan is not None:
        return write_plan(common, prospects, policy, money.plan, with_versions=is_planned_as_seen(len(prospects)))
    if skim and policy.summary is None and tell_delivered(common, prospects, policy):
        return 0
    from seedvr_cli.cli.session import prepare_claims
    from seedvr_cli.cli.work import Workload, run_work
    from seedvr_cli.run.follow import follow
    from seedvr_cli.run.preflight import look_at_all

    async def find_work(session: "Session") -> Workload:
        await prepare_claims(common, session, policy)
        known = await follow(prospects, session.gateway)
        looks = None
        if request.kind == "video" and policy.check == "all" and may_ask(common, yes=money.yes):  # what it costs, then
            some = {one.index: one.item().request for one in known if one.trouble is None}
            looks = await look_at_all(some, session.gateway)
        ask_before(common, known, policy, yes=money.yes, looks=looks)
        return Workload.of(known)

    return run_work(common, policy, form, find_work, failures)


def make_policy(
    common: Common,
    kind: str,
    output: OutputOptions,
    waiting: WaitingOptions,
    submitting: SubmittingOptions = SubmittingOptions(),  # noqa: B008 - it is frozen
    money: MoneyOptions = MoneyOptions(),  # noqa: B008 - it is frozen
    others: Sequence[str | None] = (),
) -> Policy:
    """The run's policy: flags, the profile's defaults, and the table's for this kind of command and gateway.

    `others` are files and sources of this command that no other file of it may be.
    """
    if submitting.no_wait and waiting.no_download:
        raise UsageError("--no-wait and --no-download: one of the two")
    if output.output == "-" and (submitting.no_wait or waiting.no_download):
        raise UsageError("-o -: there are no bytes to print with --no-wait or --no-download")
    if output.summary is not None:
        from seedvr_cli.cli.totals import check_summary

        check_summary(output.summary, [output.output, *others], overwrite=bool(output.overwrite))
    public_url = common.choose("public-url", submitting.public_url)
    if submitting.callback and public_url is None:
        raise UsageError("--callback: where the gateway is to call is not known",
                         hint="seedvr config set public-url https://..., which leads to 'seedvr listen'")  # fmt: skip
    return policy_of(
        common.settings,
        kind,
        *(["sandbox"] if common.sandbox else []),
        jobs=waiting.jobs,
        poll_interval=waiting.poll_interval,
        timeout=waiting.timeout,
        overwrite=output.overwrite,
        max_filesize=output.max_filesize,
        max_cost=money.max_cost,
        rate=submitting.rate,
        callback=public_url if submitting.callback else None,
        keep_upload=submitting.keep_upload,
        wait=not submitting.no_wait,
        download=not waiting.no_download,
        new=money.new,
        if_changed=money.if_changed,
        retry_failed=money.retry_failed,
        fail_fast=submitting.fail_fast,
        skip_claimed=submitting.skip_claimed,
        shared_rate=submitting.shared_rate,
        sidecar=output.sidecar,
        summary=output.summary,
        keep_metadata=output.keep_metadata,
        keep_sound=output.keep_sound,
        embed=output.embed,
    )


def upload_target(common: Common) -> Target | None:
    """Where files of this machine are brought, so that the gateway reads them."""
    return None if common.sandbox else find_target(common.settings)


def what_is_checked(common: Common, *, waiting_for: int | None, given: bool | None, money: MoneyOptions) -> Check:
    """Which sources are looked at first; `waiting_for` is how many there are, where that is known.

    Nothing is, where nobody asked for it and nothing is sent; and a gateway on this machine reads what it likes.
    """
    if given is not None:
        return "all" if given else "none"
    if money.dry_run or money.plan is not None:
        return "none"
    is_few = waiting_for is not None and waiting_for < FEW_SOURCES
    return "all" if is_few and not common.is_local else "files"


def check_stdout(common: Common, output: str | None) -> None:
    """UsageError where bytes would go where they cannot."""
    if output == "-" and common.json:
        flag = common.pick.flag if common.pick else "--json"
        raise UsageError(f"-o - and {flag}: both want standard output")
    if output == "-" and sys.stdout.isatty():
        raise UsageError("-o -: standard output is a terminal; send it into a file or a pipe")


def _check_plan(
    sources: SourceOptions, money: MoneyOptions, wishes: Wishes, output: OutputOptions, looks: LookOptions
) -> None:  # fmt: skip
    """UsageError where a plan would not be one of what is asked for."""
    for_apply = {
        "--max-cost": money.max_cost is not None, "--embed": output.embed, "--sidecar": output.sidecar,
        "--keep-metadata": output.keep_metadata is not None, "--keep-sound": output.keep_sound is not None,
    }  # fmt: skip
    if given := next((flag for flag, is_given in for_apply.items() if is_given), None):
        raise UsageError(f"--plan and {given}: a plan has none of that", hint=f"'seedvr apply' takes {given}")
    if looks.compare or looks.preview:
        raise UsageError(f"--plan and {'--compare' if looks.compare else '--preview'}: one of the two")
    if money.dry_run:
        raise UsageError("--plan and --dry-run: one of the two")
    if sources.watch:
        raise UsageError("--plan and --watch: what will come is not known")
    if wishes.output == "-":
        raise UsageError("--plan: -o - is for a run, which has a standard output")


def _check_looks(policy: Policy, output: str | None) -> None:
    """UsageError where there would be no file to look at."""
    for flag, is_wanted in (("--compare", policy.compare), ("--preview", policy.preview)):
        if is_wanted and not (policy.wait and policy.download):
            raise UsageError(f"{flag}: there is no result to look at with --no-wait or --no-download")
        if is_wanted and output is not None and (output == "-" or is_object_url(output)):
            raise UsageError(f"{flag}: -o {output} leaves no file on this machine to look at")


def result_form(common: Common, policy: Policy) -> Literal["json", "ids", "urls", "paths"]:
    """What a line of standard output is."""
    return "json" if common.json else "ids" if not policy.wait else "urls" if not policy.download else "paths"


def _instant(text: str | None) -> float | None:
    """Seconds since 1970; UsageError where --newer-than is no time."""
    if text is None:
        return None
    from datetime import UTC, datetime

    from seedvr_cli.values.schedule import parse_since

    try:
        return parse_since(text, datetime.now(UTC)).timestamp()
    except ValueError as error:
        raise UsageError(f"--newer-than: {error}") from error


def _own_results(paths: Sequence[str]) -> set[str]:
    from seedvr_cli.ledger.place import is_there
    from seedvr_cli.settings.folders import state_folder

    folder = state_folder()
    if not is_there(folder):
        return set()
    from seedvr_cli.ledger.glance import own_results

    return own_results(folder, paths)


def _endpoint(request: RequestOptions, common: Common) -> Endpoint:
    """That of --model, else of the stored model where this command has it, else the command's first."""
    stored = common.settings.values.get("model")
    is_ours = any(stored in {endpoint.model, endpoint.name} for endpoint in endpoints_of(request.kind))
    return choose_endpoint(request.kind, request.model or (stored if is_ours else None))


def _check_video_support() -> None:
    from importlib.util import find_spec

    if find_spec("av") is None:
        raise UsageError("the sandbox needs PyAV for videos", hint="pip install 'seedvr-cli[video]'")
