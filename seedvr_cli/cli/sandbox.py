"""`seedvr sandbox`: the gateway's stand-in, in the foreground."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from seedvr_cli.cli import options as o
from seedvr_cli.cli.completion import fault_names
from seedvr_cli.values.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from seedvr_cli.cli.context import Common
    from seedvr_cli.sandbox.settings import SandboxSettings

DEFAULT_PORT = 8787
# On every line, so that nobody takes a result for the model's.
PREFIX = "sandbox (not SeedVR2): "

T = TypeVar("T")


def sandbox(
    *,
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="On 127.0.0.1; 0 picks a free one.")
    ] = DEFAULT_PORT,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=PROBABILITY]",
            help="What is to go wrong, and how often, 0-1; the faults are above.",
            autocompletion=fault_names,
        ),
    ] = None,
    latency: Annotated[str, typer.Option(metavar="DURATION", help="From submission to result.")] = "1s",
    spread: Annotated[
        float, typer.Option(metavar="N", min=0, max=1, help="The share by which the latency varies.")
    ] = 0.0,
    rate_limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Submissions and polls a second; more are answered 429.")
    ] = None,
    balance: Annotated[
        str | None, typer.Option(metavar="USD", help="What there is to spend; past it, submissions are answered 402.")
    ] = None,
    instant: Annotated[
        bool, typer.Option("--instant", help="Every result is one tiny file; nothing is upscaled.")
    ] = False,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Reproduce request ids, fates and faults.")] = None,
    folder: Annotated[
        str | None, typer.Option(metavar="PATH", help="Where jobs and results are kept. Default: in the state folder.")
    ] = None,
    json: o.Json = None,
    quiet: Annotated[bool | None, typer.Option("-q", "--quiet/--no-quiet", help="No line for each request.")] = None,
) -> None:
    """Run a stand-in for the gateway on this machine, until Ctrl-C.

    It takes any key and no money, upscales for real but not with SeedVR2, and keeps its jobs for the next time.
    Point --base-url of the other commands, curl or any other client at it. Sources may also be file: and data: URLs.
    """
    import asyncio
    import os
    from pathlib import Path

    from seedvr_cli.cli.context import Common
    from seedvr_cli.sandbox.settings import AMBIGUOUS, SandboxSettings
    from seedvr_cli.values.money import parse_usd
    from seedvr_cli.values.schedule import parse_duration

    common = Common.resolve(json=json, quiet=quiet)
    faults = [_read_fault(word) for word in fault or []]
    settings = SandboxSettings(
        latency=_parsed("--latency", parse_duration, latency),
        spread=spread,
        faults={name: probability for name, probability, _ in faults},
        ambiguous_status=next((status for _, _, status in reversed(faults) if status), AMBIGUOUS),
        rate_limit=rate_limit,
        balance=None if balance is None else _parsed("--balance", parse_usd, balance),
        instant=instant,
        seed=seed,
    )
    if folder is None:
        from seedvr_cli.settings.folders import state_folder

        folder = os.path.join(state_folder(), "sandbox")
    try:
        code = asyncio.run(_serve(Path(folder), settings, port, common))
    except KeyboardInterrupt:  # where the loop cannot watch signals
        code = 130
    raise typer.Exit(code)


def _parsed(flag: str, parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from error


def _read_fault(word: str) -> tuple[str, float, int | None]:
    """Name, probability and, where one is given, status."""
    from seedvr_cli.sandbox.faults import FAULTS

    name, equals, text = word.partition("=")
    if name not in FAULTS:
        from seedvr_cli.values.words import nearest

        raise UsageError(f"--fault: there is no {name!r}{nearest(name, FAULTS)}",
                         hint="'seedvr sandbox --help' lists the faults")  # fmt: skip
    status = None
    if name == "ambiguous" and (match := re.fullmatch(r"([3-5]\d\d)(?::(.*))?", text)):
        status, text = int(match[1]), match[2] or ""
    try:
        probability = float(text) if text or (equals and status is None) else 1.0
    except ValueError:
        probability = -1.0
    if not 0 <= probability <= 1:
        raise UsageError(f"--fault {name}: {text!r} is not a probability between 0 and 1")
    return name, probability, status


async def _serve(folder: "Path", settings: "SandboxSettings", port: int, common: "Common") -> int:
    """Serve until a signal comes; the exit code that goes with it."""
    import asyncio
    import errno
    from contextlib import AsyncExitStack, suppress

    from seedvr_cli.render import machine
    from seedvr_cli.render.results import write_line
    from seedvr_cli.sandbox.server import Sandbox
    from seedvr_cli.values.system import on_stop

    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def stop(number: int) -> None:
        if not stopped.done():
            stopped.set_result(128 + number)

    on_stop(loop, stop)

    def show(line: str) -> None:
        # Nobody reading the log is no reason to stop serving.
        with suppress(OSError):
            typer.echo(PREFIX + line, err=True)

    async with AsyncExitStack() as stack:
        try:
            server = Sandbox(folder, settings, port=port, on_line=None if common.talk.quiet else show)
        except OSError as error:
            raise UsageError(f"--folder {folder}: {error.strerror}") from error
        try:
            await stack.enter_async_context(server)
        except OSError as error:
            reason = "is in use" if error.errno == errno.EADDRINUSE else f"is not to be had: {error.strerror}"
            raise UsageError(f"--port {port} {reason}", hint="--port 0 picks a free one") from error
        if common.json:
            write_line(machine.line({"v": machine.VERSION, "url": server.url, "folder": str(folder)}))
        else:
            write_line(f"{PREFIX}ready at {server.url}")
        return await stopped
