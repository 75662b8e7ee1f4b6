"""What an item's result is to be called, and that no other item of the run takes the name."""

import os
import sys

from seedvr_cli.ledger.files import Deliveries
from seedvr_cli.run.state import RunState
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.items import Item
from seedvr_cli.values.job import Job
from seedvr_cli.values.media import EXTENSIONS
from seedvr_cli.values.naming import Output, accepts, numbered, render_name
from seedvr_cli.values.system import name_key

# Bytes that a file's name may have, on nearly all systems; and characters that a request id is likely to have.
NAME_BYTES = 255
REQUEST_ID_LENGTH = 64


async def check_place(output: Output, key: str | None, run: RunState, *, again: bool) -> None:
    """UsageError where an explicit name is in use by something that is not this job's own.

    What is no regular file is never replaced, and neither is the `.part` of another job. Of a store of objects it is
    tried whether it takes any: NoPlace or DeliveryError.
    """
    overwrite = run.policy.overwrite
    if output.is_object:
        await run.stores.prepare(output.folder)
        if output.kind == "file" and not overwrite:
            await _check_object(output.template, key, run, again=again)
    elif output.kind == "file":
        await _check_file(output, key, run.ledger.deliveries, again=again, overwrite=overwrite)


async def _check_object(url: str, key: str | None, run: RunState, *, again: bool) -> None:
    from seedvr_cli.run.deposit import Label
    from seedvr_cli.run.stores import UNPAID

    for path in (url, f"{url}.part"):  # by which a large result keeps its name
        facts = await run.stores.call(path, lambda store, name: store.facts(name), hint=UNPAID)
        label = Label.read(facts) if facts else None
        if facts is not None and (again or label is None or label.key != key):
            raise UsageError(
                f"-o {url}: {path} is in the way, and not this job's own", hint="choose another name, or --overwrite"
            )


async def _check_file(
    output: Output, key: str | None, deliveries: Deliveries, *, again: bool, overwrite: bool
) -> None:  # fmt: skip
    path = os.path.abspath(output.template)
    taken = [name for name in (path, f"{path}.part") if os.path.lexists(name)]
    for name in taken:
        if not os.path.isfile(name) or os.path.islink(name):
            raise UsageError(f"-o {output.template}: {name} is in the way: it is no regular file")
    if not taken or (overwrite and taken == [path]):
        return
    if again or await deliveries.owner_key(path) != key or not await deliveries.is_own(path):
        raise UsageError(
            f"-o {output.template}: {taken[0]} is in the way, and not this job's own",
            hint="choose another name, or --overwrite",
        )


def _check_name(output: Output, path: str) -> None:
    """UsageError for a name that no file can have."""
    try:
        encoded = os.fsencode(path)
    except UnicodeEncodeError:
        what = f"-o {output.template}: {path!r} has characters that no file's name has here"
        raise UsageError(
            f"{what} ({sys.getfilesystemencoding()})", hint="set LC_ALL=C.UTF-8, or PYTHONUTF8=1"
        ) from None
    if len(os.path.basename(encoded)) > NAME_BYTES:
        raise UsageError(f"-o {output.template}: names of files have room for {NAME_BYTES} bytes, '.part' included")


class ResultName:
    """Of one item; held from the start until `release`."""

    def __init__(self, item: Item, run: RunState) -> None:
        self._item = item
        self._run = run
        base = self._render("", f"item-{item.index}")  # no two have the same request id, whatever it will be
        self._base = name_key(base) if item.output.kind != "stdout" and not item.output.is_object else base
        self._number = run.names.hold(self._base)

    @property
    def is_exact(self) -> bool:
        """Whether it is an explicit file name, which gets no number."""
        return self._item.output.kind == "file"

    @property
    def first_number(self) -> int:
        """From which number on names are tried."""
        return 1 if self.is_exact else self._number

    @property
    def held_by_others(self) -> frozenset[int]:
        """Numbers of this name that other items of the run mean to use."""
        return frozenset() if self.is_exact else self._run.names.others(self._base, self._number)

    def release(self) -> None:
        """Let the name go."""
        self._run.names.release(self._base, self._number)

    async def check(self, key: str, *, again: bool) -> None:
        """UsageError where the name is taken or too long: nothing is paid for a result that has no place to go."""
        output = self._item.output
        tail = ".part" if self.is_exact else "-999.part"
        if output.kind != "stdout" and not output.is_object:
            _check_name(output, self._render(".webp", "x" * REQUEST_ID_LENGTH) + tail)
        if self.is_exact or output.is_object:
            await check_place(output, key, self._run, again=again)
        if self.is_exact and self._number > 1 and not self._run.policy.overwrite:
            raise UsageError(f"{output.template} is another item's already", hint="choose another name")

    def shown(self, job: Job, media_type: str, position: int) -> str:
        """The path in the form in which it was asked for, of the job's file at that position, before numbers."""
        return numbered(self._render(EXTENSIONS.get(media_type, ""), job.request_id or "", job), position + 1)

    def accepts(self, path: str, base: str) -> bool:
        """Whether a recorded path is what is asked for: an explicit name is exact, others may be numbered."""
        return path == base if self.is_exact else accepts(path, base)

    def _render(self, ext: str, request_id: str, job: Job | None = None) -> str:
        item = self._item
        return render_name(
            item.output,
            name=item.name,
            ext=ext,
            params=item.params,
            endpoint=item.endpoint or "",
            request_id=request_id,
            index=item.index,
            submitted_at=job.submitted_at if job else None,
            key=item.key_name,
            tags=item.tags,
        )
