"""`seedvr spend`."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from seedvr_cli.cli.groups import LedgerOptions, command

if TYPE_CHECKING:
    from seedvr_cli.cli.context import Common
    from seedvr_cli.ledger.spending import Spending

COLUMNS = ("day", "endpoint", "profile", "jobs", "listed", "not_charged", "maybe", "unknown")


@command
def spend(
    *,
    since: Annotated[str, typer.Option(metavar="WHEN", help="A date, or so long ago: 2026-11-01, 7d, 12h.")] = "30d",
    options: LedgerOptions,
) -> None:
    """What was spent by the list, from the ledger: by day (UTC), endpoint and profile.

    Each apart: listed (completed), not_charged (ERROR), maybe (FAILED, or still running) and unknown (never answered).
    """
    common = options.resolve()
    _show(common, _ask(common, since))


def _ask(common: "Common", since: str) -> "list[Spending]":
    from datetime import UTC, datetime

    from seedvr_cli.ledger.glance import spending
    from seedvr_cli.settings.folders import state_folder
    from seedvr_cli.values.errors import UsageError
    from seedvr_cli.values.schedule import parse_since

    try:
        begin = parse_since(since, datetime.now(UTC))
    except ValueError as error:
        raise UsageError(f"--since: {error}") from error
    return spending(state_folder(), common.gateway_name, begin.timestamp())


def _show(common: "Common", rows: "list[Spending]") -> None:
    from dataclasses import asdict

    from seedvr_cli.render import machine
    from seedvr_cli.render.human import Table
    from seedvr_cli.render.results import write_line
    from seedvr_cli.values.money import as_usd, show_usd

    amounts = COLUMNS[4:]
    if common.json:
        for row in rows:
            value = asdict(row)
            sums = {f"{name}_usd": as_usd(value.pop(name)) for name in amounts}
            write_line(machine.line({"v": machine.VERSION, **value, **sums}))
        return
    is_screen = sys.stdout.isatty()
    lines = [
        (row.day, row.endpoint, row.profile, str(row.jobs), *(show_usd(getattr(row, name)) for name in amounts))
        for row in rows
    ]
    if is_screen and lines:
        lines.insert(0, COLUMNS)
    for text in Table(aligned=is_screen).lines(lines):
        write_line(text)
    totals = ", ".join(f"{show_usd(sum(getattr(row, name) for row in rows))} {name}" for name in amounts)
    common.talk.say(f"seedvr: {sum(row.jobs for row in rows)} jobs: {totals}")
