"""The question before a run that may cost much."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from seedvr_cli.cli.context import Common
from seedvr_cli.cli.quote import is_at_url, quotes
from seedvr_cli.plan.planner import Prospect
from seedvr_cli.run.policy import Policy
from seedvr_cli.values.errors import SeedvrError, UsageError
from seedvr_cli.values.money import show_usd

if TYPE_CHECKING:
    from seedvr_cli.run.preflight import Look

# Millionths of a dollar of list price that are spent without a question.
ASK_ABOVE = 1_000_000


def may_ask(common: Common, *, yes: bool) -> bool:
    """Whether there is somebody who can be asked, and something to ask."""
    return not yes and not common.sandbox and sys.stdin.isatty() and sys.stderr.isatty()


def ask_before(
    common: Common, prospects: Iterable[Prospect], policy: Policy, *, yes: bool,
    looks: Mapping[int, "Look | SeedvrError"] | None = None,
) -> None:  # fmt: skip
    """Before a run whose list price passes a dollar, on a terminal, ask; what the ledger knows costs nothing.

    `looks` are what was seen of the sources. With --if-changed all that stands at a URL may have to be paid for again,
    and of a list with -f same it is not known yet what the ledger has.
    """
    if not may_ask(common, yes=yes):
        return

    def may_change(some: Sequence[Prospect], _: object) -> set[str]:
        return {one.key for one in some if policy.if_changed and is_at_url(one)}

    with quotes(prospects, policy, lambda _: looks or {}, may_change) as found:
        total = sum(quote.price for quote in found if quote.is_sent)
    if policy.max_cost is not None:
        total = min(total, policy.max_cost)
    if total <= ASK_ABOVE:
        return
    question = f"seedvr: this may cost {show_usd(total)} by the list. Go on? [y/N] "
    if _answer(question).strip().lower() not in {"y", "yes"}:
        raise UsageError("nothing is submitted", hint="--yes answers for you, --max-cost sets a limit")


def _answer(question: str) -> str:
    """A line from the terminal. Ctrl-C ends the command here and now: an event loop would wait for the line first."""
    import select
    import signal
    import socket

    ours, woken = socket.socketpair()  # a signal that comes just before the wait ends it as well
    woken.setblocking(False)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    wakes = signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    try:
        print(question, end="", file=sys.stderr, flush=True)
        select.select([sys.stdin, ours], [], [])
        return sys.stdin.readline()
    except KeyboardInterrupt:
        print(file=sys.stderr)
        raise
    finally:
        signal.set_wakeup_fd(wakes)
        signal.signal(signal.SIGINT, before)
        ours.close()
        woken.close()
