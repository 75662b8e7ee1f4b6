"""--from and --shard: lists of sources, checked, streamed, and shared between machines."""

import os
import queue
import re
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from seedvr_cli.cli.context import Common
from seedvr_cli.cli.dry_run import print_requests, write_plan
from seedvr_cli.cli.failed_file import Failures
from seedvr_cli.cli.groups import MoneyOptions, SourceOptions
from seedvr_cli.cli.question import ask_before
from seedvr_cli.objects.opening import check_url, split_url
from seedvr_cli.plan.lists import List, open_list
from seedvr_cli.plan.planner import Planner, Prospect, check_output_folder
from seedvr_cli.plan.wishes import Wishes
from seedvr_cli.render.results import Form
from seedvr_cli.run.policy import Check, Policy
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.request import Source
from seedvr_cli.values.urls import is_object_url, is_plain_url

if TYPE_CHECKING:
    from seedvr_cli.run.session import Session

# Lines that are looked up in the ledger together.
CHUNK = 500
# Bad lines that are shown before the rest is only counted.
SHOWN_PROBLEMS = 20
# Where a cluster says which share of the work this process has: index, number of shares, first index.
CLUSTERS = (
    ("JOB_COMPLETION_INDEX", "JOB_COMPLETIONS", 0),  # Kubernetes; the number is set by the job file
    ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", None),  # counts from SLURM_ARRAY_TASK_MIN
    ("AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE", 0),
)


def upscale_lists(
    common: Common, sources: Sequence[str], wishes: Wishes, policy: Policy, form: Form,
    options: SourceOptions, money: MoneyOptions, failures: Failures, what_is_checked: Callable[[int | None], Check],
    is_planned_as_seen: Callable[[int | None], bool],
) -> int:  # fmt: skip
    """Run the sources and lists; returns the exit code. The last two say it of so many items."""
    lists = options.lists or ()
    streams = [path for path in lists if not os.path.isfile(path) and not is_object_url(path)]
    if len(lists) > len(set(lists)):
        raise UsageError("--from: a list is named twice")
    if "-" in lists and common.key_file == "-":
        raise UsageError("--from - and --api-key-file -: both want standard input")
    for path in lists:
        if is_object_url(path):
            check_url(path)
            if not split_url(path)[1] or path.endswith("/"):
                raise UsageError(f"--from {path} names no object", hint="s3://BUCKET/LIST.txt")
        elif path != "-" and not os.path.exists(path):
            raise UsageError(f"--from {path}: no such file")
    shard = parse_shard(options.shard)

    def prospects(*, only_files: bool = False, only_check: bool = False) -> Iterator[Prospect]:
        planner = Planner(wishes, common.gateway_name)
        for word in sources:
            yield from _share(planner.word(word), shard)
        for path in lists:
            if only_files and path in streams:
                continue
            with open_list(path) as opened:
                failures.describe(opened.form, opened.header)
                found = _prospects_of(opened, planner, only_check=only_check and shard[1] == 1)
                yield from _share(_begun(found, opened.name) if path in streams else found, shard)

    if wishes.key is not None:
        raise UsageError(f"--key {wishes.key}: one name for a whole list", hint="a list has a column 'key'")
    output = Planner(wishes).recipe({}).output
    if output.kind != "template":
        raise UsageError(f"-o {wishes.output}: a list needs a folder or a template such as '{{stem}}-{{index}}{{ext}}'")
    check_output_folder(output)
    total = _check(prospects(only_files=True, only_check=True), common)
    policy = replace(policy, check=what_is_checked(None if streams else total))
    if money.dry_run:
        return print_requests(common, _right(prospects(), common), policy)
    if money.plan is not None:
        seen = is_planned_as_seen(None if streams else total)
        return write_plan(common, _right(prospects(), common), policy, money.plan, with_versions=seen)
    from seedvr_cli.cli.session import prepare_claims
    from seedvr_cli.cli.work import Workload, run_work

    if total == 0 and not streams:
        common.talk.say("seedvr: no sources, nothing to do")

    async def find_work(session: "Session") -> Workload:
        await prepare_claims(common, session, policy)
        if "-" not in lists:
            ask_before(common, prospects(only_files=True), policy, yes=money.yes)
        is_slow = bool(streams) or any(map(is_object_url, lists))
        return Workload(chunks(prospects(), is_stream=is_slow), None if streams else total)

    return run_work(common, policy, form, find_work, failures)


def parse_shard(text: str | None) -> tuple[int, int]:
    """(index from 0, number of shares); `auto` reads it from the cluster's environment. UsageError if it is wrong."""
    if text is None:
        return 0, 1
    if text == "auto":
        return _cluster_shard()
    match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(f"--shard: {text!r} is not I/N with I from 1 to N, and not 'auto'")
    return int(match[1]) - 1, int(match[2])


def _cluster_shard() -> tuple[int, int]:
    for index_name, count_name, first in CLUSTERS:
        index, count = os.environ.get(index_name), os.environ.get(count_name)
        if index is None:
            continue
        if count is None:
            raise UsageError(f"--shard auto: {index_name} is set, but {count_name} is not",
                             hint="set it to the number of shares in the job file")  # fmt: skip
        with suppress(ValueError):
            base = _slurm_base(int(count)) if first is None else first
            number, shares = int(index) - base, int(count)
            if 0 <= number < shares:
                return number, shares
        raise UsageError(f"--shard auto: {index_name}={index} is not a share of {count_name}={count}")
    names = ", ".join(name for name, _, _ in CLUSTERS)
    raise UsageError(f"--shard auto: no cluster says which share this is ({names})", hint="give it as I/N")


def _slurm_base(count: int) -> int:
    """The index of the first share; UsageError for a part of an array, which does not say how many there are in all."""
    first, step = (
        int(os.environ.get(f"SLURM_ARRAY_TASK_{name}") or usual) for name, usual in (("MIN", 0), ("STEP", 1))
    )
    if count == 1 or step != 1:
        raise UsageError("--shard auto: this is a part of a Slurm array, and does not say how many shares there are",
                         hint='--shard "$((SLURM_ARRAY_TASK_ID + 1))/8", say')  # fmt: skip
    return first


def _share(prospects: Iterator[Prospect], shard: tuple[int, int]) -> Iterator[Prospect]:
    """This share: by the hash of the item, so that a changed list moves no other items."""
    index, shares = shard
    if shares == 1:
        return prospects
    return (one for one in prospects if int(one.key[:16], 16) % shares == index)


def _prospects_of(opened: List, planner: Planner, *, only_check: bool) -> Iterator[Prospect]:
    """The list's prospects; with `only_check` one stands for all lines that are plainly right."""
    name = "standard input" if opened.name == "-" else opened.name
    right = Prospect(0, "", Source("", "", "", ""), planner.recipe({}))
    for entry in opened.entries:
        if only_check and not entry.options and entry.problem is None and is_plain_url(entry.source):
            yield right
        else:
            yield from planner.line(entry, name)


def _begun(prospects: Iterator[Prospect], name: str) -> Iterator[Prospect]:
    """The prospects of a stream, whose first line must be right: it may be no list at all, or have another header."""
    first = next(prospects, None)
    if first is None:
        return
    if first.problem is not None:
        shown = "standard input" if name == "-" else name
        raise UsageError(
            f"--from {shown}: its first line is no source: {first.problem}",
            hint="a list has URLs, JSON objects with a 'source', or a CSV header with a column 'source'",
        )
    yield first
    yield from prospects


def _check(prospects: Iterator[Prospect], common: Common) -> int:
    """Read regular files whole before anything is paid; how many items there are. UsageError where lines are bad."""
    return sum(1 for _ in _right(prospects, common))


def _right(prospects: Iterator[Prospect], common: Common) -> Iterator[Prospect]:
    """Those that are right; at the end, UsageError where some were not, the first of which are shown."""
    problems = 0
    for prospect in prospects:
        if prospect.problem is None:
            yield prospect
            continue
        problems += 1
        if problems <= SHOWN_PROBLEMS:
            common.talk.error(f"seedvr: {prospect.where}: {prospect.problem}")
    if problems:
        lines = "1 line is" if problems == 1 else f"{problems} lines are"
        raise UsageError(f"{lines} wrong, and nothing was submitted")


async def chunks(prospects: Iterator[Prospect], *, is_stream: bool = False) -> AsyncGenerator[Sequence[Prospect], None]:
    """The prospects in chunks; those of a stream, or of a store, as they come: others do not wait meanwhile."""
    if not is_stream:
        chunk: list[Prospect] = []
        for prospect in prospects:
            chunk.append(prospect)
            if len(chunk) >= CHUNK:
                yield chunk
                chunk = []
        yield chunk
        return
    import asyncio

    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    lines: queue.Queue[Prospect | Exception | None] = queue.Queue(maxsize=CHUNK)

    def read() -> None:
        end: Exception | None = None
        try:
            for prospect in prospects:
                lines.put(prospect)
                loop.call_soon_threadsafe(ready.set)
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            end = error
        lines.put(end)
        with suppress(RuntimeError):  # the run may be over
            loop.call_soon_threadsafe(ready.set)

    threading.Thread(target=read, name="list", daemon=True).start()
    while True:
        await ready.wait()
        ready.clear()
        chunk = []
        while not lines.empty():
            line = lines.get()
            if line is None or isinstance(line, Exception):
                yield chunk
                if line is not None:
                    raise line
                return
            chunk.append(line)
        if chunk:
            yield chunk
