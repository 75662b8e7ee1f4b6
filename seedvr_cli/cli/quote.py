"""What a run would cost beside what the ledger has: what is sent of all that was asked for, at which list price."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from seedvr_cli.cli.context import Common
from seedvr_cli.plan.planner import Prospect
from seedvr_cli.run.policy import Policy
from seedvr_cli.values.errors import SeedvrError, UsageError
from seedvr_cli.values.job import Job
from seedvr_cli.values.urls import is_object_url

if TYPE_CHECKING:
    from seedvr_cli.run.preflight import Look

# Keys in one look at the ledger.
LARGEST_LOOKUP = 500
# Keys that are remembered, so that a source which stands twice counts once; a list may have a million others.
REMEMBERED = 100_000


class Quote(NamedTuple):
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


def quoted(
    common: Common, prospects: Iterable[Prospect], policy: Policy, *, with_versions: bool = False
) -> AbstractContextManager[Iterator[Quote]]:  # fmt: skip
    """What would become of each of them, looked at as the policy says; `with_versions`: if only for their versions."""
    looks: Looks = lambda _: {}  # noqa: E731 - as its type says
    if policy.check == "all":
        looks = _looks(common)
    elif with_versions:
        looks = _glimpses(common)
    return quotes(
        _followed(common, prospects), policy, looks, lambda some, jobs: _outdated(common, some, jobs, policy)
    )  # fmt: skip


@contextmanager
def quotes(
    prospects: Iterable[Prospect], policy: Policy, looks: Looks, compare: Outdated
) -> Iterator[Iterator[Quote]]:  # fmt: skip
    """The same, by looks at sources and at the versions of what is paid for that others make."""
    from seedvr_cli.ledger.place import is_there
    from seedvr_cli.settings.folders import state_folder

    folder = state_folder()
    if policy.new or not is_there(folder):
        yield _in_chunks(prospects, policy, lambda _: {}, looks, compare)
        return
    from seedvr_cli.ledger.glance import counting_jobs

    with counting_jobs(folder) as look:
        yield _in_chunks(prospects, policy, look, looks, compare)


def _in_chunks(
    prospects: Iterable[Prospect], policy: Policy, look: Callable[[Sequence[str]], Mapping[str, Job]], looks: Looks,
    compare: Outdated,
) -> Iterator[Quote]:  # fmt: skip
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
            yield Quote(one, job, is_sent=job is None and one.key not in seen, look=found)
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

    from seedvr_cli.run.change import glimpse_all
    from seedvr_cli.run.preflight import Look, Sight

    async def look(prospects: Sequence[Prospect]) -> "Mapping[int, Look | SeedvrError]":
        requests = {one.index: one.item().request for one in prospects if is_at_url(one)}
        async with common.asking() as gateway:
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


def is_at_url(prospect: Prospect) -> bool:
    """Whether the source stands where it may change."""
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
