"""Passing over what a list has done already, with one look at the ledger for many lines and one at each file."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from seedvr_cli.plan.planner import Prospect
from seedvr_cli.values.items import Item, Outcome
from seedvr_cli.values.media import EXTENSIONS
from seedvr_cli.values.naming import accepts, render_name

if TYPE_CHECKING:  # they load the network and the event loop, which a command that finds nothing to do does not need
    from seedvr_cli.ledger.delivered import Delivered
    from seedvr_cli.ledger.files import Deliveries
    from seedvr_cli.run.state import RunState
    from seedvr_cli.values.errors import SeedvrError

Work = Prospect | Item


async def pass_over(chunk: Sequence[Work], deliveries: "Deliveries") -> tuple[list[Work], list[str]]:
    """What of a chunk is left to do, and the paths of what is done, as they are shown."""
    known = await deliveries.delivered_files([one.key for one in chunk if isinstance(one, Prospect)])
    return tell_apart(chunk, known)


def tell_apart(chunk: Sequence[Work], known: "Mapping[str, Delivered]") -> tuple[list[Work], list[str]]:
    """The same, of what the ledger has of these keys."""
    left: list[Work] = []
    paths: list[str] = []
    folder = ""  # names that begin in the current folder are told apart by it
    with suppress(OSError):
        folder = os.getcwd()
    for one in chunk:
        found = known.get(one.key) if isinstance(one, Prospect) and one.trouble is None else None
        path = _standing(one, folder, found) if found and isinstance(one, Prospect) else None
        if path is None:
            left.append(one)
        else:
            paths.append(path)
    return left, paths


async def refuse(chunk: Sequence[Work], run: "RunState") -> tuple[list[Work], list[Outcome]]:
    """What of a chunk is left to do, and the ends of what would not be submitted and is not paid for.

    For a run that submits nothing more, or has come to its cap: each item by itself would ask the ledger.
    """
    refused: dict[int, tuple[Prospect, SeedvrError]] = {}
    for number, one in enumerate(chunk):
        if isinstance(one, Prospect) and one.trouble is None:
            refusal = run.refusal(one.recipe.request.price())
            if refusal is not None:
                refused[number] = one, refusal
    after_failure = run.policy.retry_failed
    keys = [one.key for one, _ in refused.values()]
    paid = set() if run.policy.new else await run.ledger.paid_keys(keys, after_failure=after_failure)
    paid |= await run.submitted(keys)  # what stands twice is one job, whatever --new says
    gone = {number: refusal for number, refusal in refused.items() if refusal[0].key not in paid}
    ended = [Outcome(item=one.item(), error=refusal) for one, refusal in gone.values()]
    return [one for number, one in enumerate(chunk) if number not in gone], ended


def _standing(prospect: Prospect, folder: str, delivered: "Delivered") -> str | None:
    """The path as it is shown, where the file stands as it was delivered, under the name that is asked for."""
    path, size, mtime_ns, media_type, tags = delivered
    if not tags.issuperset(prospect.recipe.tags):
        return None  # the job is to get those that it has not
    request, output = prospect.recipe.request, prospect.recipe.output
    if output.kind == "stdout" or "{request_id}" in output.template or "{date}" in output.template:
        return None
    shown = render_name(
        output,
        name=prospect.source.name,
        ext=EXTENSIONS.get(media_type, ""),
        params=request.params,
        endpoint=request.endpoint.name,
        request_id="",
        index=prospect.index,
        submitted_at=None,
        key=prospect.key_name,
        tags=prospect.recipe.tags,
    )
    is_plain = path == f"{folder}{os.sep}{shown}"  # most are; a closer look costs more than all the rest
    if not is_plain:
        base = os.path.abspath(shown)
        if path != base and (output.kind == "file" or not accepts(path, base)):
            return None
    try:
        facts = os.stat(path)
    except OSError:
        return None
    if facts.st_size != size or facts.st_mtime_ns != mtime_ns:
        return None
    return shown if is_plain else os.path.join(os.path.dirname(shown), os.path.basename(path))
