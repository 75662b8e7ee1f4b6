"""`seedvr download`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from seedvr_cli.cli import options as o
from seedvr_cli.cli.groups import CommonOptions, OutputOptions, WaitingOptions, command

if TYPE_CHECKING:
    from seedvr_cli.cli.context import Common
    from seedvr_cli.run.session import Session
    from seedvr_cli.values.items import Item


@command
def download(
    request_ids: o.RequestIds = None, *, output: OutputOptions, waiting: WaitingOptions, options: CommonOptions
) -> int:
    """Deliver results; without ids, everything that is paid for and was not yet delivered.

    Jobs that still run are waited for. Nothing is submitted, so nothing is paid.
    """
    from seedvr_cli.cli.upscale import check_stdout, make_policy, result_form
    from seedvr_cli.values.errors import UsageError

    common, target = options.resolve(), output.output
    from seedvr_cli.run.ask import check_home, full_ids
    from seedvr_cli.settings.folders import state_folder

    ids = full_ids(state_folder(), common.gateway_name, request_ids or ())
    if target == "-" and len(ids) != 1:
        raise UsageError("-o -: standard output takes one request id")
    check_stdout(common, target)
    if output.sidecar:
        from seedvr_cli.cli.sidecar import check_sidecars

        check_sidecars(target)
    policy = make_policy(common, "video", output, waiting)
    from seedvr_cli.cli.work import Workload, run_work

    check_home(state_folder(), common.gateway_name, ids)

    async def find_work(session: "Session") -> Workload:
        return Workload.of(await _find_items(common, session, ids, target))

    form = "bytes" if target == "-" else result_form(common, policy)
    return run_work(common, policy, form, find_work)


async def _find_items(common: "Common", session: "Session", ids: Sequence[str], output: str | None) -> "list[Item]":
    from seedvr_cli.run.ask import attachments
    from seedvr_cli.values.errors import UsageError
    from seedvr_cli.values.naming import absolute

    items = await attachments(session, ids or None, output)
    if not items:
        common.talk.say("seedvr: nothing is waiting to be delivered")
    if output is not None and len(items) > 1 and items[0].output.kind == "file":
        raise UsageError(
            f"-o {output}: one file name, and there are {len(items)} results",
            hint="give a folder (big/)",
        )
    for item in items:
        if item.output.kind != "stdout" and not item.output.is_object:
            absolute(item.output.folder)  # or the folder that it is to go to is gone
    return items
