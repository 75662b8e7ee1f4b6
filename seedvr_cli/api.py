"""The public face for Python: upscale from a program, under the same promise as the command line.

The key, the gateway and the ledger are found as the command finds them (cli.md, Where settings come from), or given;
what one of the two has paid for, the other does not pay for again. What may be imported from `seedvr_cli` is public,
and changes as the command line does: with a new major version only.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Any, Literal, Self

from seedvr_cli.ledger.glance import own_results
from seedvr_cli.plan.lists import Entry
from seedvr_cli.plan.planner import Planner, Prospect, check_output_folder
from seedvr_cli.plan.wishes import Wishes
from seedvr_cli.run.ask import ask, attachments, check_home
from seedvr_cli.run.engine import Engine, in_one_chunk
from seedvr_cli.run.policy import Policy, find_target, make_policy
from seedvr_cli.run.session import Access, Session, find_access, open_session
from seedvr_cli.run.skim import Work
from seedvr_cli.settings.file import find_base_url, load
from seedvr_cli.settings.folders import state_folder
from seedvr_cli.settings.key import check_key
from seedvr_cli.settings.ledger_url import find_ledger_url
from seedvr_cli.settings.trust import find_trust
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.events import Finished
from seedvr_cli.values.items import Outcome
from seedvr_cli.values.options import OPTIONS, option_name, read
from seedvr_cli.values.request import choose_endpoint
from seedvr_cli.values.result import Result, result_of
from seedvr_cli.values.urls import is_local_gateway

Kind = Literal["image", "video"]
# A source as the command takes it: an https URL, a path, or a mapping with the keys of a list's line.
Source = str | os.PathLike[str] | Mapping[str, Any]

# Sources that are handed to a run together.
CHUNK = 64
# What a client is asked for; every other option is a call's.
CLIENT_OPTIONS = (
    "overwrite",
    "max_filesize",
    "jobs",
    "poll_interval",
    "timeout",
    "max_cost",
    "rate",
    "new",
    "retry_failed",
)


class Client:
    """A gateway and a ledger, open for the length of an `async with` block.

    `api_key`, `base_url`, `sandbox` and `profile` say which; None is what the command would find. `output` is where
    results go: a folder (ending in `/`), a template with `{}` or, for one source, a file; None is the current folder.
    `jobs` are in flight at once (16). `poll_interval` and `timeout` are seconds, or texts such as `30m`; the timeout
    ends the waiting, never the job. `max_cost` is US dollars for each call of `upscale`, `rate` submissions a second,
    or a text such as `30/m`, `max_filesize` bytes of a result, or a text such as `8G`. `new`, `retry_failed` and
    `overwrite` are the command's flags.

    Entering raises UsageError (a value or the config file is wrong), KeyMissing or LedgerError.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        sandbox: bool = False,
        profile: str | None = None,
        output: str | os.PathLike[str] | None = None,
        overwrite: bool | None = None,
        max_filesize: int | str | None = None,
        jobs: int | None = None,
        poll_interval: float | str | None = None,
        timeout: float | str | None = None,
        max_cost: float | str | None = None,
        rate: float | str | None = None,
        new: bool = False,
        retry_failed: bool = False,
    ) -> None:
        self._api_key = api_key
        self._base_url = base_url
        self._sandbox = sandbox
        self._profile = profile
        self._output = None if output is None else os.fspath(output)
        self._given = {
            "overwrite": overwrite,
            "max_filesize": max_filesize,
            "jobs": jobs,
            "poll_interval": poll_interval,
            "timeout": timeout,
            "max_cost": max_cost,
            "rate": rate,
        }
        self._plain: dict[str, Any] = {"new": new, "retry_failed": retry_failed}
        self._engines: set[Engine] = set()
        self._stack = AsyncExitStack()
        self._session: Session | None = None

    async def __aenter__(self) -> Self:
        self._settings = load(self._profile)
        self._values = {name: _read(name, value) for name, value in self._given.items()}
        base_url = _read("base_url", self._base_url)
        if self._api_key is not None and not self._sandbox:
            key, url = check_key(self._api_key, "api_key"), find_base_url(self._settings, base_url)
            shared = find_ledger_url(self._settings)
            trust = find_trust(self._settings, url)
            access = Access(base_url=url, key=key, folder=state_folder(), ledger_url=shared, trust=trust)
        else:
            access, _ = find_access(self._settings, base_url=base_url, sandbox=self._sandbox)
        self._session = await self._stack.enter_async_context(open_session(access))
        return self

    async def __aexit__(self, *_: object) -> None:
        """End what still runs as Ctrl-C does: nothing more is submitted, and what is in the air is recorded."""
        for engine in list(self._engines):
            await engine.aclose()
        self._session = None
        await self._stack.aclose()

    async def upscale(
        self,
        sources: Source | Iterable[Source] | AsyncIterable[Source],
        *,
        kind: Kind = "image",
        model: str | None = None,
        output: str | os.PathLike[str] | None = None,
        param: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> AsyncIterator[Result]:
        """Upscale pictures (or, with `kind="video"`, videos); a result for each source, as soon as it is there.

        `options` are the command's flags: `scale=2`, `width=`, `height=`, `target="2160p"`, `format=`, `noise=`,
        `seed=`, `webhook=` and so on; `param` are other keys of the request's body. A source may be a mapping with
        options of its own (`{"source": "https://...", "scale": 4, "key": "mine"}`). What goes wrong with one source is
        its result's `error`; UsageError is raised where the options are wrong, and then nothing is submitted.

        Breaking off, cancelling the task or leaving the client's block ends the run; the same call again continues.
        """
        planner = self._planner(kind, model, output, {**options, **({"param": param} if param else {})})
        async with aclosing(self._run(_chunks(planner, sources), self._policy(kind))) as outcomes:
            async for outcome in outcomes:
                yield result_of(outcome)

    async def status(self, request_ids: Sequence[str]) -> list[Result]:
        """Ask the gateway once for each job; what is learned of an own job is recorded."""
        session = self._open_session()
        check_home(session.access.folder, session.access.name, request_ids)
        return [result_of(await ask(session, request_id)) for request_id in request_ids]

    async def download(
        self, request_ids: Sequence[str] | None = None, *, output: str | os.PathLike[str] | None = None
    ) -> AsyncIterator[Result]:
        """Wait for jobs and deliver their results; without ids, all that is paid for and was not yet delivered."""
        session, target = self._open_session(), self._output if output is None else os.fspath(output)
        check_home(session.access.folder, session.access.name, request_ids or ())
        items = await attachments(session, request_ids, target)
        async with aclosing(self._run(in_one_chunk(items), self._policy("video"))) as outcomes:
            async for outcome in outcomes:
                yield result_of(outcome)

    async def _run(self, work: AsyncGenerator[Sequence[Work], None], policy: Policy) -> AsyncGenerator[Outcome, None]:
        engine = self._open_session().engine(policy)
        self._engines.add(engine)
        try:
            async with aclosing(engine.run(work)) as events:
                async for event in events:
                    if isinstance(event, Finished):
                        yield event.outcome
        finally:
            self._engines.discard(engine)

    def _policy(self, kind: Kind) -> Policy:
        circumstances = (kind, *(["sandbox"] if self._sandbox else []))
        return make_policy(self._settings, *circumstances, **self._values, **self._plain)

    def _planner(
        self, kind: Kind, model: str | None, output: str | os.PathLike[str] | None, options: Mapping[str, Any]
    ) -> Planner:
        access = self._open_session().access
        values = {option_name(name): _read(name, value) for name, value in options.items()}
        target = self._output if output is None else os.fspath(output)
        if target == "-":
            raise UsageError("output: '-' is the command line's; give a folder, a template or a file")
        wishes = Wishes(
            endpoint=choose_endpoint(kind, model),
            extra=values.pop("param", {}),
            tags=values.pop("tag", ()),
            options=values,
            output=target,
            local_files=is_local_gateway(access.base_url),
            uploads=None if self._sandbox else find_target(self._settings),
            defaults=self._settings.values,
            own_results=lambda paths: own_results(access.folder, paths),
        )
        planner = Planner(wishes, access.name)
        check_output_folder(planner.recipe({}).output)
        return planner

    def _open_session(self) -> Session:
        if self._session is None:
            raise RuntimeError("the client is used outside of its 'async with' block")
        return self._session


def upscale(
    sources: Source | Iterable[Source],
    *,
    kind: Kind = "image",
    model: str | None = None,
    output: str | os.PathLike[str] | None = None,
    api_key: str | None = None,
    base_url: str | None = None,
    sandbox: bool = False,
    profile: str | None = None,
    **options: Any,
) -> list[Result]:
    """Upscale and wait: the results in the order of the sources. Blocks; for use outside of an event loop.

    Options are those of `Client.upscale`, and of `Client` itself. Raises what these raise; what goes wrong with one
    source is its result's `error`.
    """
    own = {name: options.pop(name) for name in CLIENT_OPTIONS if name in options}

    async def run() -> list[Result]:
        client = Client(api_key=api_key, base_url=base_url, sandbox=sandbox, profile=profile, output=output, **own)
        async with client:
            planner = client._planner(kind, model, None, options)
            events = client._run(_chunks(planner, sources), client._policy(kind))
            outcomes = [outcome async for outcome in events]
        return [result_of(outcome) for outcome in sorted(outcomes, key=lambda outcome: outcome.item.index)]

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(run())
    raise UsageError("upscale() waits, and an event loop is at work here, as in a notebook",
                     hint="async with Client() as client: async for result in client.upscale(...)")  # fmt: skip


async def _chunks(
    planner: Planner, sources: Source | Iterable[Source] | AsyncIterable[Source]
) -> AsyncGenerator[Sequence[Prospect], None]:
    """The prospects of all sources: those of an asynchronous iterable as they come, the others some at a time."""
    number = 0
    if isinstance(sources, AsyncIterable):
        async for source in sources:
            number += 1
            yield list(planner.line(_entry(number, source), "source"))
        return
    chunk: list[Prospect] = []
    for source in [sources] if isinstance(sources, str | os.PathLike | Mapping) else sources:
        number += 1
        chunk += planner.line(_entry(number, source), "source")
        if len(chunk) >= CHUNK:
            yield chunk
            chunk = []
    yield chunk


def _entry(number: int, source: Source) -> Entry:
    """A source as a list's line."""
    options: Mapping[str, Any] = {}
    word: Any = source
    if isinstance(source, Mapping):
        options = {name: value for name, value in source.items() if name != "source" and value is not None}
        word = source.get("source")
        if strange := [name for name in options if not isinstance(name, str)]:
            return Entry(number, "", {}, problem=f"there is no option {strange[0]!r}")
        if word is None:
            return Entry(number, "", options, problem='there is no "source"')
    text = os.fspath(word) if isinstance(word, str | os.PathLike) else None
    if not isinstance(text, str):  # a path may also be bytes
        return Entry(number, "", options, problem=f"a source is a text or a path, and this is {type(word).__name__}")
    return Entry(number, text, options)


def _read(name: str, value: Any) -> Any:
    """An argument's value, read by the table that flags and config files are read by."""
    option = option_name(name)
    if value is None:
        return None
    if option not in OPTIONS:
        raise UsageError(f"there is no option {name!r}")
    return read(option, value, name)
