"""What a run would cost: printed by --dry-run, and asked about before much is spent."""

import itertools
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from seedvr_cli.cli.context import Common
from seedvr_cli.plan.planner import Prospect
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.money import as_usd, show_usd

if TYPE_CHECKING:
    from seedvr_cli.ledger.jobs import Ledger

# Millionths of a dollar of list price that are spent without a question.
ASK_ABOVE = 1_000_000
# Keys in one look at the ledger.
LARGEST_LOOKUP = 500


def print_requests(common: Common, prospects: Iterable[Prospect]) -> int:
    """--dry-run: each request and its list price on standard output, the sum on standard error."""
    from seedvr_cli.render import machine
    from seedvr_cli.render.results import write_line
    from seedvr_cli.values.items import Outcome

    base = "sandbox:" if common.sandbox else common.base_url
    count = total = 0
    for prospect in prospects:
        item = prospect.item()
        request = item.request
        count, total = count + 1, total + request.price()
        url = base + request.endpoint.path
        if common.json:
            value = machine.outcome_object(Outcome(item=item))
            value["price_usd"] = as_usd(request.price())
            headers = dict(request.headers)
            value["request"] = {"method": "POST", "url": url, "headers": headers, "body": request.body}
            write_line(machine.line(value))
        else:
            shown = "".join(f" {name}: {value}" for name, value in request.headers.items())
            write_line(f"{show_usd(request.price())}\tPOST {url}{shown}\t{machine.line(request.body)}")
    requests = "1 request" if count == 1 else f"{count} requests"
    common.talk.say(f"seedvr: {requests}, list price {show_usd(total)}; nothing is sent")
    return 0


async def ask_before(common: Common, ledger: "Ledger", prospects: Iterable[Prospect], *, yes: bool) -> None:
    """Before a run whose list price passes a dollar, on a terminal, ask; what the ledger knows costs nothing."""
    if yes or common.sandbox or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    total, chunk = 0, list[Prospect]()
    for prospect in itertools.chain(prospects, [None]):
        if prospect is not None:
            chunk.append(prospect)
        if len(chunk) >= LARGEST_LOOKUP or prospect is None:
            known = await ledger.paid_keys([one.key for one in chunk])
            total += sum({one.key: one.recipe.request.price() for one in chunk if one.key not in known}.values())
            chunk = []
    if total <= ASK_ABOVE:
        return
    print(f"seedvr: this may cost {show_usd(total)} by the list. Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise UsageError("nothing is submitted", hint="--yes answers for you, --max-cost sets a limit")
