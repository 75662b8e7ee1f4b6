"""`seedvr reconcile`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from seedvr_cli.cli.groups import LedgerOptions, command

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from seedvr_cli.cli.context import Common
    from seedvr_cli.values.statement import Finding, Statement

_BALANCE = "A balance of the wallet, of the gateway's own pages; with --{other} and --since."


@command
def reconcile(
    statement: Annotated[
        str | None,
        typer.Argument(metavar="[STATEMENT]", help="The vendor's list of charges, as CSV.", show_default=False),
    ] = None,
    *,
    id_column: Annotated[str | None, typer.Option(metavar="NAME", help="The column of request ids.")] = None,
    amount_column: Annotated[str | None, typer.Option(metavar="NAME", help="The column of amounts.")] = None,
    before: Annotated[str | None, typer.Option(metavar="USD", help=_BALANCE.format(other="after"))] = None,
    after: Annotated[str | None, typer.Option(metavar="USD", help=_BALANCE.format(other="before"))] = None,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Where the period begins: 2026-11-01, 7d, 12h.")
    ] = None,
    options: LedgerOptions,
) -> int:
    """Compare what was charged, by the vendor's statement or by two balances, with the ledger.

    Prints what does not agree: charged more than once, at another price, for FAILED, not in this ledger, or COMPLETED
    and not charged. The code is 0 where all agrees, else 1.
    """
    from datetime import UTC, datetime

    from seedvr_cli.values.errors import UsageError
    from seedvr_cli.values.schedule import parse_since

    common = options.resolve()
    try:
        begin = parse_since(since, datetime.now(UTC)).timestamp() if since is not None else None
    except ValueError as error:
        raise UsageError(f"--since: {error}") from error
    if statement is not None:
        if before is not None or after is not None:
            raise UsageError("a statement, or --before and --after: one of the two")
        return _by_statement(common, statement, id_column, amount_column, begin)
    if before is None or after is None or begin is None:
        raise UsageError("reconcile: a statement, or --before, --after and --since, are what is compared",
                         hint="'seedvr reconcile --help'")  # fmt: skip
    return _by_balances(common, _usd("--before", before), _usd("--after", after), begin)


def _by_statement(
    common: "Common", path: str, id_column: str | None, amount_column: str | None, begin: float | None
) -> int:
    import time
    from collections import Counter

    from seedvr_cli.ledger.glance import jobs_between, jobs_of
    from seedvr_cli.settings.folders import state_folder
    from seedvr_cli.values.statement import compare

    read, folder = _read(path, id_column, amount_column), state_folder()
    jobs = jobs_of(folder, common.gateway_name, [charge.request_id for charge in read.charges])
    read = read.with_signs(jobs.keys())
    instants = [job.submitted_at.timestamp() for job in jobs.values() if job.submitted_at]
    # Without a date of the user's, the period is that of the jobs which the statement has.
    period = (min(instants, default=0.0) if begin is None else begin,
              max(instants, default=0.0 if begin is None else time.time()))  # fmt: skip
    found = Counter[str]()
    for finding in compare(read.charges, jobs, jobs_between(folder, common.gateway_name, *period)):
        found[finding.kind] += 1
        if common.json or finding.kind != "matched":
            _write(common, finding)
    _sum_up(common, found, read.others, has_period=begin is not None or bool(instants))
    return 0 if set(found) <= {"matched"} else 1


def _read(path: str, id_column: str | None, amount_column: str | None) -> "Statement":
    from seedvr_cli.plan.lists import UNREADABLE, text_of
    from seedvr_cli.values.errors import UsageError
    from seedvr_cli.values.statement import read_statement

    try:
        with open(path, "rb") as file:
            return read_statement(text_of(file), path, id_column=id_column, amount_column=amount_column)
    except UNREADABLE as error:
        raise UsageError(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def _by_balances(common: "Common", before: int, after: int, begin: float) -> int:
    from seedvr_cli.ledger.glance import spending
    from seedvr_cli.render import machine
    from seedvr_cli.render.results import write_line
    from seedvr_cli.settings.folders import state_folder
    from seedvr_cli.values.money import as_usd, show_usd

    _, total = spending(state_folder(), common.gateway_name, begin)
    listed, doubtful, charged = total.listed, total.maybe + total.unknown, before - after
    # What ended FAILED, still runs or was never answered may be part of it.
    agrees = listed <= charged <= listed + doubtful
    if common.json:
        sums = {"charged_usd": charged, "listed_usd": listed, "doubtful_usd": doubtful}
        write_line(machine.line({"v": machine.VERSION, **{name: as_usd(sum_) for name, sum_ in sums.items()},
                                 "agrees": agrees}))  # fmt: skip
    else:
        off = charged - listed if charged < listed else charged - listed - doubtful
        verdict = "agrees" if agrees else f"differs by {show_usd(off)}"
        may = f", and {show_usd(doubtful)} that may be charged" if doubtful else ""
        write_line(f"{verdict}\t{show_usd(charged)} charged\t{show_usd(listed)} listed{may}")
    return 0 if agrees else 1


def _write(common: "Common", finding: "Finding") -> None:
    from seedvr_cli.render import machine
    from seedvr_cli.render.results import write_line
    from seedvr_cli.render.talk import clean
    from seedvr_cli.values.money import as_usd, show_usd

    if common.json:
        value: dict[str, Any] = {"v": machine.VERSION, "kind": finding.kind, "request_id": finding.request_id}
        amounts = {"charged_usd": finding.charged, "listed_usd": finding.listed}
        value |= {name: None if amount is None else as_usd(amount) for name, amount in amounts.items()}
        write_line(machine.line({**value, "source": finding.source}))
        return
    amounts_shown = ("-" if amount is None else show_usd(amount) for amount in (finding.charged, finding.listed))
    write_line("\t".join((finding.kind, clean(finding.request_id), *amounts_shown, clean(finding.source or "-"))))


def _sum_up(common: "Common", found: "Counter[str]", others: "Sequence[int]", *, has_period: bool) -> None:
    from seedvr_cli.values.money import show_usd
    from seedvr_cli.values.statement import MEANINGS

    if others:
        what = "1 line names" if len(others) == 1 else f"{len(others)} lines name"
        common.talk.say(f"seedvr: {what} no request: {show_usd(sum(others))} is not compared")
    words = [f"{found[kind]} {kind} ({meaning})" for kind, meaning in MEANINGS.items() if found[kind]]
    unlooked = ", and nothing was to be" if has_period else "; --since says from when on jobs were to be charged"
    common.talk.say(f"seedvr: {', '.join(words) or f'nothing is charged{unlooked}'}")


def _usd(flag: str, text: str) -> int:
    from seedvr_cli.values.errors import UsageError
    from seedvr_cli.values.money import parse_usd

    try:
        return parse_usd(text)
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from error
