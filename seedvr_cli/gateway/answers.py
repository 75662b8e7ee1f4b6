"""What an answer of the gateway or of a media server says."""

import json
from typing import Any

from seedvr_cli.gateway.transport import Incoming, Reply
from seedvr_cli.values.answer import Answer, Stream
from seedvr_cli.values.errors import DeliveryError
from seedvr_cli.values.schedule import parse_timestamp

# Characters of an error body that are worth a line.
LONGEST_MESSAGE = 300
_KNOWN_FIELDS = frozenset(
    {"request_id", "status", "model_id", "error", "output", "created_at", "updated_at", "completed_at", "polling_url"}
)


def parse_answer(body: Any) -> Answer | None:
    """An Answer from the JSON that submissions, polls and callbacks share; None where it is nothing of the kind."""
    if not isinstance(body, dict):
        return None
    request_id, status, output = as_text(body.get("request_id")), as_text(body.get("status")), body.get("output")
    if status is None and request_id:
        status = "QUEUED"
    if status is None:
        return None
    output = output if isinstance(output, dict) else {}
    media = output.get("media_url")
    media = media if isinstance(media, list) else [media]
    error = body.get("error")
    extra = {key: value for key, value in body.items() if key not in _KNOWN_FIELDS}
    rest = {key: value for key, value in output.items() if key not in {"media_url", "media_type"}}
    return Answer(
        request_id=request_id or None,
        status=status.strip().upper(),
        media_url=tuple(url for url in map(as_text, media) if url),
        media_type=as_text(output.get("media_type")),
        error=as_text(error) if isinstance(error, str) or error is None else json.dumps(error),
        created_at=parse_timestamp(body.get("created_at")),
        completed_at=parse_timestamp(body.get("completed_at")),
        extra={**extra, **({"output": rest} if rest else {})},
    )


def read_stream(incoming: Incoming, offset: int) -> Stream:
    headers = incoming.headers
    encoded = headers.get("Content-Encoding", "identity").lower() not in {"", "identity"}
    length = headers.get("Content-Length", "")
    total = int(length) if length.isdigit() and not encoded else None
    begin = 0
    if incoming.status == 206:
        unit, _, rest = headers.get("Content-Range", "").partition(" ")
        span, _, size = rest.partition("/")
        first = span.partition("-")[0]
        if unit != "bytes" or not first.isdigit() or int(first) != offset:
            raise DeliveryError(f"the media server answered another range than was asked for: {rest[:60]!r}")
        begin = offset
        total = int(size) if size.isdigit() else None if total is None else total + offset
    etag = headers.get("ETag")
    strong = etag if etag and not etag.startswith("W/") and not encoded else None
    return Stream(begin, total, strong, incoming.chunks)


def read_json(reply: Reply) -> Any:
    try:
        return json.loads(reply.content)
    except (ValueError, RecursionError):
        return None


def as_text(value: Any) -> str | None:
    """A text that can be written down: JSON may carry half a character."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def excerpt(text: str) -> str:
    """One short line of a body, HTML's tags taken out."""
    import re

    if "<" in text:
        text = re.sub(r"(?is)<(script|style|head)\b.*?</\1>|<[^>]*>", " ", text)
    return " ".join(text.split())[:LONGEST_MESSAGE]
