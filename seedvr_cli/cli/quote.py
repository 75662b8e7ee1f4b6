"""What a run would cost beside what the ledger has: printed by --dry-run, and asked about before much is spent."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from seedvr_cli.cli.context import Common
from seedvr_cli.plan.planner import Prospect
from seedvr_cli.render.talk import clean, error_line
from seedvr_cli.run.policy import Policy
from seedvr_cli.values.errors import SourceRefused, UsageError
from seedvr_cli.values.items import Outcome
from seedvr_cli.values.job import Job
from seedvr_cli.values.money import as_usd, show_usd

if TYPE_CHECKING:
    from seedvr_cli.run.preflight import Look

# Millionths of a dollar of list price that are spent without a question.
ASK_ABOVE = 1_000_000
# Keys in one look at the ledger.
LARGEST_LOOKUP = 500
# Keys that are remembered, so that a source which stands twice counts once; a list may have a million others.
REMEMBERED = 100_000


class _Quote(NamedTuple):
    """`job` is the one on whose account nothing is sent; a source that stands twice is sent once.

    `look` is what was seen of the source, where one looked.
    """

    prospect: Prospect
    job: Job | None
    is_sent: bool
    look: "Look | SourceRefused | None" = None

    @property
    def price(self) -> int:
        """In millionths of a dollar; nothing where the source is refused."""
        if isinstance(self.look, SourceRefused):
            return 0
        return self.look.price if self.look is not None else self.prospect.recipe.request.price()


Looks = Callable[[Sequence[Prospect]], Mapping[int, "Look | SourceRefused"]]


def print_requests(common: Common, prospects: Iterable[Prospect], policy: Policy) -> int:
    """--dry-run: each request and its list price on standard output, the sum on standard error."""
    from seedvr_cli.render.results import write_line

    base = "sandbox:" if common.sandbox else common.base_url
    count = total = settled = refused = 0
    looks: Looks = _looks(common) if policy.check == "all" else lambda _: {}
    with _quotes(prospects, policy, looks) as quotes:
        for quote in quotes:
            price = quote.price
            if isinstance(quote.look, SourceRefused):
                refused += 1
                common.talk.error(error_line(quote.look, clean(quote.prospect.source.text)))
                continue
            if quote.is_sent:
                count, total = count + 1, total + price
            settled += quote.job is not None
            if common.json:
                write_line(_as_json(quote, base))
            elif quote.is_sent:
                write_line(f"{show_usd(price)}\t{_as_text(quote.prospect, base)}")
    requests = "1 request" if count == 1 else f"{count} requests"
    already = f"; {settled} more {'is' if settled == 1 else 'are'} in the ledger, and sent no more" if settled else ""
    common.talk.say(f"seedvr: {requests}, list price {show_usd(total)}; nothing is sent{already}")
    return 1 if refused else 0


def write_plan(common: Common, prospects: Iterable[Prospect], policy: Policy, path: str) -> int:
    """--plan: each request that would be sent becomes a line of the file; nothing is sent."""
    from seedvr_cli.plan.plan_file import PlanWriter
    from seedvr_cli.values.whole import writing_whole

    if policy.new:
        raise UsageError("--plan and --new: a plan that is applied twice would pay twice")
    count = total = refused = 0
    looks: Looks = _looks(common) if policy.check == "all" else lambda _: {}
    try:
        with (
            writing_whole(path) as file,
            PlanWriter(file, common.gateway_name, retry_failed=policy.retry_failed) as plan,
            _quotes(prospects, policy, looks) as quotes,
        ):
            for quote in quotes:
                if isinstance(quote.look, SourceRefused):
                    refused += 1
                    common.talk.error(error_line(quote.look, clean(quote.prospect.source.text)))
                elif quote.is_sent:
                    count, total = count + 1, total + quote.price
                    plan.add(quote.prospect, quote.price)
    except OSError as error:
        raise UsageError(f"--plan {path}: {error.strerror or error}") from error
    requests = "1 request" if count == 1 else f"{count} requests"
    common.talk.say(f"seedvr: {requests}, list price {show_usd(total)}; 'seedvr apply {path}' submits just that")
    return 1 if refused else 0


def may_ask(common: Common, *, yes: bool) -> bool:
    """Whether there is somebody who can be asked, and something to ask."""
    return not yes and not common.sandbox and sys.stdin.isatty() and sys.stderr.isatty()


def ask_before(
    common: Common, prospects: Iterable[Prospect], policy: Policy, *, yes: bool,
    looks: Mapping[int, "Look | SourceRefused"] | None = None,
) -> None:  # fmt: skip
    """Before a run whose list price passes a dollar, on a terminal, ask; what the ledger knows costs nothing.

    `looks` are what was seen of the sources.
    """
    if not may_ask(common, yes=yes):
        return
    with _quotes(prospects, policy, lambda _: looks or {}) as quotes:
        total = sum(quote.price for quote in quotes if quote.is_sent)
    if total <= ASK_ABOVE:
        return
    print(f"seedvr: this may cost {show_usd(total)} by the list. Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise UsageError("nothing is submitted", hint="--yes answers for you, --max-cost sets a limit")


@contextmanager
def _quotes(prospects: Iterable[Prospect], policy: Policy, looks: Looks) -> Iterator[Iterator[_Quote]]:
    """What would become of each of them."""
    from seedvr_cli.ledger.place import is_there
    from seedvr_cli.settings.folders import state_folder

    folder = state_folder()
    if policy.new or not is_there(folder):
        yield _quoted(prospects, policy, lambda _: {}, looks)
        return
    from seedvr_cli.ledger.glance import counting_jobs

    with counting_jobs(folder) as look:
        yield _quoted(prospects, policy, look, looks)


def _quoted(
    prospects: Iterable[Prospect], policy: Policy, look: Callable[[Sequence[str]], Mapping[str, Job]], looks: Looks
) -> Iterator[_Quote]:
    seen: dict[str, None] = {}
    for chunk in _chunks(prospects):
        known = look([one.key for one in chunk])
        if policy.retry_failed:
            known = {key: job for key, job in known.items() if job.state != "failed"}
        seen_of = looks([one for one in chunk if one.key not in known and one.key not in seen])
        for one in chunk:
            job = known.get(one.key)
            yield _Quote(one, job, is_sent=job is None and one.key not in seen, look=seen_of.get(one.index))
            seen[one.key] = None
            if len(seen) > REMEMBERED:
                del seen[next(iter(seen))]


def _looks(common: Common) -> Looks:
    """Looks at the sources of requests, without a key."""
    import asyncio

    from seedvr_cli.gateway.client import Gateway
    from seedvr_cli.run.preflight import look_at_all

    async def look(prospects: Sequence[Prospect]) -> "Mapping[int, Look | SourceRefused]":
        async with Gateway(common.base_url, "") as gateway:
            return await look_at_all({one.index: one.item().request for one in prospects}, gateway)

    return lambda prospects: asyncio.run(look(prospects))


def _chunks(prospects: Iterable[Prospect]) -> Iterator[list[Prospect]]:
    """All of them; where reading them ends with an error, those before it come first."""
    chunk: list[Prospect] = []
    try:
        for one in prospects:
            chunk.append(one)
            if len(chunk) >= LARGEST_LOOKUP:
                yield chunk
                chunk = []
    except UsageError:
        yield chunk
        raise
    yield chunk


def _as_text(prospect: Prospect, base: str) -> str:
    request = prospect.item().request
    headers = "".join(f" {name}: {value}" for name, value in request.headers.items())
    return f"POST {base}{request.endpoint.path}{headers}\t{json.dumps(request.body)}"


def _as_json(quote: _Quote, base: str) -> str:
    from seedvr_cli.render import machine

    item = quote.prospect.item()
    request = item.request
    value = machine.outcome_object(Outcome(item=item, job=quote.job, resumed=quote.job is not None))
    value["request"] = None
    if quote.is_sent:
        value["price_usd"] = as_usd(quote.price)
        url, headers = base + request.endpoint.path, dict(request.headers)
        value["request"] = {"method": "POST", "url": url, "headers": headers, "body": request.body}
    return machine.line(value)
