"""What a result gets of its source before it has its name: metadata, sound, time, and a word of where it comes from."""

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from seedvr_cli.metadata.carry import adjusted, read_metadata, with_properties, write_metadata
from seedvr_cli.metadata.metadata import Metadata, MetadataError
from seedvr_cli.run.originals import fetch_source
from seedvr_cli.run.policy import Keep
from seedvr_cli.run.source_file import find_source, identity_of
from seedvr_cli.run.state import RunState
from seedvr_cli.tracks.carry import FORMATS, can_carry, carry_tracks
from seedvr_cli.values.events import Notice
from seedvr_cli.values.items import Attachment, Item
from seedvr_cli.values.job import Job
from seedvr_cli.values.media import measure_unturned, orientation, sniff_file
from seedvr_cli.values.structure import Size
from seedvr_cli.values.urls import file_path, is_object_url

# Pictures that metadata are carried between.
TYPES = frozenset({"image/jpeg", "image/png", "image/webp"})
# Pixels a side of what is compared where sizes do not tell how a picture was turned.
PATCH = 16
# How a picture of each orientation stands upright (Exif 2.32, 4.6.4): Pillow's ways of turning it.
_TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}

Finish = Callable[[str, str, Size | None], Awaitable[bool]]


def finisher(item: Item, job: Job, run: RunState) -> Finish:
    """What changes a whole file of that job; what goes wrong is told, and never loses the file."""
    policy = run.policy

    def tell(text: str) -> None:
        run.emit(Notice(f"{item.label}: {text}"))

    async def finish(part: str, media_type: str, size: Size | None) -> bool:
        if media_type in FORMATS:
            async with _original(item, job, run, policy.keep_sound, part, tell) as source:
                return source is not None and await _carry_tracks(source, part, media_type, run, tell)
        if media_type not in TYPES or size is None:
            return False
        properties = _properties(job) if policy.embed else {}
        async with _original(item, job, run, policy.keep_metadata, part, tell) as source:
            return await _carry_metadata(source, part, media_type, size, properties, tell)

    return finish


async def _carry_tracks(
    source: str, part: str, media_type: str, run: RunState, tell: Callable[[str], None]
) -> bool:  # fmt: skip
    if not (sniff_file(source) or "").startswith("video/"):
        return False
    if not can_carry():
        run.tell_once("a video gets back the sound that it lost with PyAV alone: pip install 'seedvr-cli[video]'")
        return False
    carried = await carry_tracks(source, part, media_type)
    for trouble in carried.troubles:
        tell(trouble)
    return carried.is_changed


async def _carry_metadata(
    source: str | None, part: str, media_type: str, size: Size, properties: Mapping[str, str],
    tell: Callable[[str], None],
) -> bool:  # fmt: skip
    if source is None and not properties:
        return False
    try:
        troubles = await asyncio.to_thread(carry, source, part, media_type, size, properties)
    except MetadataError as error:
        tell(f"its metadata are left out: {error}")
        return False
    for trouble in troubles:
        tell(trouble)
    return True


def carry(
    source: str | None, part: str, media_type: str, size: Size, properties: Mapping[str, str]
) -> tuple[str, ...]:  # fmt: skip
    """Write what `source` says of its picture, and these properties, into `part`; what could not be carried.

    Raises MetadataError, and then `part` is as it was, and OSError.
    """
    metadata = Metadata()
    source_type = sniff_file(source) if source is not None else None
    if source is not None and source_type in TYPES:
        stands = is_upright(source, source_type, part, media_type)
        metadata = adjusted(
            read_metadata(source, source_type),
            width=size.width,
            height=size.height,
            is_upright=stands,
            is_turned=stands and orientation(source, source_type) != 1,
        )
    if properties:
        if metadata.xmp is None:  # what the gateway has written stays beside ours
            metadata = replace(metadata, xmp=read_metadata(part, media_type).xmp)
        metadata = with_properties(metadata, properties)
    with tempfile.TemporaryFile(dir=os.path.dirname(part)) as made:  # it has no name that could be left behind
        troubles = write_metadata(part, media_type, metadata, made)
        made.seek(0)
        with open(part, "r+b") as file:
            shutil.copyfileobj(made, file, 1 << 20)
            file.truncate()
    if source is not None:
        changed = os.stat(source).st_mtime_ns
        os.utime(part, ns=(changed, changed))
    return (*metadata.troubles, *troubles)


def is_upright(source: str, source_type: str, made: str, media_type: str) -> bool:
    """Whether the result was turned as the source's orientation says, so that it must not be turned once more.

    Pixels are compared as they are stored: what the result says itself of its orientation is replaced.
    """
    turn = orientation(source, source_type)
    before, after = measure_unturned(source, source_type), measure_unturned(made, media_type)
    if turn == 1 or before is None or after is None:
        return True
    if turn >= 5 and before.width != before.height:
        return (before.width >= before.height) != (after.width >= after.height)
    return _looks_upright(source, made, turn, media_type)


def _looks_upright(source: str, made: str, turn: int, media_type: str) -> bool:
    """By a look at both, small: is the result more like the picture that was turned, or more like the other?"""
    from PIL import Image, ImageChops, ImageStat

    try:
        with Image.open(source) as before, Image.open(made, formats=[media_type.removeprefix("image/")]) as after:
            plain, result = (one.convert("RGB").resize((PATCH, PATCH)) for one in (before, after))
    except Exception:  # noqa: BLE001 - readers of pictures raise whatever they like
        return True
    turned = plain.transpose(Image.Transpose(_TURNS[turn]))
    unlike = [sum(ImageStat.Stat(ImageChops.difference(result, one)).sum) for one in (turned, plain)]
    return unlike[0] <= unlike[1]


@asynccontextmanager
async def _original(
    item: Item, job: Job, run: RunState, keep: Keep, part: str, tell: Callable[[str], None]
) -> AsyncIterator[str | None]:
    """The source's file while the block lasts: that of this machine, or a URL's, fetched beside the `.part`."""
    path = await asyncio.to_thread(_local_source, item, job) if keep != "none" else None
    url = _source_url(item, job)
    if path is None and keep != "none" and item.source is not None and "://" not in item.source:
        run.tell_once("nothing is carried over from sources that are gone, or were changed since they were submitted")
    if path is None and keep == "all" and is_object_url(item.source or ""):
        tell("nothing is carried over, as a source in an object store is not fetched for it")
    if path is not None or keep != "all" or url is None:
        yield path
        return
    copy = f"{part}.source"
    try:
        with suppress(FileNotFoundError):  # of a run that was killed
            os.unlink(copy)
        limit, seconds = run.policy.max_filesize, run.policy.timeout
        trouble = await fetch_source(run.gateway.media.fetch, url, copy, limit=limit, seconds=seconds)
        if trouble:
            tell(f"nothing is carried over, as its source cannot be fetched: {trouble}")
        yield None if trouble else copy
    finally:
        with suppress(FileNotFoundError):
            os.unlink(copy)


def _source_url(item: Item, job: Job) -> str | None:
    """Where the source can be fetched, by anybody."""
    url = (job.source or "") if isinstance(item, Attachment) else item.request.source.url
    return url if "://" in url and not url.startswith("file:") and not is_object_url(url) else None


def _local_source(item: Item, job: Job) -> str | None:
    """The file of this machine that the job was made of, if it is still what it was, and can be read."""
    if isinstance(item, Attachment):
        return find_source(job)
    source = item.request.source
    path = source.path or (file_path(source.url) if source.url.startswith("file:") else "")
    if not path or "://" in path or not os.path.isfile(path):
        return None
    return path if identity_of(path) == source.identity else None


def _properties(job: Job) -> dict[str, str]:
    """Where the result comes from; a URL without its query, which may be a signature."""
    known = {
        "RequestId": job.request_id,
        "Endpoint": job.endpoint,
        "Parameters": json.dumps(dict(job.params), sort_keys=True),
        "Source": job.source.partition("?")[0] if job.source and "://" in job.source else None,
    }
    return {name: value for name, value in known.items() if value}
