"""What a run would cost beside what the ledger has: printed by --dry-run, and asked about before much is spent."""

import json
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from seedvr_cli.cli.context import Common
from seedvr_cli.plan.planner import Prospect
from seedvr_cli.render.human import name_of
from seedvr_cli.render.talk import clean, error_line
from seedvr_cli.run.policy import Policy
from seedvr_cli.values.errors import SeedvrError, UsageError, worst_exit_code
from seedvr_cli.values.items import Outcome
from seedvr_cli.values.job import Job
from seedvr_cli.values.money import as_usd, show_usd
from seedvr_cli.values.urls import is_object_url

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

    `look` is what was seen of the source, where one looked, or why nothing is to be bought.
    """

    prospect: Prospect
    job: Job | None
    is_sent: bool
    look: "Look | SeedvrError | None" = None

    @property
    def price(self) -> int:
        """In millionths of a dollar; nothing where the source is refused."""
        if isinstance(self.look, SeedvrError):
            return 0
        return self.look.price if self.look is not None else self.prospect.recipe.request.price()


Looks = Callable[[Sequence[Prospect]], Mapping[int, "Look | SeedvrError"]]
# Of prospects and the jobs that are known by their keys, the keys of those that are submitted again.
Outdated = Callable[[Sequence[Prospect], Mapping[str, Job]], Container[str]]


def print_requests(common: Common, prospects: Iterable[Prospect], policy: Policy) -> int:
    """--dry-run: each request and its list price on standard output, the sum on standard error."""
    from seedvr_cli.render.results import write_line, write_lines

    base = "sandbox:" if common.sandbox else common.base_url
    count = total = settled = 0
    codes: set[int] = set()
    looks: Looks = _looks(common) if policy.check == "all" else lambda _: {}
    compare: Outdated = lambda some, jobs: _outdated(common, some, jobs, policy)  # noqa: E731 - as above
    with _quotes(_followed(common, prospects), policy, looks, compare) as quotes:
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
    common.talk.say(f"seedvr: {requests}, list price {show_usd(total)}; nothing is sent{already}")
    return worst_exit_code(codes)


def write_plan(common: Common, prospects: Iterable[Prospect], policy: Policy, path: str) -> int:
    """--plan: each request that would be sent becomes a line of the file; nothing is sent."""
    from seedvr_cli.plan.plan_file import PlanWriter
    from seedvr_cli.values.whole import writing_whole

    if policy.new:
        raise UsageError("--plan and --new: a plan that is applied twice would pay twice")
    count = total = 0
    codes: set[int] = set()
    looks: Looks = _looks(common) if policy.check == "all" else lambda _: {}
    if policy.if_changed and policy.check != "all":
        looks = _glimpses(common)
    compare: Outdated = lambda some, jobs: _outdated(common, some, jobs, policy)  # noqa: E731 - as above
    try:
        with (
            writing_whole(path) as file,
            PlanWriter(
                file, common.gateway_name, retry_failed=policy.retry_failed, if_changed=policy.if_changed
            ) as plan,
            _quotes(_followed(common, prospects), policy, looks, compare) as quotes,
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
    return worst_exit_code(codes)


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
    compare: Outdated = lambda some, _: {one.key for one in some if policy.if_changed and _is_at_url(one)}  # noqa: E731
    with _quotes(prospects, policy, lambda _: looks or {}, compare) as quotes:
        total = sum(quote.price for quote in quotes if quote.is_sent)
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


@contextmanager
def _quotes(
    prospects: Iterable[Prospect], policy: Policy, looks: Looks, compare: Outdated
) -> Iterator[Iterator[_Quote]]:  # fmt: skip
    """What would become of each of them."""
    from seedvr_cli.ledger.place import is_there
    from seedvr_cli.settings.folders import state_folder

    folder = state_folder()
    if policy.new or not is_there(folder):
        yield _quoted(prospects, policy, lambda _: {}, looks, compare)
        return
    from seedvr_cli.ledger.glance import counting_jobs

    with counting_jobs(folder) as look:
        yield _quoted(prospects, policy, look, looks, compare)


def _quoted(
    prospects: Iterable[Prospect], policy: Policy, look: Callable[[Sequence[str]], Mapping[str, Job]], looks: Looks,
    compare: Outdated,
) -> Iterator[_Quote]:  # fmt: skip
    seen: dict[str, None] = {}
    for chunk in _chunks(prospects):
        known = look([one.key for one in chunk])
        if policy.retry_failed:
            known = {key: job for key, job in known.items() if job.state != "failed"}
        if known:
            again = compare([one for one in chunk if one.key in known and one.key not in seen], known)
            known = {key: job for key, job in known.items() if key not in again}
        seen_of = looks([one for one in chunk if one.key not in known and one.key not in seen and one.trouble is None])
        for one in chunk:
            job = known.get(one.key)
            found = one.trouble or seen_of.get(one.index)
            yield _Quote(one, job, is_sent=job is None and one.key not in seen, look=found)
            seen[one.key] = None
            if len(seen) > REMEMBERED:
                del seen[next(iter(seen))]


def _looks(common: Common) -> Looks:
    """Looks at the sources of requests, without a key."""
    import asyncio

    from seedvr_cli.run.preflight import look_at_all

    async def look(prospects: Sequence[Prospect]) -> "Mapping[int, Look | SeedvrError]":
        async with common.asking() as gateway:
            return await look_at_all({one.index: one.item().request for one in prospects}, gateway)

    return lambda prospects: asyncio.run(look(prospects))


def _glimpses(common: Common) -> Looks:
    """Which versions of their sources requests are for; what is not to be seen hinders nothing."""
    import asyncio

    from seedvr_cli.gateway.client import Gateway
    from seedvr_cli.run.change import glimpse_all
    from seedvr_cli.run.preflight import Look, Sight

    async def look(prospects: Sequence[Prospect]) -> "Mapping[int, Look | SeedvrError]":
        requests = {one.index: one.item().request for one in prospects if _is_at_url(one)}
        async with Gateway(common.base_url, "") as gateway:
            seen = await glimpse_all(requests, gateway)
        return {
            number: Look(Sight(None, None, None, is_animated=False, version=version), requests[number].price())
            for number, version in seen.items()
        }

    return lambda prospects: asyncio.run(look(prospects))


def _followed(common: Common, prospects: Iterable[Prospect]) -> Iterator[Prospect]:
    """The prospects, each with the format of its source where that is asked for: it is looked at, without a key."""
    for chunk in _chunks(prospects):
        if not any(one.follow for one in chunk):
            yield from chunk
            continue
        import asyncio

        from seedvr_cli.run.follow import follow

        async def look(some: Sequence[Prospect]) -> Sequence[Prospect]:
            async with common.asking() as gateway:
                return await follow(some, gateway)

        yield from asyncio.run(look(chunk))


def _outdated(common: Common, prospects: Sequence[Prospect], jobs: Mapping[str, Job], policy: Policy) -> set[str]:
    if not policy.looks_again:
        return set()
    from seedvr_cli.cli.changed import outdated

    return outdated(common, prospects, jobs, policy)


def _is_at_url(prospect: Prospect) -> bool:
    return not prospect.source.identity.startswith("sha256:") and not is_object_url(prospect.source.url)


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


def _object_lines(common: Common, quote: _Quote, base: str) -> list[str]:
    """The object of it, or what was picked of that."""
    from seedvr_cli.render.results import picked_line

    text = picked_line(_as_object(quote, base), common.pick)
    return [] if text is None else [text]


def _as_object(quote: _Quote, base: str) -> dict[str, Any]:
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
