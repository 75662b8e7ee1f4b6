"""What would be sent: printed (--dry-run), or written down for `seedvr apply` (--plan). Nothing is."""

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

from seedvr_cli.cli.context import Common
from seedvr_cli.cli.own_file import check_own_file
from seedvr_cli.cli.quote import Quote, quoted
from seedvr_cli.plan.planner import Prospect
from seedvr_cli.render.human import name_of
from seedvr_cli.render.talk import clean, error_line
from seedvr_cli.run.policy import Policy
from seedvr_cli.values.errors import SeedvrError, UsageError, worst_exit_code
from seedvr_cli.values.items import Outcome
from seedvr_cli.values.money import as_usd, show_usd


def print_requests(common: Common, prospects: Iterable[Prospect], policy: Policy) -> int:
    """--dry-run: each request and its list price on standard output, the sum on standard error."""
    from seedvr_cli.render.results import write_line, write_lines

    base = "sandbox:" if common.sandbox else common.base_url
    count = total = settled = 0
    codes: set[int] = set()
    with quoted(common, prospects, policy) as quotes:
        for quote in quotes:
            price = quote.price
            if isinstance(quote.look, SeedvrError):
                codes.add(2 if isinstance(quote.look, UsageError) else 1)
                common.talk.error(error_line(quote.look, clean(quote.prospect.source.text)))
                if common.json:
                    write_lines(_object_lines(common, quote, base))
                continue
            if quote.look is not None and quote.look.remark is not None:
                common.talk.say(clean(f"seedvr: {name_of(quote.prospect.item())}: {quote.look.remark}"))
            if quote.is_sent:
                count, total = count + 1, total + price
            settled += quote.job is not None
            if common.json:
                write_lines(_object_lines(common, quote, base))
            elif quote.is_sent:
                write_line(f"{show_usd(price)}\t{_as_text(quote.prospect, base)}")
    requests = "1 request" if count == 1 else f"{count} requests"
    already = f"; {settled} more {'is' if settled == 1 else 'are'} in the ledger, and sent no more" if settled else ""
    cap = policy.max_cost
    beyond = f"; a run ends at --max-cost {show_usd(cap)}" if cap is not None and total > cap else ""
    common.talk.say(f"seedvr: {requests}, list price {show_usd(total)}; nothing is sent{already}{beyond}")
    return _summed_up(common, policy, worst_exit_code(codes))


def check_plan_file(path: str, others: Sequence[str | None], *, overwrite: bool) -> None:
    """UsageError where no plan could be written there, or it would replace what is none."""
    from seedvr_cli.plan.plan_file import is_plan

    check_own_file("--plan", path, "plan", is_plan, others, overwrite=overwrite)


def write_plan(
    common: Common, prospects: Iterable[Prospect], policy: Policy, path: str, *, with_versions: bool = False
) -> int:  # fmt: skip
    """--plan: each request that would be sent becomes a line of the file; nothing is sent.

    `with_versions`: which version of each source is there now stands in it, where that is to be seen.
    """
    from seedvr_cli.plan.plan_file import PlanWriter
    from seedvr_cli.values.whole import writing_whole

    if policy.new:
        raise UsageError("--plan and --new: a plan that is applied twice would pay twice")
    count = total = 0
    codes: set[int] = set()
    try:
        with (
            writing_whole(os.path.realpath(path)) as file,
            PlanWriter(
                file, common.gateway_name, retry_failed=policy.retry_failed, if_changed=policy.if_changed
            ) as plan,
            quoted(common, prospects, policy, with_versions=with_versions or policy.if_changed) as quotes,
        ):  # fmt: skip
            for quote in quotes:
                if isinstance(quote.look, SeedvrError):
                    codes.add(2 if isinstance(quote.look, UsageError) else 1)
                    common.talk.error(error_line(quote.look, clean(quote.prospect.source.text)))
                elif quote.is_sent:
                    count, total = count + 1, total + quote.price
                    version = quote.look.version if quote.look else None
                    plan.add(quote.prospect, quote.price, version or quote.prospect.seen)
    except OSError as error:
        raise UsageError(f"--plan {path}: {error.strerror or error}") from error
    requests = "1 request" if count == 1 else f"{count} requests"
    common.talk.say(f"seedvr: {requests}, list price {show_usd(total)}; 'seedvr apply {path}' submits just that")
    return _summed_up(common, policy, worst_exit_code(codes))


def _summed_up(common: Common, policy: Policy, code: int) -> int:
    """The exit code; --summary says that nothing was done, as what an earlier run has written there is no longer so."""
    if policy.summary is None:
        return code
    from seedvr_cli.cli.totals import Totals
    from seedvr_cli.render.tally import Tally

    return Totals(policy.summary, Tally(), common.talk, has_page=False).end(code)


def _as_text(prospect: Prospect, base: str) -> str:
    request = prospect.item().request
    headers = "".join(f" {name}: {value}" for name, value in request.headers.items())
    return f"POST {base}{request.endpoint.path}{headers}\t{json.dumps(request.body)}"


def _object_lines(common: Common, quote: Quote, base: str) -> list[str]:
    """The object of it, or what was picked of that."""
    from seedvr_cli.render.results import picked_line

    text = picked_line(_as_object(quote, base), common.pick)
    return [] if text is None else [text]


def _as_object(quote: Quote, base: str) -> dict[str, Any]:
    from seedvr_cli.render import machine

    item = quote.prospect.item()
    request = item.request
    error = quote.look if isinstance(quote.look, SeedvrError) else None
    value = machine.outcome_object(Outcome(item=item, job=quote.job, resumed=quote.job is not None, error=error))
    value["request"] = None
    if quote.is_sent and error is None:
        value["price_usd"] = as_usd(quote.price)
        url, headers = base + request.endpoint.path, dict(request.headers)
        value["request"] = {"method": "POST", "url": url, "headers": headers, "body": request.body}
    return value
