"""-f same: the format of what stands behind a URL is seen there, before the key of its job is made."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from seedvr_cli.gateway.client import Gateway
from seedvr_cli.plan.formats import choose_instead
from seedvr_cli.plan.planner import Prospect
from seedvr_cli.run.preflight import AT_ONCE, see
from seedvr_cli.run.skim import Work
from seedvr_cli.values.errors import SourceRefused
from seedvr_cli.values.urls import is_object_url

W = TypeVar("W", Prospect, Work)


async def follow(chunk: Sequence[W], gateway: Gateway) -> Sequence[W]:
    """The chunk, each source that a format is to be taken of looked at; with a refusal where that is not to be had."""
    if not any(isinstance(one, Prospect) and one.follow is not None for one in chunk):
        return chunk
    room = asyncio.Semaphore(AT_ONCE)

    async def one_of(work: W) -> W:
        if not isinstance(work, Prospect):
            return work
        async with room:
            return await _followed(work, gateway)

    return await asyncio.gather(*map(one_of, chunk))


async def _followed(prospect: Prospect, gateway: Gateway) -> Prospect:
    if prospect.follow is None or prospect.trouble is not None:
        return prospect
    request = prospect.item().request
    try:
        if is_object_url(request.source.url):
            raise SourceRefused("an object is not looked at")  # noqa: TRY301 - one way for all that has no format
        sight = await see(request, gateway)
    except SourceRefused as error:
        refusal = SourceRefused(f"-f same: {error.message}", hint=choose_instead(request.endpoint))
        refusal.exit_code = error.exit_code
        return replace(prospect, refusal=refusal)
    return replace(prospect.follow(sight.media_type, sight.codec), seen=sight.version)
