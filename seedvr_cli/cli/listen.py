"""`seedvr listen`."""

from typing import TYPE_CHECKING, Annotated

import typer

from seedvr_cli.cli import options as o
from seedvr_cli.cli.flags import value_option
from seedvr_cli.cli.groups import CommonOptions, OutputOptions, command

if TYPE_CHECKING:
    from seedvr_cli.run.session import Session

Bind = Annotated[str, typer.Option(metavar="HOST:PORT", help="Where to listen; port 0 picks a free one.")]
Certificate = Annotated[str | None, typer.Option(metavar="FILE", help="Serve HTTPS with this certificate (PEM).")]
PrivateKey = Annotated[str | None, typer.Option(metavar="FILE", help="Its key, where that is another file.")]
Exec = Annotated[
    str | None,
    typer.Option("--exec", metavar="CMD", help="Run it for each job that ends, with its JSON object as input."),
]
Once = Annotated[int | None, typer.Option(min=1, metavar="N", help="End after N jobs.")]
Round = Annotated[
    float | None,
    value_option("poll-interval", metavar="SECONDS", meaning="Ask after a job that is silent for so long."),
]
Download = Annotated[bool, typer.Option("--download/--no-download", help="Deliver the results, as -o asks for too.")]


@command
def listen(
    *,
    bind: Bind = "127.0.0.1:8788",
    public_url: o.PublicUrl = None,
    tls_cert: Certificate = None,
    tls_key: PrivateKey = None,
    download: Download = False,
    execute: Exec = None,
    once: Once = None,
    jobs: o.Jobs = None,
    poll_interval: Round = None,
    output: OutputOptions,
    options: CommonOptions,
) -> int:
    """Receive the gateway's callbacks for jobs that were submitted with --callback, until Ctrl-C.

    Standard output gets what 'download' prints for each job that has ended: its media URLs, its paths with --download,
    or with --json one object. What a callback says is not believed: the gateway is asked, with the key. A callback for
    a submission that was never answered settles it. The gateway has to reach this machine by https: a tunnel
    (cloudflared, ngrok, tailscale funnel) or an ingress stands in front, and --public-url is what it is reached by.

    CMD gets no shell. It runs for jobs that failed too, and again where 'listen' was killed before it ended.
    """
    from seedvr_cli.cli.programs import Programs
    from seedvr_cli.cli.totals import check_summary
    from seedvr_cli.cli.upscale import result_form
    from seedvr_cli.cli.work import Workload, run_work
    from seedvr_cli.run.hook import Address
    from seedvr_cli.run.listen import Listener
    from seedvr_cli.run.policy import make_policy
    from seedvr_cli.values.errors import UsageError
    from seedvr_cli.values.naming import check_output

    common = options.resolve()
    if common.sandbox:
        raise UsageError("listen: the sandbox of another command is gone when that ends",
                         hint="run 'seedvr sandbox', and point --base-url of both commands at it")  # fmt: skip
    place = common.choose("output", output.output)
    is_delivering = download or output.output is not None
    if is_delivering and place is not None:
        if place == "-":
            raise UsageError("-o -: results go into files here", hint="-o FOLDER/, or a template")
        check_output(place)
    if output.sidecar:
        from seedvr_cli.cli.sidecar import check_sidecars

        check_sidecars(place)
    address = Address.read(bind, tls_cert, tls_key)
    address.context()
    public = common.choose("public-url", public_url)
    check_summary(output.summary, overwrite=bool(output.overwrite))
    policy = make_policy(
        common.settings,
        "video",
        jobs=jobs,
        overwrite=output.overwrite,
        max_filesize=output.max_filesize,
        download=is_delivering,
        sidecar=output.sidecar,
        summary=output.summary,
        keep_metadata=output.keep_metadata,
        keep_sound=output.keep_sound,
        embed=output.embed,
    )
    programs = Programs(execute, policy.jobs, common.talk)

    async def find_work(session: "Session") -> Workload:
        listener = Listener(
            session,
            address,
            output=place if is_delivering else None,
            interval=common.choose("poll-interval", poll_interval, "listen"),
            most=once,
            say=lambda text: common.talk.say(f"seedvr: {text}"),
        )
        programs.begin(listener)
        url = await listener.open()
        called = f", called by {public.rstrip('/')}/hook/..." if public else ""
        common.talk.say(f"seedvr: listening on {url}{called}")
        if public_url and common.settings.values.get("public-url") != public_url:
            common.talk.say(f"seedvr: for --callback of the other commands: seedvr config set public-url {public_url}")
        return Workload(
            programs.around(listener.work()),
            None,
            is_end=listener.is_end,
            on_end=programs.take,
            beside=lambda: 1 if programs.failed else 0,
            leave=programs.end,
        )

    return run_work(common, policy, result_form(common, policy), find_work)
