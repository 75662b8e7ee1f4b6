"""`seedvr download`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from seedvr_cli.cli import options as o

if TYPE_CHECKING:
    from seedvr_cli.cli.session import Session
    from seedvr_cli.values.job import Item


def download(
    *,
    request_ids: o.RequestIds = None,
    output: o.Output = None,
    overwrite: o.Overwrite = False,
    jobs: o.Jobs = None,
    poll_interval: o.PollInterval = None,
    timeout: o.Timeout = None,
    no_download: o.NoDownload = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    progress: o.Progress = None,
    base_url: o.BaseUrl = None,
    sandbox: o.Sandbox = False,
    profile: o.Profile = None,
    api_key_file: o.ApiKeyFile = None,
) -> None:
    """Deliver results; without ids, everything that is paid for and was not yet delivered.

    Jobs that still run are waited for. Nothing is submitted, so nothing is paid.
    """
    from seedvr_cli.cli.context import Common
    from seedvr_cli.cli.groups import RunOptions
    from seedvr_cli.cli.upscale import check_stdout, make_policy, result_form
    from seedvr_cli.values.errors import UsageError

    common = Common.resolve(
        json=json, quiet=quiet, verbose=verbose, progress=progress, base_url=base_url, sandbox=sandbox,
        profile=profile, api_key_file=api_key_file,
    )  # fmt: skip
    run = RunOptions(
        output=output, overwrite=overwrite, jobs=jobs, poll_interval=poll_interval, timeout=timeout,
        no_download=no_download,
    )  # fmt: skip
    ids = list(dict.fromkeys(request_ids or ()))
    if output == "-" and len(ids) != 1:
        raise UsageError("-o -: standard output takes one request id")
    check_stdout(common, output)
    policy = make_policy(common, "video", run)
    from seedvr_cli.cli.session import Workload, run_work

    async def find_work(session: "Session") -> Workload:
        return Workload.of(await _find_items(session, ids, output))

    form = "bytes" if output == "-" else result_form(common, run)
    raise typer.Exit(run_work(common, policy, form, find_work))


async def _find_items(session: "Session", ids: Sequence[str], output: str | None) -> list["Item"]:
    from seedvr_cli.cli.status import stranger
    from seedvr_cli.plan.planner import attach_item
    from seedvr_cli.values.errors import UsageError

    name = session.common.gateway_name
    if ids:
        jobs = []
        for request_id in ids:
            job = await session.ledger.find(request_id, name)
            jobs.append(job or stranger(request_id, session.common))
    else:
        jobs = await session.ledger.pending(name)
        if not jobs:
            session.common.talk.say("seedvr: nothing is waiting to be delivered")
    items = [attach_item(index, job, output) for index, job in enumerate(jobs, start=1)]
    if output is not None and len(items) > 1 and items[0].output.kind == "file":
        raise UsageError(f"-o {output}: one file name, and there are {len(items)} results", hint="give a folder")
    return items
