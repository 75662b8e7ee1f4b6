"""`seedvr image`."""

import typer

from seedvr_cli.cli import options as o


def image(
    *,
    sources: o.Sources = None,
    model: o.Model = None,
    scale: o.Scale = None,
    width: o.Width = None,
    height: o.Height = None,
    target: o.Target = None,
    format_: o.Format = None,
    noise: o.Noise = None,
    seed: o.Seed = None,
    job_id: o.JobId = None,
    sync: o.Sync = False,
    webhook: o.Webhook = None,
    webhook_mode: o.WebhookMode = None,
    body_webhook: o.BodyWebhook = None,
    body_webhook_events: o.BodyWebhookEvents = None,
    param: o.Param = None,
    from_: o.From = None,
    shard: o.Shard = None,
    recursive: o.Recursive = False,
    output: o.Output = None,
    overwrite: o.Overwrite = False,
    jobs: o.Jobs = None,
    poll_interval: o.PollInterval = None,
    timeout: o.Timeout = None,
    no_wait: o.NoWait = False,
    no_download: o.NoDownload = False,
    new: o.New = False,
    retry_failed: o.RetryFailed = False,
    max_cost: o.MaxCost = None,
    rate: o.Rate = None,
    fail_fast: o.FailFast = False,
    yes: o.Yes = False,
    dry_run: o.DryRun = False,
    failed_file: o.FailedFile = None,
    json: o.Json = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    progress: o.Progress = None,
    base_url: o.BaseUrl = None,
    sandbox: o.Sandbox = False,
    profile: o.Profile = None,
    api_key_file: o.ApiKeyFile = None,
) -> None:
    """Upscale pictures: PNG, JPEG or WebP, $0.001 each by the list.

    Results go into the current folder as NAME-2x.png and the like, and each path is printed when its file is whole.
    The same command again pays for nothing twice.
    """
    from seedvr_cli.cli.context import Common
    from seedvr_cli.cli.groups import ListOptions, RunOptions
    from seedvr_cli.cli.upscale import upscale

    common = Common.resolve(
        json=json, quiet=quiet, verbose=verbose, progress=progress, base_url=base_url, sandbox=sandbox,
        profile=profile, api_key_file=api_key_file,
    )  # fmt: skip
    request = {
        "scale": scale,
        "width": width,
        "height": height,
        "target": target,
        "format": format_,
        "noise": noise,
        "seed": seed,
        "job-id": job_id,
        "sync": sync,
        "webhook": webhook,
        "webhook-mode": webhook_mode,
        "body-webhook": body_webhook,
        "body-webhook-events": body_webhook_events,
    }
    run = RunOptions(
        output=output, overwrite=overwrite, jobs=jobs, poll_interval=poll_interval, timeout=timeout, no_wait=no_wait,
        no_download=no_download, new=new, retry_failed=retry_failed, max_cost=max_cost, rate=rate,
        fail_fast=fail_fast,
    )  # fmt: skip
    lists = ListOptions(lists=from_ or (), shard=shard, failed_file=failed_file, yes=yes)
    code = upscale(
        "image", common, sources or (), request, run, lists, model=model, extra=param or (), recursive=recursive,
        dry_run=dry_run,
    )  # fmt: skip
    raise typer.Exit(code)
