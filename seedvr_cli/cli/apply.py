"""`seedvr apply`."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from seedvr_cli.cli import options as o
from seedvr_cli.cli.groups import CommonOptions, SubmittingOptions, WaitingOptions, command

if TYPE_CHECKING:
    from seedvr_cli.run.session import Session
    from seedvr_cli.values.naming import Output


@command
def apply(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="What --plan wrote.", show_default=False)],
    *,
    waiting: WaitingOptions,
    submitting: SubmittingOptions,
    max_cost: o.MaxCost = None,
    yes: o.Yes = False,
    failed_file: o.FailedFile = None,
    overwrite: o.Overwrite = None,
    keep_metadata: o.KeepMetadata = None,
    keep_sound: o.KeepSound = None,
    embed: o.Embed = False,
    sidecar: o.Sidecar = False,
    summary: o.Summary = None,
    common: CommonOptions,
) -> int:
    """Submit what a plan has, and nothing else.

    A plan is what 'seedvr image' and 'seedvr video' write with --plan. It is refused, with nothing submitted, where it,
    the list of prices or a source has changed since (at a URL: of a long list with --check alone). As always, what the
    ledger has is not paid for again: the same plan may be applied until all of it is done.
    """
    from seedvr_cli.cli.failed_file import Failures
    from seedvr_cli.cli.groups import MoneyOptions, OutputOptions
    from seedvr_cli.cli.lists import chunks
    from seedvr_cli.cli.question import ask_before
    from seedvr_cli.cli.session import prepare_claims
    from seedvr_cli.cli.upscale import make_policy, result_form, upload_target, what_is_checked
    from seedvr_cli.cli.work import Workload, run_work
    from seedvr_cli.plan.plan_file import Plan
    from seedvr_cli.plan.planner import check_output_folder
    from seedvr_cli.plan.wishes import Wishes
    from seedvr_cli.run.change import changed_since
    from seedvr_cli.values.catalog import ENDPOINTS
    from seedvr_cli.values.errors import UsageError

    settled = common.resolve()
    planned = Plan(plan)
    totals = planned.totals
    if totals.gateway != settled.gateway_name:
        raise UsageError(f"{plan} is for {totals.gateway}, and this would go to {settled.gateway_name}",
                         hint="--base-url, or --sandbox")  # fmt: skip
    wishes = Wishes(
        next(iter(ENDPOINTS.values())), {}, local_files=settled.is_local, uploads=upload_target(settled),
        calls_us=submitting.callback,
    )  # fmt: skip
    money = MoneyOptions(
        max_cost=max_cost, yes=yes, retry_failed=totals.retry_failed, if_changed=totals.if_changed
    )  # fmt: skip
    output = OutputOptions(
        overwrite=overwrite, keep_metadata=keep_metadata, keep_sound=keep_sound, embed=embed, sidecar=sidecar,
        summary=summary,
    )  # fmt: skip
    policy = make_policy(settled, "video", output, waiting, submitting, money, [plan, failed_file])
    failures = Failures(failed_file, [plan], overwrite=policy.overwrite)
    outputs: dict[str, Output] = {}
    count = 0
    for prospect in planned.prospects(wishes):  # so that all of it is right before anything is submitted
        count += 1
        outputs.setdefault(prospect.recipe.output.folder, prospect.recipe.output)
    for place in outputs.values():
        check_output_folder(place)
    check = what_is_checked(settled, waiting_for=count, given=submitting.check, money=money)
    policy = replace(policy, check=check)

    async def find_work(session: "Session") -> Workload:
        await prepare_claims(settled, session, policy)
        changed = await changed_since(planned.requests(wishes), session.gateway)
        if changed is not None:
            raise UsageError(f"{changed} has changed since the plan was made", hint="make the plan anew")
        ask_before(settled, planned.prospects(wishes), policy, yes=yes)
        return Workload(chunks(planned.prospects(wishes)), count)

    return run_work(settled, policy, result_form(settled, policy), find_work, failures)
