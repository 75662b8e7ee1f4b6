"""What a result gets of its source before it has its name: metadata, time, and a word of where it comes from."""

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit
from urllib.request import url2pathname

from seedvr_cli.metadata.carry import adjusted, read_metadata, with_properties, write_metadata
from seedvr_cli.metadata.metadata import Metadata, MetadataError
from seedvr_cli.values.items import Attachment, Item
from seedvr_cli.values.job import Job
from seedvr_cli.values.media import measure_unturned, orientation, sniff_file
from seedvr_cli.values.structure import Size

# Pictures that metadata are carried between.
TYPES = frozenset({"image/jpeg", "image/png", "image/webp"})
# Pixels a side of what is compared where sizes do not tell how a picture was turned.
PATCH = 16
# How a picture of each orientation stands upright (Exif 2.32, 4.6.4): Pillow's ways of turning it.
_TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}

Finish = Callable[[str, str, Size | None], Awaitable[bool]]


def finisher(
    item: Item, job: Job, *, keep_metadata: bool, embed: bool, tell: Callable[[str], None]
) -> Finish | None:  # fmt: skip
    """What changes a whole file of that job; None where nothing is to be changed. `tell` takes what went wrong."""
    source = _local_source(item, job) if keep_metadata else None
    properties = _properties(job) if embed else {}
    if source is None and not properties:
        return None

    async def finish(part: str, media_type: str, size: Size | None) -> bool:
        if media_type not in TYPES or size is None:
            return False
        try:
            troubles = await asyncio.to_thread(carry, source, part, media_type, size, properties)
        except MetadataError as error:
            tell(f"its metadata are left out: {error}")
            return False
        for trouble in troubles:
            tell(trouble)
        return True

    return finish


def carry(
    source: str | None, part: str, media_type: str, size: Size, properties: Mapping[str, str]
) -> tuple[str, ...]:  # fmt: skip
    """Write what `source` says of its picture, and these properties, into `part`; what could not be carried.

    Raises MetadataError, and then `part` is as it was, and OSError.
    """
    metadata = Metadata()
    source_type = sniff_file(source) if source is not None else None
    if source is not None and source_type in TYPES:
        metadata = adjusted(
            read_metadata(source, source_type),
            width=size.width,
            height=size.height,
            is_upright=is_upright(source, source_type, part, media_type, size),
        )
    elif properties:
        metadata = Metadata(xmp=read_metadata(part, media_type).xmp)
    if properties:
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


def is_upright(source: str, source_type: str, made: str, media_type: str, size: Size) -> bool:
    """Whether the result was turned as the source's orientation says, so that it must not be turned once more."""
    turn = orientation(source, source_type)
    stored = measure_unturned(source, source_type)
    if turn == 1 or stored is None:
        return True
    was_wide, is_wide = stored.width >= stored.height, size.width >= size.height
    if turn >= 5 and stored.width != stored.height:
        return was_wide != is_wide
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


def _local_source(item: Item, job: Job) -> str | None:
    """The file of this machine that the job was made of, if it is still there as it was."""
    if isinstance(item, Attachment):
        path = job.source or ""
    else:
        source = item.request.source
        path = source.path or (url2pathname(urlsplit(source.url).path) if source.url.startswith("file:") else "")
    if not path or "://" in path or not os.path.isfile(path):
        return None
    if isinstance(item, Attachment) and job.submitted_at and os.stat(path).st_mtime > job.submitted_at.timestamp():
        return None
    return path


def _properties(job: Job) -> dict[str, str]:
    """Where the result comes from; a URL without its query, which may be a signature."""
    known = {
        "RequestId": job.request_id,
        "Endpoint": job.endpoint,
        "Parameters": json.dumps(dict(job.params), sort_keys=True),
        "Source": job.source.partition("?")[0] if job.source and "://" in job.source else None,
    }
    return {name: value for name, value in known.items() if value}
