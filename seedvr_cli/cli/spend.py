"""`seedvr spend`."""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from seedvr_cli.cli.groups import LedgerOptions, command

if TYPE_CHECKING:
    from seedvr_cli.cli.context import Common
    from seedvr_cli.ledger.spending import Spending

# What is known of a charge, each apart.
CHARGES = ("listed", "not_charged", "maybe", "unknown")
# What may be summed by.
WORDS = ("day", "month", "endpoint", "profile", "tag")
# Since when, where nobody says it; months are few.
DEFAULT_SINCE, DEFAULT_SINCE_OF_MONTHS = "30d", "365d"


def _read_by(text: str) -> str:
    from seedvr_cli.values.errors import UsageError

    if text not in WORDS:
        raise UsageError(f"--by: {text!r} is not one of {', '.join(WORDS)}")
    return text


@command
def spend(
    *,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="2026-11-01, 2026-11, today, yesterday, or so long ago: 7d, 12h (30d; by month a year).",
            show_default=False,
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(WORDS),
            help="Sum by this alone; a job with several tags counts for each.",
            parser=_read_by,
            autocompletion=lambda: list(WORDS),
        ),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a header; amounts in dollars.")] = False,
    options: LedgerOptions,
) -> None:
    """What was spent by the list, from the ledger: by day (UTC), endpoint and profile, or as --by says.

    Each apart: listed (completed), not_charged (ERROR), maybe (FAILED, or still running) and unknown (never answered).
    """
    from seedvr_cli.ledger.spending import GROUPS
    from seedvr_cli.values.errors import UsageError

    common = options.resolve()
    if csv and options.json:
        raise UsageError("--csv and --json: one of the two")
    rows, total = _ask(common, since or (DEFAULT_SINCE_OF_MONTHS if by == "month" else DEFAULT_SINCE), by)
    _show(common, GROUPS[by], rows, total, csv=csv)


def _ask(common: "Common", since: str, by: str | None) -> "tuple[list[Spending], Spending]":
    from datetime import UTC, datetime

    from seedvr_cli.ledger.glance import spending
    from seedvr_cli.settings.folders import state_folder
    from seedvr_cli.values.errors import UsageError
    from seedvr_cli.values.schedule import parse_since

    try:
        begin = parse_since(since, datetime.now(UTC))
    except ValueError as error:
        raise UsageError(f"--since: {error}") from error
    return spending(state_folder(), common.gateway_name, begin.timestamp(), by)


def _show(
    common: "Common", names: Sequence[str], rows: "Sequence[Spending]", total: "Spending", *, csv: bool
) -> None:  # fmt: skip
    from seedvr_cli.render.results import write_line, write_lines
    from seedvr_cli.values.money import show_usd

    is_screen = sys.stdout.isatty() and not csv and not common.json
    if csv:
        write_lines(_csv_lines(names, rows))
    elif common.json:
        write_lines(_json_lines(names, rows))
    elif not is_screen:
        for row in rows:
            write_line("\t".join((*row.group, *_words(row))))
    elif rows:
        write_lines(_screen_lines(names, rows, total))
    if not is_screen or not rows:
        sums = ", ".join(f"{show_usd(getattr(total, name))} {name}" for name in CHARGES)
        common.talk.say(f"seedvr: {total.jobs} {'job' if total.jobs == 1 else 'jobs'}: {sums}")


def _words(row: "Spending") -> tuple[str, ...]:
    from seedvr_cli.values.money import show_usd

    return str(row.jobs), *(show_usd(getattr(row, name)) for name in CHARGES)


def _json_lines(names: Sequence[str], rows: "Sequence[Spending]") -> Iterator[str]:
    from seedvr_cli.render import machine
    from seedvr_cli.values.money import as_usd

    for row in rows:
        sums = {f"{name}_usd": as_usd(getattr(row, name)) for name in CHARGES}
        group = dict(zip(names, row.group, strict=True))
        yield machine.line({"v": machine.VERSION, **group, "jobs": row.jobs, **sums})


def _csv_lines(names: Sequence[str], rows: "Sequence[Spending]") -> Iterator[str]:
    import csv
    import io

    lines = [(*names, "jobs", *(f"{name}_usd" for name in CHARGES))]
    lines += [(*row.group, *(word.removeprefix("$") for word in _words(row))) for row in rows]
    for line in lines:
        text = io.StringIO()
        csv.writer(text, lineterminator="").writerow(line)
        yield text.getvalue()


def _screen_lines(names: Sequence[str], rows: "Sequence[Spending]", total: "Spending") -> Iterator[str]:
    import shutil

    from seedvr_cli.render.columns import Column, has_colour, sheet
    from seedvr_cli.render.talk import clean

    table = [(*map(clean, row.group), *_words(row)) for row in rows]
    last = ("total", *[""] * (len(names) - 1), *_words(total))
    header = (*names, "jobs", *CHARGES)
    columns = [
        Column(name, cells := [row[number] for row in table], last[number], is_number=number >= len(names),
               may_go=_dispensable(name, cells, is_first=number == 0))
        for number, name in enumerate(header)
    ]  # fmt: skip
    return sheet(columns, shutil.get_terminal_size().columns, has_colour=has_colour())


def _dispensable(name: str, cells: Sequence[str], *, is_first: bool) -> int:
    """What goes first where there is no room: what says nothing, then what nobody pays for."""
    if set(cells) == {"$0.00"} or (len(set(cells)) == 1 and not is_first and name not in {"jobs", *CHARGES}):
        return 3
    return {"not_charged": 2, "jobs": 1}.get(name, 0)
